"""Where a sign up a wall hangs: on the first wall that its line of sight meets.

A facade sign touches no ground, so `localise` has no place for it, or one behind the wall. A ray cannot see through a
wall: in plan, the sight line from the camera C in the direction r (unit, east north) meets the wall with the outward
normal n through W at the range ``t = n . (W - C) / n . r``. ``A = 1 - r n^T / (n . r)`` slides a point along the ray
back onto the wall. So a camera that stands elsewhere by d moves the place by ``A d``, and a bearing turned by db moves
it by ``A t r' db``, r' being r turned clockwise: along the wall, by ``t db / sin(incidence)``. Across the wall only the
map's own error counts, and how far signs stand out.

The middle of the box gives the bearing and the sign's height; its lower edge whether it hangs at all: where that ray
reaches the ground before the wall, the thing stands on the ground and `localise` is right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import Camera
from detector.geo.localise import Unplaced
from detector.geo.sightlines import SightLines, sight_lines
from detector.geo.walls import REACH_M, Walls, first_hit
from detector.hit import Matrix2, PassOffset, Place
from detector.tracks import Track

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MIN_INCIDENCE_DEG = 10.0
"""A wall seen along its face says nothing about where on it."""
WALL_SIGMA_M = 0.5
"""A footprint as drawn (eaves for walls, a metre rounded), and a sign that stands out from its wall."""
SAME_WALL_M = 1.0
"""Sight lines that end this near to one straight line see one wall: a terrace of shops is one."""
SURE = 0.8
"""Share of the sight lines, moved by their errors, that must end on the wall; else which wall it is is not known."""
MIN_OFF_GROUND_M = 0.5
"""What seems to hang lower stands on the ground before the wall."""
_TRIALS = np.random.default_rng(20260522).standard_normal((96, 3))
"""Standard normal draws (bearing, east, north), always the same."""


def place_on_wall(track: Track, camera: Camera, walls: Walls, offset: PassOffset | None = None) -> Place | Unplaced:
    """Where on a wall a sign hangs.

    Args:
        track: the sign.
        offset: the registration of the pass, when there is one: the camera is moved by it before it looks.

    Returns:
        a `Place` with the method ``wall`` and the sign's height, or `Unplaced`: ``no_wall`` (none within `REACH_M`,
        seen along its face, or which of several is not sure), ``on_ground`` (it touches the ground before the wall),
        or what `localise.place_of` says when fix, heading or picture are no good.
    """
    lines = sight_lines(track, camera, walls.zones, offset)
    if isinstance(lines, Unplaced):
        return lines
    edges = walls.near(lines.origin.mean(axis=0))
    t, edge = first_hit(edges, lines.origin, lines.direction)
    hit = np.flatnonzero(t <= REACH_M)
    if not len(hit):
        return Unplaced("no_wall")
    # The wall that most looks see; the others looked past it, or their box was another's for a moment.
    ends = lines.origin[hit] + t[hit, None] * lines.direction[hit]
    votes = [_near_line(edges[row], ends).sum() for row in edge[hit]]
    wall = edges[edge[hit][int(np.argmax(votes))]]
    normal, on_wall = _normal(wall), hit[_near_line(wall, ends)]
    sine = -(lines.direction[on_wall] @ normal)
    on_wall = on_wall[sine >= np.sin(np.radians(MIN_INCIDENCE_DEG))]
    if len(on_wall) * 2 <= len(t) or not _is_sure(edges, wall, lines, on_wall):
        return Unplaced("no_wall")
    return _combined(lines, on_wall, t, wall, normal, walls, offset)


def sign_place(
    track: Track, camera: Camera, ground: Place | Unplaced, walls: Walls, offset: PassOffset | None = None
) -> Place | Unplaced:
    """The place of a sign: on a wall when it hangs on one, else `ground`, what `localise.place_of` says."""
    found = place_on_wall(track, camera, walls, offset)
    return found if isinstance(found, Place) else ground


def _normal(wall: Array) -> Array:
    """Outward unit normal of an edge whose inside lies to the left."""
    along = (wall[2:] - wall[:2]) / np.hypot(*(wall[2:] - wall[:2]))
    return np.array([along[1], -along[0]])


def _near_line(wall: Array, points: Array) -> NDArray[np.bool_]:
    return np.abs((points - wall[:2]) @ _normal(wall)) <= SAME_WALL_M


def _is_sure(edges: Array, wall: Array, lines: SightLines, rows: Rows) -> bool:
    """Whether the wall stays the first one when place and bearing of the nearest look are moved by their errors."""
    row = rows[0]
    turn = np.hypot(np.hypot(lines.sigma_pixel_rad[row], lines.sigma_common_rad[row]), lines.sigma_heading_rad)
    values, vectors = np.linalg.eigh(lines.shift_m2)
    moved = lines.origin[row] + (_TRIALS[:, 1:] * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    angle = np.arctan2(*lines.direction[row]) + turn * _TRIALS[:, 0]
    direction = np.column_stack((np.sin(angle), np.cos(angle)))
    t, _ = first_hit(edges, moved, direction)
    ends = moved + np.where(np.isfinite(t), t, 1e9)[:, None] * direction
    return float(_near_line(wall, ends).mean()) >= SURE


def _combined(
    lines: SightLines, rows: Rows, t: Array, wall: Array, normal: Array, walls: Walls, offset: PassOffset | None
) -> Place | Unplaced:
    """Weighted mean along the wall, outliers pulled in (Huber 1964)."""
    ends = lines.origin[rows] + t[rows, None] * lines.direction[rows]
    along = np.array([-normal[1], normal[0]])
    where = (ends - wall[:2]) @ along
    sine = -(lines.direction[rows] @ normal)
    own, common = (t[rows] * sigma[rows] / sine for sigma in (lines.sigma_pixel_rad, lines.sigma_common_rad))
    weights = _huber(where, own)
    range_m = float(weights @ t[rows])
    foot_m = float(weights @ (lines.height_m[rows] + t[rows] * lines.foot_rise[rows]))
    sigma_foot_m = float(weights @ (t[rows] * lines.sigma_rise[rows]))
    if foot_m < max(MIN_OFF_GROUND_M, 2.0 * sigma_foot_m):
        return Unplaced("on_ground")
    spread = float(weights @ (where - weights @ where) ** 2) * float(weights @ weights)
    var_along = float(weights**2 @ own**2) + float(weights @ common) ** 2 + spread
    cov_own = np.outer(along, along) * var_along + np.eye(2) * WALL_SIGMA_M**2
    ray = weights @ lines.direction[rows]
    ray = ray / np.hypot(*ray)
    slide = np.eye(2) - np.outer(ray, normal) / float(normal @ ray)
    arm = range_m * ray + weights @ lines.arm_m[rows]
    lever = slide @ np.array([arm[1], -arm[0]])
    shift = slide @ lines.shift_m2 @ slide.T
    point = wall[:2] + along * float(weights @ where)
    ((lon_deg, lat_deg),) = walls.lon_lat_deg(point[None]).tolist()
    height_m = float(weights @ (lines.height_m[rows] + t[rows] * lines.rise[rows]))
    return Place(
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        cov_own_m2=_matrix2(cov_own),
        cov_pass_m2=_matrix2(shift + np.outer(lever, lever) * lines.sigma_heading_rad**2),
        pass_shift_m2=_matrix2(shift),
        heading_lever_m=(float(lever[0]), float(lever[1])),
        sigma_heading_rad=lines.sigma_heading_rad,
        range_m=range_m,
        method="wall",
        synthetic=lines.synthetic,
        offset=offset,
        above_ground_m=height_m,
    )


def _huber(values: Array, sigma: Array) -> Array:
    """Weights (K,) that sum to 1."""
    precision = 1.0 / sigma**2
    middle = float(np.median(values))
    weights = precision / precision.sum()
    for _ in range(5):
        pulled = precision * np.minimum(1.0, 2.0 * sigma / np.maximum(np.abs(values - middle), 1e-9))
        weights = pulled / pulled.sum()
        middle = float(weights @ values)
    return weights


def _matrix2(cov: Array) -> Matrix2:
    return ((float(cov[0, 0]), float(cov[0, 1])), (float(cov[0, 1]), float(cov[1, 1])))
