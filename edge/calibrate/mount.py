"""How a camera is mounted on its vehicle, out of a drive: yaw and pitch, roll and height.

A vehicle that drives straight moves along its own axis and along the road. So in the camera's axes the direction of
motion (the focus of expansion) *is* the vehicle's forward axis: with mounting ``M = Rz(-yaw) Rx(pitch) Ry(roll)``
(`detector.geo.camera.rotation`) and ``u = Ry(roll) f`` of the measured direction f::

    u = M_without_roll^T (0, 1, 0) = (-sin yaw, cos pitch cos yaw, -sin pitch cos yaw)

Pitch is then against the road, not against the horizon: what the ground point needs, uphill too. The receiver's speed
turns the triangulated points into metres; those of the road lie in one plane below the camera, whose distance is the
height and whose tilt across the road is the roll.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.frame import Image
from detector.geo.camera import rotation
from edge.calibrate.flow import Motion
from edge.gnss import FixTrack

Array = NDArray[np.float64]

ENOUGH: Final = 600
"""So many straight pairs say all that there is to say."""

_PAIRS_MIN = 30
_WAY_MIN_M = 40.0
_SPEED_MIN_M_S = 1.5
_TURN_MAX_DEG_S = 2.0
_PITCH_SIGMA_MAX_DEG = 0.5
_YAW_SIGMA_MAX_DEG = 1.0

_BIAS_DEG = 0.15
"""Seen on rendered drives with known mountings (tests): compression and aslant texture pull the points a little."""

_ROAD_AHEAD_M = (1.5, 15.0)
_ROAD_ASIDE_M = 4.0
_LOW_M = 0.3
"""No camera is lower above the road."""
_ON_ROAD = 0.06
"""A point within this share of the height from the plane lies on the road."""
_ROAD_POINTS_MIN = 200
_BELOW_MAX = 0.2
"""Nothing lies below the road: more points there than this share, and the plane is not it."""

_SPEED_SIGMA_M_S = 0.1
"""Of Doppler speed averaged over a drive."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Pairs of pictures that could not be used, by reason."""

    no_fix: int = 0
    standing: int = 0
    turning: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Mounting:
    """Result of `estimate_mounting`. Angles as in `VehicleCamera`; sigmas are of the estimate, one standard deviation.

    Attributes:
        pitch_spread_deg: how much the pitch varies from picture to picture: the vehicle's nod and the measurement.
        pairs, way_m: straight pairs of pictures used, and the way driven over them.
        road_points: points that lie on the road.
        skipped: pairs not used.
        picture: one of the drive, for drawing.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    height_m: float
    yaw_sigma_deg: float
    pitch_sigma_deg: float
    roll_sigma_deg: float
    height_sigma_m: float
    pitch_spread_deg: float
    pairs: int
    way_m: float
    road_points: int
    skipped: Skipped
    picture: Image


@dataclass(frozen=True, slots=True, eq=False)
class _Straight:
    """One straight pair: the direction of motion, and its points in metres, in the camera's axes."""

    forward: Array
    points_m: Array
    way_m: float
    speed_m_s: float


def estimate_mounting(moved: Iterable[Motion], track: FixTrack) -> Mounting:
    """Estimate the mounting from a drive.

    Args:
        moved: motions between pictures, a few per second.
        track: on the pictures' clock.

    Raises:
        InputError: too little straight driving, no road in view, or directions that scatter too much; the message says
            what the drive was made of.
    """
    straight: list[_Straight] = []
    reasons = {"no_fix": 0, "standing": 0, "turning": 0}
    best: Motion | None = None
    for motion in moved:
        found = _straight(motion, track)
        if isinstance(found, str):
            reasons[found] += 1
            continue
        straight.append(found)
        if best is None or len(motion.rays) > len(best.rays):
            best = motion
        if len(straight) >= ENOUGH:
            break
    skipped = Skipped(**reasons)
    way_m = sum(s.way_m for s in straight)
    if best is None or len(straight) < _PAIRS_MIN or way_m < _WAY_MIN_M:
        raise InputError(
            f"the drive is no good for calibration: {len(straight)} pairs of pictures over {way_m:.0f} m are straight "
            f"and moving ({skipped.standing} standing or slow, {skipped.turning} turning, {skipped.no_fix} without a "
            f"fix); needed are {_PAIRS_MIN} over {_WAY_MIN_M:.0f} m: drive 100 m straight at a steady speed"
        )
    forward, yaw_pitch_sigma, pitch_spread = _forward(straight)
    roll_deg, roll_sigma, height_m, height_sigma, road_points = _road(straight, forward)
    yaw_deg, pitch_deg = _yaw_pitch(forward, roll_deg)
    if yaw_pitch_sigma[1] > _PITCH_SIGMA_MAX_DEG or yaw_pitch_sigma[0] > _YAW_SIGMA_MAX_DEG:
        raise InputError(
            f"the directions of motion scatter: yaw is known to {yaw_pitch_sigma[0]:.1f} and pitch to "
            f"{yaw_pitch_sigma[1]:.1f} degrees only; take a longer straight drive by day, with a sharp picture"
        )
    return Mounting(
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        height_m=height_m,
        yaw_sigma_deg=yaw_pitch_sigma[0],
        pitch_sigma_deg=yaw_pitch_sigma[1],
        roll_sigma_deg=roll_sigma,
        height_sigma_m=height_sigma,
        pitch_spread_deg=pitch_spread,
        pairs=len(straight),
        way_m=way_m,
        road_points=road_points,
        skipped=skipped,
        picture=best.picture,
    )


def _straight(motion: Motion, track: FixTrack) -> _Straight | str:
    """The pair in metres, or why it cannot be used."""
    a, b = track.at(motion.begin), track.at(motion.end)
    if a is None or b is None or a.speed_m_s is None or b.speed_m_s is None:
        return "no_fix"
    speed_m_s = (a.speed_m_s + b.speed_m_s) / 2.0
    if speed_m_s < _SPEED_MIN_M_S or not motion.way.any():
        return "standing"
    turned_deg = 0.0
    if a.heading_deg is not None and b.heading_deg is not None:
        turned_deg = abs((b.heading_deg - a.heading_deg + 180.0) % 360.0 - 180.0)
    if max(turned_deg, abs(motion.yaw_deg)) > _TURN_MAX_DEG_S * motion.seconds:
        return "turning"
    way_m = speed_m_s * motion.seconds
    return _Straight(motion.way, motion.points() * way_m, way_m, speed_m_s)


def _yaw_pitch(forward: Array, roll_deg: float) -> tuple[float, float]:
    """Yaw and pitch of the mounting whose vehicle moves along `forward` of the camera's axes, degrees."""
    u = rotation(0.0, 0.0, roll_deg)[0] @ forward
    return float(np.degrees(-np.arcsin(np.clip(u[0], -1, 1)))), float(np.degrees(np.arctan2(-u[2], u[1])))


def _forward(straight: list[_Straight]) -> tuple[Array, tuple[float, float], float]:
    """Mean direction of motion, the sigmas of its yaw and pitch, and the spread of pitch, degrees."""
    angles = np.array([_yaw_pitch(s.forward, 0.0) for s in straight])
    middle = np.median(angles, axis=0)
    spread = 1.4826 * np.median(np.abs(angles - middle), axis=0)
    for _ in range(10):
        off = np.abs(angles - middle) / np.maximum(spread, 1e-3)
        weights = np.minimum(1.0, 1.5 / np.maximum(off, 1e-9))
        middle = (weights * angles).sum(axis=0) / weights.sum(axis=0)
    # Neighbouring pairs share a picture, so they count as half; the floor is what following points may be biased by.
    sigma = np.hypot(spread / np.sqrt(len(straight) / 2.0), _BIAS_DEG)
    yaw, pitch = np.radians(middle)
    forward = np.array([-np.sin(yaw), np.cos(pitch) * np.cos(yaw), -np.sin(pitch) * np.cos(yaw)])
    return forward, (float(sigma[0]), float(sigma[1])), float(spread[1])


def _road(straight: list[_Straight], forward: Array) -> tuple[float, float, float, float, int]:
    """Roll and height with their sigmas (degrees, metres), and how many points lie on the road.

    Raises:
        InputError: no plane stands out below the camera.
    """
    roll_deg = height_m = slope_sigma = 0.0
    on_road = np.zeros(0, bool)
    points = np.concatenate([s.points_m for s in straight])
    pair = np.repeat(np.arange(len(straight)), [len(s.points_m) for s in straight])
    seen = np.isfinite(points).all(axis=1)
    points, pair = points[seen], pair[seen]
    for _ in range(5):
        yaw_deg, pitch_deg = _yaw_pitch(forward, roll_deg)
        x, y, z = (points @ rotation(yaw_deg, pitch_deg, roll_deg)[0].T).T
        near = (np.abs(x) < _ROAD_ASIDE_M) & (y > _ROAD_AHEAD_M[0]) & (y < _ROAD_AHEAD_M[1]) & (z < -_LOW_M)
        height_m, slope = _plane(x[near], z[near])
        on_road = near & (np.abs(z + height_m - slope * x) < _ON_ROAD * height_m)
        if on_road.sum() < _ROAD_POINTS_MIN:
            raise InputError(
                f"only {on_road.sum()} points were followed on the road: is it in view, and sharp? Calibrate by day, "
                "on a road with texture or markings"
            )
        below = near & (z + height_m - slope * x < -3.0 * _ON_ROAD * height_m)
        if below.sum() > _BELOW_MAX * on_road.sum():
            raise InputError(
                f"no plane stands out as the road: {on_road.sum()} points lie on the best one, and {below.sum()} below"
            )
        # Seen from a camera whose right side hangs down, the road rises to the right.
        roll_deg += float(np.degrees(np.arctan(slope)))
        slope_sigma = float(_ON_ROAD * height_m / 2.0 / np.sqrt(max((x[on_road] ** 2).sum() / 10.0, 1e-9)))
        if abs(slope) < 1e-4:
            break
    heights = np.array(
        [np.median(-z[on_road & (pair == k)]) for k in range(len(straight)) if (on_road & (pair == k)).any()]
    )
    spread_m = 1.4826 * float(np.median(np.abs(heights - np.median(heights)))) / np.sqrt(len(heights) / 2.0)
    speed_m_s = float(np.mean([s.speed_m_s for s in straight]))
    height_sigma_m = float(np.hypot(spread_m, height_m * _SPEED_SIGMA_M_S / speed_m_s))
    return (
        roll_deg,
        float(np.hypot(np.degrees(slope_sigma), 0.1)),
        float(np.median(heights)),
        height_sigma_m,
        int(on_road.sum()),
    )


def _plane(x: Array, z: Array) -> tuple[float, float]:
    """Height and slope of the plane ``z = -height + slope x`` that most points lie on (RANSAC, then least squares)."""
    if len(x) < _ROAD_POINTS_MIN:
        return 1.0, 0.0
    rng = np.random.default_rng(0)
    sample = rng.permutation(len(x))[:20_000]
    x, z = x[sample], z[sample]
    best_count, best = -1, (1.0, 0.0)
    for _ in range(200):
        i, j = rng.integers(len(x), size=2)
        if abs(x[i] - x[j]) < 0.5:
            continue
        slope = (z[i] - z[j]) / (x[i] - x[j])
        height = slope * x[i] - z[i]
        if abs(slope) > 0.2 or height < _LOW_M:
            continue
        count = int((np.abs(z + height - slope * x) < _ON_ROAD * height).sum())
        if count > best_count:
            best_count, best = count, (height, slope)
    height, slope = best
    for _ in range(5):
        on = np.abs(z + height - slope * x) < _ON_ROAD * height
        if on.sum() < 10:
            break
        slope, offset = np.polyfit(x[on], z[on], 1)
        height = -float(offset)
    return float(height), float(slope)
