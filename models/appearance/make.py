"""From a recipe to a signed appearance bundle: things, virtual passes, features, projection, network, measurement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from detector.appearance import Embedder
from detector.signing import SigningKey
from models.appearance.bundle import MODEL, write_appearance_bundle
from models.appearance.cache import cached_passes
from models.appearance.evidence import evidence_of
from models.appearance.features import Views
from models.appearance.learn import Projection, learn
from models.appearance.measure import Pairs, pairs_of, separation
from models.appearance.network import embedder, export_onnx, load_backbone
from models.appearance.recipe import AppearanceRecipe
from models.appearance.things import FindPeople, Side, Thing, read_things
from models.errors import DatasetError
from models.trainer_env import set_threads, ultralytics

PASSES = "passes.npz"

Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Opens a progress bar under a title; what it yields is called with (done, in all)."""


def make_appearance(
    recipe: AppearanceRecipe,
    *,
    data_root: Path,
    weights: Path,
    find_people: FindPeople,
    out: Path,
    key: SigningKey,
    bar: Bar,
) -> Embedder:
    """Fill ``out/bundle``; the virtual passes stay in ``out/passes.npz``, for another run that asks for the same.

    Raises:
        DatasetError: pictures or labels cannot be used, or no thing is on the train or on the val side.
        CheckpointError: the weights cannot be used.
        BundleError: the bundle does not pass a device's checks.
    """
    ultralytics()
    set_threads(1)
    things = read_things(recipe, data_root)
    with bar("virtual passes · 虚拟巡查") as progress:
        views = cached_passes(
            things, recipe, weights, find_people=find_people, file=out / PASSES, on_progress=progress
        ).views
    learnt_from, held_out = _side(views, things, "train"), _side(views, things, "val")
    with bar("projection · 投影") as progress:
        projection = learn(learnt_from, things, recipe.learning, progress)
    folder = out / "bundle"
    folder.mkdir(parents=True, exist_ok=True)
    export_onnx(
        embedder(load_backbone(weights), projection.mean, projection.matrix), folder / MODEL, recipe.crop.side_px
    )
    val = pairs_of(_embedded(held_out, projection), things)
    return write_appearance_bundle(
        folder,
        recipe,
        data_root=data_root,
        training=_training(recipe, things, weights),
        metrics=[*measured(views, things, projection, "val"), *measured(views, things, projection, "test")],
        evidence=evidence_of(val.same, val.alike),
        key=key,
    )


def measured(views: Views, things: Sequence[Thing], projection: Projection, side: Side) -> list[dict[str, Any]]:
    """Rows of the card: each source and kind of one side, random pairs and look-alikes apart."""
    embedded = _embedded(_side(views, things, side), projection)
    rows: list[dict[str, Any]] = []
    for source, kind in sorted({(things[i].source, things[i].kind) for i in embedded.thing.tolist()}):
        mine = np.array([(things[i].source, things[i].kind) == (source, kind) for i in embedded.thing.tolist()])
        pairs = pairs_of(Views(embedded.descriptor[mine], embedded.thing[mine]), things)
        shown = {"source": source, "kind": kind, "split": side, "things": len(np.unique(embedded.thing[mine]))}
        rows += [{**shown, **row} for row in rows_of(pairs)]
    return rows


def rows_of(pairs: Pairs) -> list[dict[str, Any]]:
    """The separation from random pairs and from look-alikes, where there are any."""
    sorts = (("random", pairs.random, pairs.random_of), ("look-alike", pairs.alike, pairs.alike_of))
    return [
        {"different": name, **_rounded(asdict(separation(pairs.same, pairs.same_of, scores, owners)))}
        for name, scores, owners in sorts
        if len(scores)
    ]


def _rounded(row: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def _side(views: Views, things: Sequence[Thing], side: Side) -> Views:
    found = views.of(things, side)
    if not len(found.thing):
        raise DatasetError(f"no thing is on the {side} side: name its places in the recipe")
    return found


def _embedded(views: Views, projection: Projection) -> Views:
    return Views(projection(views.descriptor), views.thing)


def _training(recipe: AppearanceRecipe, things: Sequence[Thing], weights: Path) -> dict[str, Any]:
    learnt = [thing for thing in things if thing.side == "train"]
    sources = [
        {
            "name": source.name,
            "origin": source.origin,
            "licence": source.licence,
            "attribution": source.attribution,
            "use": source.use,
            "things_learnt": sum(thing.source == source.name for thing in learnt),
            "places_learnt": len({thing.place for thing in learnt if thing.source == source.name}),
        }
        for source in recipe.sources
    ]
    return {
        "method": {
            "zh": "起始权重的前九层冻结；对其多层特征做掩膜池化，再以监督对比损失学习一个线性投影。",
            "en": "The start weights' first nine layers, frozen; their features pooled where nobody is painted over; "
            "a linear projection learnt with a supervised contrastive loss.",
        },
        "start_weights": recipe.start_weights,
        "start_weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "sources": sources,
        "passes": {"street": recipe.street.model_dump(mode="json"), "air": recipe.air.model_dump(mode="json")},
        "settings": recipe.learning.model_dump(),
        "versions": {name: version(name) for name in ("numpy", "torch", "ultralytics")},
    }
