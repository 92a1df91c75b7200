"""How likely a thing of a cue stands at each point around it, by the law's map.

The densities are the rules' own (`Rule.density`): a square metre of an open pitch holds a stall several times as often
as one of the footway around it. Only zones that hold at the time draw; a permitting zone needs its permit. A filed
sign's point and a known landmark draw too. Everywhere else the density is 1: what stands in no pitch costs a factor,
not the match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from detector.geo.registration.grid import CELL_M, Grid, axis_m
from detector.geo.registration.model import Landmark
from detector.geo.schedule import Validity
from detector.geo.zones import Zone, ZoneKind
from detector.hit import Place
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.vocabulary import Kind

OTHERS_PER_M2: Final = 0.001
"""How many other things of a landmark's kind stand on a square metre of ordinary ground."""
LANDMARK_MIN_M: Final = 0.5
"""A thing has a size: no landmark draws more sharply than this sigma."""
ONE_THING: Final = frozenset({ZoneKind.VENDING_PITCH})
"""Zones that hold one thing at a time."""
LARGE_M: Final = 500.0
LINE_M: Final = 2.0
"""What a shop puts out stands along its line, on either side of it up to so far."""
LINE_DENSITY: Final = 6.0
"""And it is so much likelier there than a square metre elsewhere. Whether it is allowed there is not asked here."""
FINE: Final = 4
"""Zones are drawn on a raster so many times as fine, then averaged: a pitch is six cells by four."""
_SUBCELL_BITS: Final = 4

Labels = NDArray[np.int16]
"""Like `Grid`: which zone of `ONE_THING` a cell lies in, counted from 1; 0 for none."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The ground around a thing.

    Attributes:
        density: how likely the thing stands in a cell, 1 on ordinary ground.
        pitches: which zone for one thing a cell lies in.
    """

    density: Grid
    pitches: Labels


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    """A shape that draws.

    Attributes:
        zone: it belongs to; `None` for a point permit.
        shop_line: it is the band along a shop's line, which draws what shops put out.
        rings: of the shape.
        large: it reaches farther than a raster does.
    """

    kind: ZoneKind
    zone: Zone | None
    validity: Validity
    shop_line: bool
    shape: BaseGeometry
    rings: list[NDArray[np.float64]]
    large: bool

    @staticmethod
    def of(
        kind: ZoneKind, zone: Zone | None, validity: Validity, shape: BaseGeometry, *, shop_line: bool = False
    ) -> _Drawing:
        """A drawing of a shape on the site's plane."""
        west, south, east, north = shape.bounds
        large = max(east - west, north - south) > LARGE_M
        return _Drawing(kind, zone, validity, shop_line, shape, [] if large else _rings(shape), large)


class Attraction:
    """The drawing ground of one site, ready for questions. Build it once per site."""

    def __init__(self, site: Site, landmarks: Sequence[Landmark] = ()) -> None:
        self._site = site
        self._landmarks = tuple(landmarks)
        kinds = {kind for rule in site.rules.values() for kind, density in rule.density.items() if density != 1.0}
        shapes: list[BaseGeometry] = site.zones.shapes.tolist()
        self._drawings: list[_Drawing] = []
        for zone, shape in zip(site.zones.zones, shapes, strict=True):
            if zone.kind in kinds:
                self._drawings.append(_Drawing.of(zone.kind, zone, zone.validity, shape))
            if zone.kind is ZoneKind.SHOP_FRONTAGE:
                self._drawings.append(_Drawing.of(zone.kind, zone, zone.validity, _line(shape), shop_line=True))
        for permit in site.permits:
            if permit.point is not None and permit.kind == "filed_sign" and ZoneKind.SIGN_REGISTRY in kinds:
                spot = shapely.Point(*site.zones.to_plane([permit.point])[0].tolist())
                disc = spot.buffer(max(permit.radius_m, LANDMARK_MIN_M))
                self._drawings.append(_Drawing.of(ZoneKind.SIGN_REGISTRY, None, permit.validity, disc))
        self._tree = shapely.STRtree([drawing.shape for drawing in self._drawings])

    def rules_for(self, cue: str) -> tuple[Rule, ...]:
        """Rules that speak about a cue alone or as the lead of a group, and whose ground is not all alike."""
        return tuple(
            rule
            for rule in self._site.rules.values()
            if (cue in rule.cues or any(cue in group.lead for group in rule.groups))
            and (rule.density or rule.shop_reach_m or any(mark.kind is rule.kind for mark in self._landmarks))
        )

    def around(self, rules: Sequence[Rule], place: Place, cells: int, first: datetime, last: datetime) -> Ground | None:
        """The ground `cells` to each side of a place, seen from `first` to `last`; `None` where it is all alike."""
        ((east_m, north_m),) = self._site.zones.to_plane([(place.lon_deg, place.lat_deg)]).tolist()
        reach_m = cells * CELL_M
        west, east, south, north = east_m - reach_m, east_m + reach_m, north_m - reach_m, north_m + reach_m
        window = Polygon([(west, south), (east, south), (east, north), (west, north)])
        rows: list[int] = sorted(self._tree.query(window, predicate="intersects").tolist())
        near = [self._drawings[row] for row in rows]
        drawn = [(self._density(drawing, rules, first, last), drawing) for drawing in near]
        drawn = sorted(((density, drawing) for density, drawing in drawn if density != 1.0), key=lambda pair: pair[0])
        size = 2 * cells + 1
        density = np.ones((FINE * size, FINE * size), np.float32)
        pitches = np.zeros((size, size), np.int16)
        lines, shops = np.zeros((2, size, size), np.uint8)
        for number, (value, drawing) in enumerate(drawn, start=1):
            rings = _near_rings(drawing, (east_m, north_m), 1.5 * reach_m)
            corners = [(ring - (east_m, north_m)) / CELL_M + cells for ring in rings]
            if drawing.shop_line:
                # Outer ring and hole of the band; the shop itself is what the band goes round.
                cv2.fillPoly(lines, _fixed_point(corners, 1), 1, shift=_SUBCELL_BITS)
                cv2.fillPoly(shops, _fixed_point(corners[:1], 1), 1, shift=_SUBCELL_BITS)
                continue
            # The denser is drawn last and wins.
            cv2.fillPoly(density, _fixed_point(corners, FINE), value, shift=_SUBCELL_BITS)
            if drawing.kind in ONE_THING:
                cv2.fillPoly(pitches, _fixed_point(corners, 1), number, shift=_SUBCELL_BITS)
        marks = self._landmark_density({rule.kind for rule in rules}, (east_m, north_m), cells)
        if not drawn and marks is None:
            return None
        total = np.asarray(cv2.resize(density, (size, size), interpolation=cv2.INTER_AREA), np.float64)
        if lines.any():
            total = np.where(_in_view(lines, shops, place), np.maximum(total, LINE_DENSITY), total)
        return Ground(total if marks is None else total + marks, np.asarray(pitches, np.int16))

    def _density(self, drawing: _Drawing, rules: Sequence[Rule], first: datetime, last: datetime) -> float:
        """How strongly a shape draws: the largest density of the rules, 1 when it does not hold."""
        if drawing.shop_line:
            return LINE_DENSITY if any(rule.shop_reach_m is not None for rule in rules) else 1.0
        return max(
            rule.density_of(drawing.kind) if any(self._holds(drawing, rule, at) for at in (first, last)) else 1.0
            for rule in rules
        )

    def _holds(self, drawing: _Drawing, rule: Rule, at: datetime) -> bool:
        site = self._site
        if not drawing.validity.is_valid(at, site.timezone, site.holidays):
            return False
        grant = rule.grants.get(drawing.kind)
        if grant is None or not grant.needs_permit or drawing.zone is None:
            return True
        bound = site.permits_of.get(drawing.zone.zone_id, ())
        return any(permit.validity.is_valid(at, site.timezone, site.holidays) for permit in bound)

    def _landmark_density(self, kinds: set[Kind], centre: tuple[float, float], cells: int) -> Grid | None:
        """Density that known things add, `None` when none is in reach."""
        metres = axis_m(cells)
        total: Grid | None = None
        for mark in self._landmarks:
            ((east_m, north_m),) = (self._site.zones.to_plane([(mark.lon_deg, mark.lat_deg)]) - centre).tolist()
            cov = np.array(mark.cov_m2) + np.eye(2) * LANDMARK_MIN_M**2
            if mark.kind not in kinds or max(abs(east_m), abs(north_m)) > cells * CELL_M + 3.0 * np.sqrt(cov.max()):
                continue
            inverse = np.linalg.inv(cov)
            east, north = metres[None, :] - east_m, metres[:, None] - north_m
            exponent = inverse[0, 0] * east**2 + 2.0 * inverse[0, 1] * east * north + inverse[1, 1] * north**2
            peak = mark.presence / (OTHERS_PER_M2 * 2.0 * np.pi * float(np.sqrt(np.linalg.det(cov))))
            drawn = peak * np.exp(-0.5 * exponent)
            total = drawn if total is None else total + drawn
        return total


def _line(shape: BaseGeometry) -> BaseGeometry:
    """The band along the edge of a frontage: whose goods stand beyond the line is still drawn to it, not over it."""
    return shapely.difference(shapely.buffer(shape, LINE_M), shapely.buffer(shape, -LINE_M))


def _fixed_point(rings: list[NDArray[np.float64]], fine: int) -> list[NDArray[np.int32]]:
    """Corners in cells as `cv2.fillPoly` takes them, on a raster `fine` times as fine; holes are even-odd there."""
    middle = (fine - 1) / 2.0
    return [np.round((ring * fine + middle) * 2**_SUBCELL_BITS).astype(np.int32) for ring in rings]


def _rings(shape: BaseGeometry) -> list[NDArray[np.float64]]:
    """All rings of an area, outer and holes, as corners (N, 2) in metres of the site's plane."""
    parts: list[BaseGeometry] = shapely.get_parts(shape).tolist()
    areas = [part for part in parts if isinstance(part, Polygon)]
    return [np.asarray(shapely.get_coordinates(ring)) for part in areas for ring in (part.exterior, *part.interiors)]


def _near_rings(drawing: _Drawing, centre: tuple[float, float], reach_m: float) -> list[NDArray[np.float64]]:
    """The rings of a drawing; a long zone's far end would leave the fixed-point range and is cut off."""
    east_m, north_m = centre
    if not drawing.large:
        return drawing.rings
    near = shapely.clip_by_rect(drawing.shape, east_m - reach_m, north_m - reach_m, east_m + reach_m, north_m + reach_m)
    return _rings(near)


def _in_view(lines: NDArray[np.uint8], shops: NDArray[np.uint8], place: Place) -> NDArray[np.bool_]:
    """Cells of the bands along shops' lines that face the vehicle: nobody sees the back of a shop.

    A cell is at the back when a step of twice the band's width towards the vehicle ends in a shop.
    """
    along = np.array([-place.heading_lever_m[1], place.heading_lever_m[0]])
    length_m = float(np.hypot(*along))
    if length_m < 1.0:
        return lines > 0
    east, north = np.round(along / length_m * -2.0 * LINE_M / CELL_M).tolist()
    size = len(lines)
    step = np.array([[1.0, 0.0, east], [0.0, 1.0, north]])
    behind = cv2.warpAffine(shops, step, (size, size), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return (lines > 0) & (np.asarray(behind) == 0)
