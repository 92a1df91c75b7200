"""The things of a recipe: boxes that are large enough, with their place, their side of the split and the people near.

A thing's identity is its box: one box, one thing. Two boxes in two pictures of one place may be one thing, so pairs of
them count as neither same nor different (`may_be_same`).
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from models.appearance.recipe import AppearanceRecipe, ThingSource
from models.errors import DatasetError

if TYPE_CHECKING:
    from detector.frame import Image

Side = Literal["train", "val", "test"]
_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Thing:
    """One box of one picture.

    Attributes:
        source, kind: which source, what it is.
        image: the picture's path.
        xyxy: (4,) px of the picture.
        place: decides `side`.
        chip: (row, column) of an aerial picture in its mosaic; None on the street.
    """

    source: str
    kind: str
    image: Path
    xyxy: tuple[float, float, float, float]
    place: str
    chip: tuple[int, int] | None
    side: Side


def may_be_same(a: Thing, b: Thing) -> bool:
    """Whether boxes of two pictures may show one thing: pictures of one block, or chips of a mosaic that touch."""
    if a.image == b.image or (a.source, a.place) != (b.source, b.place):
        return False
    if a.chip is None or b.chip is None:
        return True
    return abs(a.chip[0] - b.chip[0]) <= 1 and abs(a.chip[1] - b.chip[1]) <= 1


def read_things(recipe: AppearanceRecipe, data_root: Path) -> list[Thing]:
    """The things of all sources, in a fixed order.

    Args:
        data_root: holds one folder per source (``images/``, ``labels/``) and ``index.csv`` (source, image, scene).

    Raises:
        DatasetError: the index, a picture or a label line is missing or broken, or a named place does not exist.
    """
    scenes = _scenes(data_root / "index.csv")
    return [thing for source in recipe.sources for thing in _things_of(source, data_root, scenes)]


def by_picture(things: list[Thing]) -> Iterator[tuple[Image, list[int]]]:
    """Each picture once, with the indices of its things.

    Raises:
        DatasetError: a picture cannot be read.
    """
    rows: defaultdict[Path, list[int]] = defaultdict(list)
    for index, thing in enumerate(things):
        rows[thing.image].append(index)
    for path, indices in rows.items():
        yield read_picture(path), indices


def read_picture(path: Path) -> Image:
    """A picture, BGR.

    Raises:
        DatasetError: it cannot be read.
    """
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"cannot read the picture {path}")
    return image


def _size_px(path: Path) -> tuple[int, int]:
    """Width and height from the file's header: reading a folder of pictures whole takes half a minute."""
    try:
        with PIL.Image.open(path) as picture:
            return picture.size
    except OSError as error:
        raise DatasetError(f"cannot read the picture {path}: {error}") from error


FindPeople = Callable[["Image"], NDArray[np.float64]]
"""A picture's people as boxes (N, 4), px."""


def _things_of(source: ThingSource, data_root: Path, scenes: dict[tuple[str, str], str]) -> list[Thing]:
    folder = data_root / source.name
    images = sorted(path for path in (folder / "images").glob("*") if path.suffix.lower() in _SUFFIXES)
    if not images:
        raise DatasetError(f"no picture below {folder / 'images'}")
    scene: dict[Path, str] = {}
    for image in images:
        if (source.name, image.name) not in scenes:
            raise DatasetError(f"index.csv names no scene for {source.name}/{image.name}: the split by place needs one")
        scene[image] = scenes[source.name, image.name]
    missing = {*source.val, *source.test} - {_place(source, each) for each in scene.values()}
    if missing:
        raise DatasetError(f"{source.name} has no picture of the place {min(missing)!r}: correct val or test")
    learnt = [image for image in images if _side(source, _place(source, scene[image])) == "train"]
    learnt.sort(key=lambda image: hashlib.sha256(image.name.encode()).digest())
    left_out = set(learnt[source.train_pictures :]) if source.train_pictures else set()
    return [thing for image in images if image not in left_out for thing in _things_in(source, image, scene[image])]


def _things_in(source: ThingSource, image: Path, scene: str) -> Iterator[Thing]:
    place = _place(source, scene)
    width, height = _size_px(image)
    found: defaultdict[str, list[tuple[float, ...]]] = defaultdict(list)
    for kind, box in _boxes(source, image):
        xyxy = tuple((box * (width, height, width, height)).round(1).tolist())
        if min(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]) >= source.min_side_px:
            found[kind].append(xyxy)
    for kind, boxes in found.items():
        boxes.sort(key=lambda xyxy: (-(xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]), xyxy))
        for left, top, right, bottom in boxes[: source.most_per_picture.get(kind)]:
            xyxy = (left, top, right, bottom)
            yield Thing(source.name, kind, image, xyxy, place, _chip(source, scene), _side(source, place))


def _boxes(source: ThingSource, image: Path) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Kind and box (left, top, right, bottom as shares of the picture), the wanted classes only."""
    path = image.parent.parent / "labels" / f"{image.stem}.txt"
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            class_id, (cx, cy, w, h) = int(parts[0]), (float(part) for part in parts[1:])
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: expected 'class cx cy w h', got {line!r}") from error
        if class_id in source.things:
            box = np.clip([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 0.0, 1.0)
            yield source.things[class_id], box


def _place(source: ThingSource, scene: str) -> str:
    if source.one_place:
        return source.name
    if source.place_pattern is None:
        return scene
    found = re.match(source.place_pattern, scene)
    if found is None or not found.groups():
        raise DatasetError(f"{source.name}: place_pattern {source.place_pattern!r} does not fit the scene {scene!r}")
    return found.group(1)


def _chip(source: ThingSource, scene: str) -> tuple[int, int] | None:
    found = re.search(source.chip_pattern, scene) if source.chip_pattern else None
    return (int(found["row"]), int(found["column"])) if found else None


def _side(source: ThingSource, place: str) -> Side:
    if source.use == "evaluate" or place in source.test:
        return "test"
    return "val" if place in source.val else "train"


def _scenes(path: Path) -> dict[tuple[str, str], str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {(row["source"], row["image"]): row["scene"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise DatasetError(f"cannot read {path} with the columns source, image, scene: {error!r}") from error
