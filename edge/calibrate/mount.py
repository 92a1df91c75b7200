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
from edge.calibrate.flow import Motion
from edge.calibrate.road import Straight, find_road, yaw_pitch
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
        pitch_spread_deg, roll_spread_deg: how much they vary from moment to moment: the vehicle's nod and lean, and the
            measurement.
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
    roll_spread_deg: float
    pairs: int
    way_m: float
    road_points: int
    skipped: Skipped
    picture: Image


def estimate_mounting(moved: Iterable[Motion], track: FixTrack) -> Mounting:
    """Estimate the mounting from a drive.

    Args:
        moved: motions between pictures, a few per second.
        track: on the pictures' clock.

    Raises:
        InputError: too little straight driving, no road in view, or directions that scatter too much; the message says
            what the drive was made of.
    """
    straight: list[Straight] = []
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
    road = find_road(straight, forward)
    yaw_deg, pitch_deg = yaw_pitch(forward, road.roll_deg)
    if yaw_pitch_sigma[1] > _PITCH_SIGMA_MAX_DEG or yaw_pitch_sigma[0] > _YAW_SIGMA_MAX_DEG:
        raise InputError(
            f"the directions of motion scatter: yaw is known to {yaw_pitch_sigma[0]:.1f} and pitch to "
            f"{yaw_pitch_sigma[1]:.1f} degrees only; take a longer straight drive by day, with a sharp picture"
        )
    return Mounting(
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=road.roll_deg,
        height_m=road.height_m,
        yaw_sigma_deg=yaw_pitch_sigma[0],
        pitch_sigma_deg=yaw_pitch_sigma[1],
        roll_sigma_deg=road.roll_sigma_deg,
        height_sigma_m=road.height_sigma_m,
        pitch_spread_deg=pitch_spread,
        roll_spread_deg=road.roll_spread_deg,
        pairs=len(straight),
        way_m=way_m,
        road_points=road.points,
        skipped=skipped,
        picture=best.picture,
    )


def _straight(motion: Motion, track: FixTrack) -> Straight | str:
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
    return Straight(motion.way, motion.points() * way_m, way_m, speed_m_s)


def _forward(straight: list[Straight]) -> tuple[Array, tuple[float, float], float]:
    """Mean direction of motion, the sigmas of its yaw and pitch, and the spread of pitch, degrees."""
    angles = np.array([yaw_pitch(s.forward, 0.0) for s in straight])
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
