"""Coordinates that lie where they may, but not where the map has anything: GCJ-02 given as WGS-84, and the like.

A web map's shift is some hundred metres: in a city the wrong place looks as good as the right one to any check of
ranges. But things lie along streets. So the points are compared with the zones that the site knows: as they are, and
as they would lie if they were in another system. How well a placing fits is ``sum 1 / (1 + (d / scale)^2)`` over the
points, d the distance to the nearest zone (the kernel of Geman and McClure, 1987: a point far from everything says
nothing).

Chance is measured, not assumed: a street shifted by 500 m may come to lie on its neighbour. The same points are
shifted by `CONTROLS` vectors of the same lengths in all directions. Only a system that fits clearly better than nearly
all of these, and twice as well as the points as they are, is called the cause. On a map that
cannot tell (a new district, one street among many alike) nothing is said against the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.geo.crs.convert import from_wgs84, to_wgs84
from detector.geo.crs.names import BD09, GCJ02, WGS84, Crs, Family
from detector.geo.plane import LocalPlane, Points
from detector.geo.zones import ZoneIndex, ZoneKind
from detector.vocabulary import Text

CONTROLS = 240
_CONTROL_M = (150.0, 1300.0)
"""Lengths of the control shifts: those of GCJ-02 and BD-09 in China lie between."""
_CHANCE = 0.98
"""Share of the control shifts that the cause must fit better than, and that honest points do."""
_CLEARLY = 1.25
"""By how much: times what separates that share's fit from the controls' median."""
_BETTER = 2.0
"""The cause must fit this many times better than the points as they are."""
_MIN_GAIN = 2.0
"""Points' worth of fit below which nothing is said."""
MAX_POINTS = 300
_WIDE_M = 60.0
"""A zone this wide (area over half its outline) holds whole blocks: lying in it says nothing."""
_REACH = 8.0
"""Distances beyond this many scales count as this many."""
_NEAR_DEG = 0.03
"""Zones this near to a layer may bear on it: twice the largest shift."""
_SILENT = frozenset({ZoneKind.GRID, ZoneKind.PRIVACY_EXCLUSION, ZoneKind.BUILDING})
"""Zones that follow no street, or fill what is left between them."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A system that points may really be in.

    Attributes:
        name: of the system, e.g. ``GCJ-02``.
        crs: the system to name instead; `None` when no other name mends it.
        moved: WGS-84 points (N, 2) as read -> where they would really lie.
    """

    name: Text
    crs: Crs | None
    moved: Callable[[Points], Points]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether points agree with the map.

    Attributes:
        verdict: ``fits``, ``shifted`` (by `suspect`) or ``cannot_tell``.
        fit, suspect_fit: share of the points that fit, as they are and as `suspect` has it, 0 to 1.
        east_m, north_m: median error of the points as they are, if `suspect` is right.
    """

    verdict: Literal["fits", "shifted", "cannot_tell"]
    fit: float
    suspect: Suspect | None = None
    suspect_fit: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0

    @property
    def error(self) -> Text:
        """The error as people say it: "524 m to the east"."""
        length = float(np.hypot(self.east_m, self.north_m))
        point = round(float(np.degrees(np.arctan2(self.east_m, self.north_m))) / 45.0) % 8
        to = _COMPASS[point]
        return Text(zh=f"偏{to.zh}约{length:.0f}米", en=f"{length:.0f} m to the {to.en}")


_COMPASS = (
    Text("北", "north"),
    Text("东北", "north-east"),
    Text("东", "east"),
    Text("东南", "south-east"),
    Text("南", "south"),
    Text("西南", "south-west"),
    Text("西", "west"),
    Text("西北", "north-west"),
)


def suspects(claimed: Crs) -> tuple[Suspect, ...]:
    """What points that were read as `claimed` may really be."""
    web = claimed if claimed.family in (Family.GCJ02, Family.BD09) else WGS84

    def as_given(points: Points) -> Points:
        return from_wgs84(points, web)

    found = [
        Suspect(Text(str(other), str(other)), other, lambda points, other=other: to_wgs84(as_given(points), other))
        for other in (WGS84, GCJ02, BD09)
        if other.family is not web.family
    ]
    if web == WGS84:
        twice = Text("多转换了一次的坐标", "coordinates converted from GCJ-02 once too often")
        found.append(Suspect(twice, None, lambda points: from_wgs84(points, GCJ02)))
    return tuple(found)


def compare(lon_lat_deg: Points, zones: ZoneIndex, tried: Sequence[Suspect], scale_m: float) -> Agreement:
    """Whether points (N, 2), WGS-84 degrees, lie along the zones of a site, or would if they were in another system.

    `scale_m` is how far from a zone an honest point of this sort lies: the error of a drive, or of a drawing.
    """
    return _decide([_Sample(_thin(lon_lat_deg), _tree(zones), zones, scale_m)], tried)


def compare_layers(areas: NDArray[np.object_], zones: ZoneIndex, tried: Sequence[Suspect], scale_m: float) -> Agreement:
    """As `compare`, for polygons (N,) in WGS-84 degrees: their middles against the zones, and the zones' against them.

    Both ways, because a new road holds old bays as well as new bays lie on an old road.
    """
    corners = np.asarray(shapely.get_coordinates(areas), np.float64)
    low, high = corners.min(axis=0) - _NEAR_DEG, corners.max(axis=0) + _NEAR_DEG
    old = _middles(np.array([zone.polygon for zone in zones.zones if zone.kind not in _SILENT], dtype=object))
    old = old[((old >= low) & (old <= high)).all(axis=1)]
    planar = np.asarray(shapely.transform(areas, zones.to_plane), dtype=object)
    new_tree = shapely.STRtree(planar[_narrow(planar)])
    return _decide(
        [
            _Sample(_thin(_middles(areas)), _tree(zones), zones, scale_m),
            _Sample(_thin(old), new_tree, zones, scale_m, backwards=True),
        ],
        tried,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Points to be laid on shapes.

    Attributes:
        backwards: the shapes are what is in question and the points stand fast, so a shift moves the points back.
    """

    points: Points
    tree: shapely.STRtree
    zones: ZoneIndex
    scale_m: float
    backwards: bool = False

    def gain(self, offsets_m: Points) -> NDArray[np.float64]:
        """Fit of the points under each of (S, N or 1, 2) offsets: (S,)."""
        base = self.zones.to_plane(self.points)
        sign = -1.0 if self.backwards else 1.0
        laid = (base[None, :, :] + sign * offsets_m).reshape(-1, 2)
        far = _REACH * self.scale_m
        distance = np.full(len(laid), far)
        if len(laid) and len(self.tree):
            pairs, metres = self.tree.query_nearest(
                np.array(shapely.points(laid), dtype=object), max_distance=far, return_distance=True, all_matches=False
            )
            distance[pairs[0]] = metres
        value = 1.0 / (1.0 + (distance / self.scale_m) ** 2)
        return value.reshape(len(offsets_m), len(base)).sum(axis=1)

    def moved_by_m(self, suspect: Suspect) -> Points:
        """How `suspect` moves each point, (1, N, 2) metres."""
        return (self.zones.to_plane(suspect.moved(self.points)) - self.zones.to_plane(self.points))[None]


def _decide(samples: Sequence[_Sample], tried: Sequence[Suspect]) -> Agreement:
    count = sum(len(sample.points) for sample in samples)
    as_is = float(sum(s.gain(np.zeros((1, 1, 2)))[0] for s in samples))
    if count == 0 or not tried:
        return Agreement("cannot_tell", 0.0)
    gains = [float(sum(s.gain(s.moved_by_m(suspect))[0] for s in samples)) for suspect in tried]
    best = int(np.argmax(gains))
    chance = sum((s.gain(_controls()[:, None, :]) for s in samples), np.zeros(CONTROLS))
    fit = as_is / count
    middle, top = float(np.median(chance)), float(np.quantile(chance, _CHANCE))
    if as_is >= _MIN_GAIN and as_is > top and as_is >= gains[best]:
        return Agreement("fits", fit)
    is_cause = gains[best] >= max(_MIN_GAIN, _BETTER * as_is, middle + _CLEARLY * (top - middle)) and gains[best] > top
    if not is_cause:
        return Agreement("cannot_tell", fit)
    suspect = tried[best]
    off = -np.concatenate([s.moved_by_m(suspect)[0] for s in samples])
    east_m, north_m = (float(value) for value in np.median(off, axis=0))
    return Agreement("shifted", fit, suspect, gains[best] / count, east_m, north_m)


@cache
def _controls() -> Points:
    """Shifts (CONTROLS, 2) in metres, spread evenly over a ring: golden angle, radius by the square root of area."""
    index = np.arange(CONTROLS)
    inner, outer = _CONTROL_M
    radius = np.sqrt(inner**2 + (outer**2 - inner**2) * (index + 0.5) / CONTROLS)
    angle = index * np.pi * (3.0 - np.sqrt(5.0))
    return np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))


def _tree(zones: ZoneIndex) -> shapely.STRtree:
    telling = np.array([zone.kind not in _SILENT for zone in zones.zones], np.bool_)
    return shapely.STRtree(zones.shapes[telling & _narrow(zones.shapes)])


def _narrow(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which shapes are small or thin enough for lying in them to mean something."""
    widths = [2.0 * shape.area / shape.length if shape.length else np.inf for shape in shapes]
    return np.array(widths, np.float64) <= _WIDE_M


def _middles(polygons: NDArray[np.object_]) -> Points:
    return np.asarray(shapely.get_coordinates(shapely.point_on_surface(polygons)), np.float64).reshape(-1, 2)


def _thin(points: Points) -> Points:
    """At most `MAX_POINTS` of the points, evenly."""
    if len(points) <= MAX_POINTS:
        return points
    return points[np.linspace(0, len(points) - 1, MAX_POINTS).astype(np.int64)]


def thin_by_distance(lon_lat_deg: Points, step_m: float) -> Points:
    """Points of a path at least `step_m` apart, so that a wait at a light counts once."""
    if not len(lon_lat_deg):
        return lon_lat_deg
    metres = LocalPlane(*lon_lat_deg[0].tolist()).east_north_m(lon_lat_deg)
    kept = [0]
    for row in range(1, len(metres)):
        if float(np.hypot(*(metres[row] - metres[kept[-1]]))) >= step_m:
            kept.append(row)
    return lon_lat_deg[np.array(kept)]
