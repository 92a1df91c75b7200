"""Features are slow to make and do not depend on how the projection is learnt: they are kept beside the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from models.appearance.features import Views, views_of
from models.appearance.network import load_backbone, pooled_features
from models.appearance.recipe import AppearanceRecipe
from models.appearance.things import FindPeople, Thing


def cached_features(
    things: Sequence[Thing],
    recipe: AppearanceRecipe,
    weights: Path,
    *,
    find_people: FindPeople,
    file: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Views:
    """The backbone's features of every thing's virtual passes, read from `file` when it was made for the same ones."""
    key = _key(things, recipe, weights)
    if file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return Views(kept["descriptor"].astype(np.float32), kept["thing"])
    import torch

    backbone = load_backbone(weights)

    def describe(crops: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return pooled_features(backbone, torch.from_numpy(crops)).numpy()

    (views,) = views_of(things, recipe, find_people=find_people, describe=[describe], on_progress=on_progress)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, key=np.array(key), descriptor=views.descriptor.astype(np.float16), thing=views.thing)
    partial.replace(file)
    return views


def _key(things: Sequence[Thing], recipe: AppearanceRecipe, weights: Path) -> str:
    digest = hashlib.sha256(weights.read_bytes())
    made_by = {"street", "air", "crop", "sources"}
    digest.update(json.dumps(recipe.model_dump(mode="json", include=made_by), sort_keys=True).encode())
    settings = recipe.learning
    digest.update(repr((settings.views, settings.test_views, settings.seed)).encode())
    for thing in things:
        digest.update(repr((thing.source, thing.image.name, thing.xyxy, thing.side)).encode())
    return digest.hexdigest()
