"""Features of many virtual passes, computed once: learning a projection on them then takes seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.appearance_crop import CropSpec, masked_crop
from detector.frame import Image
from models.appearance.passes import PassSpec, View, virtual_pass
from models.appearance.recipe import AppearanceRecipe
from models.appearance.things import FindPeople, Side, Thing


@dataclass(frozen=True, slots=True)
class Views:
    """Descriptors of virtual passes; row `i` shows thing `thing[i]`.

    Attributes:
        descriptor: float32 (V, F).
        thing: int64 (V,), index into the list of things; things too small or mostly hidden by people have no row.
    """

    descriptor: NDArray[np.float32]
    thing: NDArray[np.int64]

    def of(self, things: Sequence[Thing], side: Side) -> Views:
        """The rows of one side of the split."""
        rows = np.array([things[i].side == side for i in self.thing.tolist()], bool)
        return Views(self.descriptor[rows], self.thing[rows])


def crops_of(
    image: Image, things: Sequence[tuple[int, Thing]], recipe: AppearanceRecipe, find_people: FindPeople
) -> tuple[list[NDArray[np.float32]], list[int]]:
    """The crops (1, 4, S, S) of virtual passes of one picture's things, and whose they are."""
    sources = {source.name: source for source in recipe.sources}
    source = sources[things[0][1].source]
    people = find_people(image) if source.people else np.zeros((0, 4))
    spec = CropSpec(**recipe.crop.model_dump())
    crops: list[NDArray[np.float32]] = []
    shown: list[int] = []
    for index, thing in things:
        view = View(image, np.array(thing.xyxy), people)
        count = recipe.learning.views if thing.side == "train" else recipe.learning.test_views
        made = list(_passes(view, recipe.passes(source), spec, count, seed=(recipe.learning.seed, index)))
        # A thing that only one pass can show has no pair.
        if len(made) > 1:
            crops += made
            shown += [index] * len(made)
    return crops, shown


def _passes(
    view: View, passes: PassSpec, crop: CropSpec, count: int, seed: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    for _ in range(count):
        seen = virtual_pass(view, passes, generator)
        planes = masked_crop(seen.image, seen.xyxy, seen.person_xyxy, crop)
        if planes is not None:
            yield planes


def people_finder(detector: Any) -> FindPeople:
    """People as a street detector (`detector.model.yolo.Detector`) finds them, faint ones too."""

    def find(image: Image) -> NDArray[np.float64]:
        found = detector.detect(image)
        person = np.array([name == "person" for name in found.names()], bool)
        return np.concatenate([found.xyxy[person], found.faint_people_xyxy]).astype(np.float64)

    return find
