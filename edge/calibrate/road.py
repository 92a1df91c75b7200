"""The road below a camera that drives: its height, and how it lies across, out of points in metres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.camera import rotation

Array = NDArray[np.float64]

_ROAD_AHEAD_M = (1.5, 15.0)
_ROAD_ASIDE_M = 4.0
_LOW_M = 0.3
"""No camera is lower above the road."""
_ON_ROAD = 0.06
"""A point within this share of the height from the plane lies on the road."""
_STRETCH_POINTS = 120
"""A plane is fitted to so many points: a few tenths of a second of driving."""
_ROAD_POINTS_MIN = 40
_STRETCHES_MIN = 8
_SLOPE_MAX = 0.35
"""Nothing leans further than 19 degrees while it drives straight."""
_TRIALS = 120
_ROUNDS = 5
_BELOW_MAX = 0.2
"""Nothing lies below the road: more points there than this share, and the plane is not it."""

_SPEED_SIGMA_M_S = 0.1
"""Of Doppler speed averaged over a drive."""


@dataclass(frozen=True, slots=True, eq=False)
class Straight:
    """One straight pair: the direction of motion, and its points in metres, in the camera's axes."""

    forward: Array
    points_m: Array
    way_m: float
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class _Plane:
    """The road across the vehicle's axes, ``z = -height + slope x``."""

    height_m: float
    slope: float
    points: int


@dataclass(frozen=True, slots=True)
class Road:
    """What the road says of the camera.

    Attributes:
        roll_deg, roll_sigma_deg: of the mounting, and one standard deviation of the estimate.
        roll_spread_deg: how much the roll varies from stretch to stretch: the vehicle's lean and the measurement.
        height_m, height_sigma_m: above the road.
        points: that lie on the road.
    """

    roll_deg: float
    roll_sigma_deg: float
    roll_spread_deg: float
    height_m: float
    height_sigma_m: float
    points: int


def find_road(straight: Sequence[Straight], forward: Array) -> Road:
    """The road below the camera, stretch by stretch, because a two-wheeler leans from one moment to the next.

    Raises:
        InputError: no plane stands out below the camera.
    """
    planes: list[_Plane] = []
    roll_deg = 0.0
    for _ in range(_ROUNDS):
        mount = rotation(*yaw_pitch(forward, roll_deg), roll_deg)[0]
        planes = [plane for near in _stretches(straight, mount) if (plane := fit_plane(near)) is not None]
        if len(planes) < _STRETCHES_MIN:
            break
        turn_deg = float(np.degrees(np.arctan(np.median([p.slope for p in planes]))))
        # Seen from a camera whose right side hangs down, the road rises to the right.
        roll_deg += turn_deg
        if abs(turn_deg) < 0.01:
            break
    points = sum(p.points for p in planes)
    if len(planes) < _STRETCHES_MIN:
        raise InputError(
            f"the road stands out in {len(planes)} stretches of the drive only ({points} points on it; needed are "
            f"{_STRETCHES_MIN}): is it in view, and sharp? Calibrate by day, on a road with texture or markings"
        )
    heights = np.array([p.height_m for p in planes])
    lean_deg = np.degrees(np.arctan([p.slope for p in planes]))
    independent = np.sqrt(len(planes) / 2.0)
    height_spread, lean_spread = (1.4826 * float(np.median(np.abs(a - np.median(a)))) for a in (heights, lean_deg))
    speed_m_s = float(np.mean([s.speed_m_s for s in straight]))
    height_m = float(np.median(heights))
    return Road(
        roll_deg=roll_deg,
        roll_sigma_deg=float(np.hypot(lean_spread / independent, 0.1)),
        roll_spread_deg=lean_spread,
        height_m=height_m,
        height_sigma_m=float(np.hypot(height_spread / independent, height_m * _SPEED_SIGMA_M_S / speed_m_s)),
        points=points,
    )


def _stretches(straight: Sequence[Straight], mount: Array) -> Iterator[Array]:
    """Points near ahead, (N, 2) aside and up in the vehicle's axes, of so many pairs at a time as make a plane."""
    gathered: list[Array] = []
    for pair in straight:
        x, y, z = (pair.points_m[np.isfinite(pair.points_m).all(axis=1)] @ mount.T).T
        near = (np.abs(x) < _ROAD_ASIDE_M) & (y > _ROAD_AHEAD_M[0]) & (y < _ROAD_AHEAD_M[1]) & (z < -_LOW_M)
        gathered.append(np.column_stack((x[near], z[near])))
        if sum(map(len, gathered)) >= _STRETCH_POINTS:
            yield np.concatenate(gathered)
            gathered = []


def fit_plane(points_m: Array) -> _Plane | None:
    """The plane ``z = -height + slope x`` that most points (x, z) lie on: RANSAC, then least squares.

    `None` when too few lie on it, or too many below: nothing lies below the road.
    """
    x, z = points_m.T
    rng = np.random.default_rng(0)
    i, j = rng.integers(len(x), size=(2, _TRIALS))
    apart = np.abs(x[i] - x[j]) > 0.3
    i, j = i[apart], j[apart]
    slopes = (z[i] - z[j]) / (x[i] - x[j])
    heights = slopes * x[i] - z[i]
    possible = (np.abs(slopes) < _SLOPE_MAX) & (heights > _LOW_M)
    slopes, heights = slopes[possible], heights[possible]
    if not len(slopes):
        return None
    off = np.abs(z[None] + heights[:, None] - slopes[:, None] * x[None])
    best = int((off < _ON_ROAD * heights[:, None]).sum(axis=1).argmax())
    height, slope = float(heights[best]), float(slopes[best])
    for _ in range(5):
        on = np.abs(z + height - slope * x) < _ON_ROAD * height
        if on.sum() < _ROAD_POINTS_MIN or np.ptp(x[on]) < 0.5:
            return None
        slope, offset = (float(c) for c in np.polyfit(x[on], z[on], 1))
        height = -offset
    on = np.abs(z + height - slope * x) < _ON_ROAD * height
    below = z + height - slope * x < -3.0 * _ON_ROAD * height
    if on.sum() < _ROAD_POINTS_MIN or below.sum() > _BELOW_MAX * on.sum():
        return None
    return _Plane(height, slope, int(on.sum()))


def yaw_pitch(forward: Array, roll_deg: float) -> tuple[float, float]:
    """Yaw and pitch of the mounting whose vehicle moves along `forward` of the camera's axes, degrees."""
    u = rotation(0.0, 0.0, roll_deg)[0] @ forward
    return float(np.degrees(-np.arcsin(np.clip(u[0], -1, 1)))), float(np.degrees(np.arctan2(-u[2], u[1])))
