"""LabelMe: one JSON file per picture, ``shapes`` with ``label``, ``shape_type`` and ``points`` in px.

Rectangles (two corners in any order), polygons and circles are taken as the upright box around them; lines and points
are no boxes. A picture embedded in the file (``imageData``) is not looked at.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from models.dataset.picture import Picture
from models.dataset.problems import Effect, Kind
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels, around
from models.dataset.readers.folder import SourceFolder, plain_name
from models.dataset.readers.text_file import declared_size_px, number, objects, read_json
from models.errors import DatasetError

_NO_BOXES = frozenset({"line", "linestrip", "point", "points", "mask"})


def read_labelme(folder: SourceFolder) -> SourceLabels:
    """Read the JSON files; one belongs to the picture it names, else to the picture of its own name."""
    wanted, present = folder.wanted_by_stem(), {Path(name).stem for name in folder.present}
    labels: dict[str, PictureLabels] = {}
    for stem, path in folder.label_files(".json").items():
        try:
            content = read_json(path, folder.limits.annotation_bytes)
        except DatasetError as error:
            folder.report(path, Kind.LABELS_UNREADABLE, Effect.NOT_REVIEWED, str(error))
            if stem in wanted:
                labels[wanted[stem].name] = PictureLabels(path, complete=False)
            continue
        named = plain_name(content["imagePath"]) if isinstance(content.get("imagePath"), str) else ""
        picture = folder.pictures.get(named) or wanted.get(stem)
        if picture is not None and picture.name in labels:
            labels[picture.name] = folder.told_twice(path, picture.name)
        elif picture is not None:
            labels[picture.name] = _labels(folder, path, content, picture)
        elif named not in folder.present and stem not in present:
            folder.report(path, Kind.LABEL_WITHOUT_PICTURE, Effect.IGNORED, named)
    return SourceLabels(labels)


def _labels(folder: SourceFolder, path: Path, content: dict[str, Any], picture: Picture) -> PictureLabels:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    declared = declared_size_px(width, height)
    stored = folder.frame(path, picture, declared)
    size_px = declared or (picture.stored_size_px if stored else (picture.width_px, picture.height_px))
    boxes: list[RawBox] = []
    complete = True
    for index, shape in enumerate(objects(content.get("shapes"))):
        line = f"shapes[{index}]"
        if str(shape.get("shape_type")) in _NO_BOXES:
            complete = False
            folder.report(path, Kind.NOT_A_BOX, Effect.NOT_REVIEWED, str(shape["shape_type"]), line)
            continue
        try:
            boxes.append(_box(shape, size_px, line))
        except ValueError as error:
            complete = False
            folder.report(path, Kind.MALFORMED_BOX, Effect.NOT_REVIEWED, str(error), line)
    return PictureLabels(path, tuple(boxes), stored, complete)


def _box(shape: dict[str, Any], size_px: tuple[int, int], line: str) -> RawBox:
    label, kind, points = shape.get("label"), shape.get("shape_type", "polygon"), shape.get("points")
    if not isinstance(label, str) or not label:
        raise ValueError(f"shape without a label, got {label!r}")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("points must be a list of [x, y]")
    xy = [(number(x), number(y)) for x, y in points]
    least = {"rectangle": 2, "circle": 2, "polygon": 3}.get(str(kind))
    if least is None or len(xy) < least:
        raise ValueError(f"a {kind} of {len(xy)} points is no box")
    if kind == "circle":
        (x, y), edge = xy[0], xy[1]
        radius = math.dist((x, y), edge)
        return RawBox.of_corners(None, label, (x - radius, y - radius, x + radius, y + radius), size_px, line)
    return RawBox.of_corners(None, label, around(xy), size_px, line)
