"""closures.yaml: times in which what is permitted is not, for roadworks, a parade, a cleaned market."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from detector.geo.dates import Closure
from detector.geo.zones import Zone, ZoneKind
from detector.site.geojson import Bbox, check_point
from detector.site.problems import Problems, read_entries, unknown_zone
from detector.site.schema import ClosureIn, ClosuresIn

CLOSURES = "closures.yaml"

WITHIN_AREA = frozenset({ZoneKind.VENDING_PITCH, ZoneKind.MARKET, ZoneKind.BIKE_BAY})
"""Kinds that a closed area closes when at least half of the zone lies in it."""
BY_NAME = WITHIN_AREA | {ZoneKind.SHOP_FRONTAGE, ZoneKind.SIGN_REGISTRY}
"""Kinds that are closed when named; any other named zone (a road, a grid) stands for its area."""


def with_closures(folder: Path, zones: Sequence[Zone], bbox: Bbox | None, problems: Problems) -> list[Zone]:
    """The zones, each with the closures that bear on it; everything wrong in the file becomes a problem."""
    by_id = {zone.zone_id: zone for zone in zones}
    closed: dict[str, list[Closure]] = defaultdict(list)
    for label, read in read_entries(folder, CLOSURES, ClosuresIn, ClosureIn, problems):
        closure = Closure(read.id, read.from_, read.to, read.reason.text())
        for zone_id in _closed_ids(read, label, by_id, bbox, problems):
            closed[zone_id].append(closure)
    return [
        replace(zone, validity=replace(zone.validity, closures=tuple(closed[zone.zone_id])))
        if zone.zone_id in closed
        else zone
        for zone in zones
    ]


def _closed_ids(
    read: ClosureIn, label: str, zones: Mapping[str, Zone], bbox: Bbox | None, problems: Problems
) -> list[str]:
    """Ids of the zones that a closure closes, each once."""
    areas: list[BaseGeometry] = []
    closed: list[str] = []
    for zone_id in read.zones or ():
        zone = zones.get(zone_id)
        if zone is None:
            unknown_zone(zone_id, zones, CLOSURES, label, "zones", problems)
            return []
        if zone.kind in BY_NAME:
            closed.append(zone_id)
        else:
            areas.append(zone.polygon)
    if read.area is not None:
        area = _area(read.area, label, bbox, problems)
        if area is None:
            return []
        areas.append(area)
    for area in areas:
        closed += _within(area, zones)
    if not closed:
        field = "area" if read.area is not None else "zones"
        message = "closes nothing: no pitch, market or bay lies at least half in it; name the zone or widen the area"
        problems.add(CLOSURES, message, feature=label, field=field)
    return list(dict.fromkeys(closed))


def _area(
    corners: Sequence[tuple[float, float]], label: str, bbox: Bbox | None, problems: Problems
) -> BaseGeometry | None:
    area = Polygon(corners)
    wrong = None if shapely.is_valid(area) else f"crosses itself: {shapely.is_valid_reason(area)}; redraw the ring"
    for lon, lat in corners:
        wrong = wrong or check_point(lon, lat, bbox)
    if wrong:
        problems.add(CLOSURES, wrong, feature=label, field="area")
        return None
    return area


def _within(area: BaseGeometry, zones: Mapping[str, Zone]) -> list[str]:
    """Ids of the closable zones of which at least half lies in an area. Shares need no metres: degrees will do."""
    return [
        zone.zone_id
        for zone in zones.values()
        if zone.kind in WITHIN_AREA and zone.polygon.intersection(area).area >= 0.5 * zone.polygon.area
    ]
