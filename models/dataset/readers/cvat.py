"""CVAT for images 1.1: one XML file, ``image`` elements with ``box`` and ``polygon`` shapes in px.

A rotated box and a polygon are taken as the upright box around them; lines, points, masks and cuboids are no boxes.
"""

from __future__ import annotations

import math

from models.dataset.picture import Picture
from models.dataset.problems import Effect, Kind
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels, around
from models.dataset.readers.folder import SourceFolder, plain_name
from models.dataset.readers.text_file import declared_size_px, number
from models.dataset.readers.xml_tree import Node, read_xml

_NO_BOXES = frozenset({"polyline", "points", "mask", "cuboid", "ellipse", "skeleton"})


def read_cvat(folder: SourceFolder) -> SourceLabels:
    """Read the annotation file.

    Raises:
        DatasetError: it is missing or no XML: nothing of the source can be used.
    """
    root = read_xml(folder.annotations, folder.limits.annotation_bytes)
    labels: dict[str, PictureLabels] = {}
    for image in root.all("image"):
        name = plain_name(image.attributes.get("name", ""))
        if name in labels:
            labels[name] = folder.told_twice(folder.annotations, name, image.line)
        elif name in folder.pictures:
            labels[name] = _labels(folder, image, folder.pictures[name])
        elif name not in folder.present:
            detail = f"image {image.attributes.get('name', '')!r}"
            folder.report(folder.annotations, Kind.LABEL_WITHOUT_PICTURE, Effect.IGNORED, detail, image.line)
    return SourceLabels(labels)


def _labels(folder: SourceFolder, image: Node, picture: Picture) -> PictureLabels:
    path = folder.annotations
    declared = declared_size_px(image.attributes.get("width"), image.attributes.get("height"))
    stored = folder.frame(path, picture, declared, image.line)
    size_px = declared or (picture.stored_size_px if stored else (picture.width_px, picture.height_px))
    boxes: list[RawBox] = []
    complete = True
    for shape in image.children:
        if shape.tag in _NO_BOXES:
            complete = False
            folder.report(path, Kind.NOT_A_BOX, Effect.NOT_REVIEWED, shape.tag, shape.line)
        elif shape.tag in {"box", "polygon"}:
            try:
                boxes.append(_box(shape, size_px))
            except ValueError as error:
                complete = False
                folder.report(path, Kind.MALFORMED_BOX, Effect.NOT_REVIEWED, str(error), shape.line)
    return PictureLabels(path, tuple(boxes), stored, complete)


def _box(shape: Node, size_px: tuple[int, int]) -> RawBox:
    label = shape.attributes.get("label")
    if not label:
        raise ValueError(f"{shape.tag} without a label")
    corners = _corners(shape) if shape.tag == "box" else _around_points(shape.attributes.get("points", ""))
    return RawBox.of_corners(None, label, corners, size_px, str(shape.line))


def _corners(shape: Node) -> tuple[float, float, float, float]:
    missing = [name for name in ("xtl", "ytl", "xbr", "ybr") if name not in shape.attributes]
    if missing:
        raise ValueError(f"box without {missing[0]}")
    left, top, right, bottom = (number(shape.attributes[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
    turn_rad = math.radians(number(shape.attributes.get("rotation", "0")))
    if not math.isfinite(turn_rad):
        raise ValueError(f"rotation must be degrees, got {shape.attributes['rotation']!r}")
    if turn_rad == 0:
        return left, top, right, bottom
    cos, sin = abs(math.cos(turn_rad)), abs(math.sin(turn_rad))
    width, height = right - left, bottom - top
    half_width, half_height = (width * cos + height * sin) / 2, (width * sin + height * cos) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def _around_points(text: str) -> tuple[float, float, float, float]:
    pairs = [[number(part) for part in pair.split(",")] for pair in text.split(";") if pair]
    if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"polygon needs three points x,y or more, got {text!r}")
    return around([(x, y) for x, y in pairs])
