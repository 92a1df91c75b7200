"""Boxes as a label file gives them, before anybody believes them, and the checks that make them labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from models.dataset.problems import Kind

EDGE_TOLERANCE = 0.002
"""How far an edge may stick out unreported: label files round to a few digits. Such boxes are kept as written."""
LEAST_SIDE_PX = 0.5
"""A box with a smaller side is empty."""
LEAST_SHARE_INSIDE = 0.5
"""A box with less of its area inside the picture is not a box that sticks out: its numbers are wrong."""


@dataclass(frozen=True)
class RawBox:
    """One box of a label file, unchecked.

    ``class_id`` or ``class_name`` or both, as the format has them. ``cx, cy, w, h`` are fractions of the picture;
    ``w`` and ``h`` are negative in a crossed box. ``line`` is where it stands in its file.
    """

    class_id: int | None
    class_name: str | None
    cx: float
    cy: float
    w: float
    h: float
    line: str

    @classmethod
    def of_corners(
        cls,
        class_id: int | None,
        class_name: str | None,
        corners_px: tuple[float, float, float, float],
        size_px: tuple[int, int],
        line: str,
    ) -> RawBox:
        """From (left, top, right, bottom) and the (width, height) of the picture, all px."""
        left, top, right, bottom = corners_px
        width, height = size_px
        return cls(
            class_id,
            class_name,
            (left + right) / 2 / width,
            (top + bottom) / 2 / height,
            (right - left) / width,
            (bottom - top) / height,
            line,
        )


@dataclass(frozen=True)
class PictureLabels:
    """What a source says about one picture.

    Attributes:
        file: The label file.
        boxes: As they stand there.
        stored_frame: The coordinates are those of the file before its EXIF orientation is applied.
        complete: False when something could not be read: any cue may then be missing.
        reviewed: The cues that were looked for, where the format says so for each picture.
    """

    file: Path
    boxes: tuple[RawBox, ...] = ()
    stored_frame: bool = False
    complete: bool = True
    reviewed: frozenset[str] | None = None


@dataclass(frozen=True)
class SourceLabels:
    """What a source says: labels by picture name, and its class names by id where it lists them."""

    by_picture: Mapping[str, PictureLabels] = field(default_factory=dict)
    classes: Mapping[int, str] | None = None


def around(points: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of an outline; all NaN when any number of it is not finite (``min`` would hide it)."""
    if not all(math.isfinite(value) for point in points for value in point):
        return math.nan, math.nan, math.nan, math.nan
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def fault(box: RawBox, width_px: int, height_px: int) -> Kind | None:
    """What is wrong with a box, or None. ``STICKS_OUT`` can be clipped; the others cannot be mended."""
    if not all(math.isfinite(value) for value in (box.cx, box.cy, box.w, box.h)):
        return Kind.NOT_FINITE
    if box.w < 0 or box.h < 0:
        return Kind.CROSSED_BOX
    if box.w * width_px < LEAST_SIDE_PX or box.h * height_px < LEAST_SIDE_PX:
        return Kind.EMPTY_BOX
    over = max(box.w / 2 - box.cx, box.h / 2 - box.cy, box.cx + box.w / 2 - 1, box.cy + box.h / 2 - 1)
    if over <= EDGE_TOLERANCE:
        return None
    inside = clipped(box)
    if inside.w <= 0 or inside.h <= 0 or inside.w * inside.h < LEAST_SHARE_INSIDE * box.w * box.h:
        return Kind.OFF_PICTURE
    return Kind.STICKS_OUT


def clipped(box: RawBox) -> RawBox:
    """The part of a box inside the picture; a side is not positive when there is none."""
    left, right = max(box.cx - box.w / 2, 0.0), min(box.cx + box.w / 2, 1.0)
    top, bottom = max(box.cy - box.h / 2, 0.0), min(box.cy + box.h / 2, 1.0)
    return replace(box, cx=(left + right) / 2, cy=(top + bottom) / 2, w=right - left, h=bottom - top)


def turned(box: RawBox, orientation: int) -> RawBox:
    """A box of the stored file in the picture as people see it.

    Args:
        box: Fractions of the stored file.
        orientation: Its EXIF value, 1..8 (EXIF 2.3, section 4.6.4: which corner of the scene the first pixel is).
    """
    x, y = box.cx, box.cy
    cx, cy = {
        1: (x, y),
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (1 - y, x),
        7: (1 - y, 1 - x),
        8: (y, 1 - x),
    }[orientation]
    w, h = (box.h, box.w) if orientation >= 5 else (box.w, box.h)
    return replace(box, cx=cx, cy=cy, w=w, h=h)
