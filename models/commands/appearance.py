"""``kerbwatch models appearance``: train and bundle the appearance embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.commands.progress import progress_bar
from models.commands.sign import SignKeyOption, signing_key_of


def appearance(
    recipe: Annotated[Path, typer.Option(help="Recipe YAML, e.g. datasets/recipes/appearance-n.yaml.")],
    data_root: Annotated[Path, typer.Option(help="Folder with the recipe's sources.")],
    weights: Annotated[Path, typer.Option(help="Start weights: a .pt file, or a name such as yolo26n.pt.")],
    people: Annotated[Path, typer.Option(help="Street bundle that finds the people who are painted over.")],
    out: Annotated[Path, typer.Option(help="Folder for passes.npz and bundle/.")],
    sign_key: SignKeyOption = None,
) -> None:
    """Make the embedding that tells whether two passes saw one thing; people are painted over first. 外观向量"""
    from detector.model.yolo import open_detector
    from models.appearance.features import people_finder
    from models.appearance.make import make_appearance
    from models.appearance.recipe import load_appearance_recipe
    from models.signing import workshop_trust
    from models.start_weights import resolve_weights

    signing_key = signing_key_of(sign_key)  # a bad key shows before the work
    made = make_appearance(
        load_appearance_recipe(recipe),
        data_root=data_root,
        weights=resolve_weights(weights),
        find_people=people_finder(open_detector(people, trust=workshop_trust())),
        out=out,
        key=signing_key,
        bar=progress_bar,
    )
    for row in made.bundle.card.metrics:
        line = f"{row['source']:14} {row['kind']:12} {row['split']:5} {row['different']:10} {row['things']:4} things  "
        typer.echo(line + f"AUC {row['auc']:.3f} ({row['low']:.3f}-{row['high']:.3f})  TPR@1% {row['tpr']:.3f}")
    typer.echo(f"bundle · 模型包: {made.bundle.dir}")
