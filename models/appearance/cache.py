"""Features are slow to make and do not depend on how the projection is learnt: they are kept beside the run.

The crops of the held-out sides are kept too, so that a benchmark shows every descriptor the very same pictures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.appearance.features import Views, crops_of
from models.appearance.network import load_backbone, pooled_features
from models.appearance.recipe import AppearanceRecipe
from models.appearance.things import FindPeople, Thing, by_picture


@dataclass(frozen=True, slots=True)
class Passes:
    """The virtual passes of a recipe.

    Attributes:
        views: the backbone's features of every pass.
        held_out: uint8 (H, 4, S, S), crops times 255 of the passes of val and test things, in the order of their rows.
        held_out_thing: int64 (H,), whose they are.
    """

    views: Views
    held_out: NDArray[np.uint8] = field(repr=False)
    held_out_thing: NDArray[np.int64]


def cached_passes(
    things: Sequence[Thing],
    recipe: AppearanceRecipe,
    weights: Path,
    *,
    find_people: FindPeople,
    file: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Passes:
    """The passes in `file` when they are those of this recipe and these weights; else they are made and kept there."""
    key = _key(things, recipe, weights)
    kept = _read(file, key)
    if kept is None:
        kept = _make(things, recipe, weights, find_people, on_progress)
        _write(file, key, kept)
    return kept


def _make(
    things: Sequence[Thing],
    recipe: AppearanceRecipe,
    weights: Path,
    find_people: FindPeople,
    on_progress: Callable[[int, int], None],
) -> Passes:
    import torch

    backbone = load_backbone(weights)
    features: list[NDArray[np.float32]] = []
    held_out: list[NDArray[np.uint8]] = []
    owner: list[int] = []
    held_out_owner: list[int] = []
    done = 0
    for image, indices in by_picture(list(things)):
        crops, shown = crops_of(image, [(i, things[i]) for i in indices], recipe, find_people)
        done += len(indices)
        on_progress(done, len(things))
        if not shown:
            continue
        planes = np.concatenate(crops)
        with torch.inference_mode():
            features.append(pooled_features(backbone, torch.from_numpy(planes)).numpy())
        owner += shown
        # All things of a picture are on one side.
        if things[shown[0]].side != "train":
            held_out.append((planes * 255).round().astype(np.uint8))
            held_out_owner += shown
    side_px = recipe.crop.side_px
    nothing = np.zeros((0, 4, side_px, side_px), np.uint8)
    return Passes(
        Views(np.concatenate(features), np.array(owner, np.int64)),
        np.concatenate([nothing, *held_out]),
        np.array(held_out_owner, np.int64),
    )


def _read(file: Path, key: str) -> Passes | None:
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as kept:
        if str(kept["key"]) != key:
            return None
        views = Views(kept["features"].astype(np.float32), kept["thing"])
        return Passes(views, kept["held_out"], kept["held_out_thing"])


def _write(file: Path, key: str, passes: Passes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npz")
    np.savez(
        partial,
        key=np.array(key),
        features=passes.views.descriptor.astype(np.float16),
        thing=passes.views.thing,
        held_out=passes.held_out,
        held_out_thing=passes.held_out_thing,
    )
    partial.replace(file)


def _key(things: Sequence[Thing], recipe: AppearanceRecipe, weights: Path) -> str:
    digest = hashlib.sha256(weights.read_bytes())
    made_by = {"street", "air", "crop", "sources"}
    digest.update(json.dumps(recipe.model_dump(mode="json", include=made_by), sort_keys=True).encode())
    settings = recipe.learning
    digest.update(repr((settings.views, settings.test_views, settings.seed)).encode())
    for thing in things:
        digest.update(repr((thing.source, thing.image.name, thing.xyxy, thing.side)).encode())
    return digest.hexdigest()
