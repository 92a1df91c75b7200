"""Lines that a standing camera shows: areas of zones as its operator marked them in the picture."""

from __future__ import annotations

from collections.abc import Collection

import shapely
from shapely import Polygon

from detector.site.model import MarkedZone
from detector.site.problems import Problems, unknown_zone
from detector.site.schema import MarkedIn


def read_marks(
    raw: tuple[MarkedIn, ...],
    camera_id: str,
    size_px: tuple[int, int],
    zone_ids: Collection[str],
    file: str,
    problems: Problems,
) -> tuple[MarkedZone, ...]:
    """The good marks of a camera; everything else becomes a problem that names the mark by its number from 0."""
    marks: list[MarkedZone] = []
    for index, mark in enumerate(raw):
        field = f"marked.{index}"
        if mark.zone not in zone_ids:
            unknown_zone(mark.zone, zone_ids, file, camera_id, f"{field}.zone", problems)
            continue
        wrong = _wrong(mark, size_px, {other.zone_id for other in marks})
        if wrong:
            problems.add(file, wrong, feature=camera_id, field=f"{field}.pixels")
            continue
        marks.append(MarkedZone(mark.zone, mark.pixels))
    return tuple(marks)


def _wrong(mark: MarkedIn, size_px: tuple[int, int], before: Collection[str]) -> str | None:
    if mark.zone in before:
        return f"{mark.zone!r} is marked twice; draw one polygon around its area"
    for u, v in mark.pixels:
        if not (0 <= u <= size_px[0] and 0 <= v <= size_px[1]):
            return f"({u:g}, {v:g}) lies outside the {size_px[0]} x {size_px[1]} picture"
    area = Polygon(mark.pixels)
    if not shapely.is_valid(area):
        return f"crosses itself: {shapely.is_valid_reason(area)}; mark the corners in order"
    if area.area == 0.0:
        return "has no area; mark the corners of the zone's ground"
    return None
