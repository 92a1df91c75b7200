"""How far the video's clock is ahead of the receiver's: the picture's own motion laid over the fixes.

A turn or a stop shows in both. Two signals are compared at every offset: how far the camera turned within a second
against how far the course did (both degrees), and the speed that the road's flow gives against the receiver's (its
scale is left free). With white errors of unknown size, n independent seconds and a mean squared misfit q, the
log-likelihood of an offset is ``-n/2 log q``; the peak's curvature gives its sigma. A straight drive at a steady speed
has no peak, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.camera import VehicleCamera, rotation
from edge.calibrate.flow import Motion
from edge.gnss import FixTrack

Array = NDArray[np.float64]

REACH_S: Final = 10.0
"""Offsets are looked for up to this, either way; a larger one is given roughly first (--gnss-offset-s)."""

_STEP_S = 0.05
_WINDOW_S = 1.0
"""Receivers report once a second, so turns are compared over a second."""
_GAP_S = 2.5
_SECONDS_MIN = 10.0
_TURNED_MIN_DEG = 3.0
_SPEED_MIN_M_S = 0.4
"""The signals must vary by so much (one sigma) to be compared at all."""
_EXPLAINED_MIN = 0.5
_SIGMA_MAX_S = 0.3
_SIGMA_MIN_S = 0.02
_CONFIDENT = 0.9
_LOW_RAY = -0.12
"""Rays this steep and more (per unit ahead) meet the road within a few metres."""
_ROAD_POINTS_MIN = 8


@dataclass(frozen=True, slots=True)
class OffsetEstimate:
    """Result of `estimate_offset`.

    Attributes:
        offset_s: to be added to the log's times (``--gnss-offset-s``): positive when the video's clock is ahead.
        sigma_s: one standard deviation.
        confidence: how sure the peak is the right one, 0 to 1.
        turn_explained, speed_explained: share of the receiver's signal that the picture explains at this offset; `None`
            when that signal hardly varies.
        offsets_s, likelihood: (N,) the curve, its peak 1, for drawing.
    """

    offset_s: float
    sigma_s: float
    confidence: float
    turn_explained: float | None
    speed_explained: float | None
    offsets_s: tuple[float, ...]
    likelihood: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Signal:
    """One signal as both saw it.

    Attributes:
        at_s, seen: (N,) moments on the video's clock, and the picture's value; NaN where unknown.
        told: the receiver's value at moments on its own clock.
        free_scale: whether only the shape counts.
        varies_min: least spread of the receiver's values.
    """

    at_s: Array
    seen: Array
    told: Callable[[Array], Array]
    free_scale: bool
    varies_min: float

    def misfit(self, offset_s: float) -> tuple[float, float, int]:
        """Mean squared misfit, the variance of what the receiver tells, and the number of samples."""
        told = self.told(self.at_s - offset_s)
        both = np.isfinite(told) & np.isfinite(self.seen)
        if both.sum() < 10:
            return np.nan, np.nan, 0
        a, b = self.seen[both], told[both]
        scale = float(a @ b / max(a @ a, 1e-9)) if self.free_scale else 1.0
        return float(np.mean((b - scale * a) ** 2)), float(np.var(b)), int(both.sum())


def estimate_offset(moved: Iterable[Motion], track: FixTrack, camera: VehicleCamera) -> OffsetEstimate:
    """Estimate the offset between the pictures' clock and the receiver's.

    Args:
        moved: motions between pictures, several per second.
        track: on the receiver's clock, shifted by a rough guess where the clocks are far apart.
        camera: its mounting need not be exact.

    Raises:
        InputError: video or log too short, the drive too even, or no offset that explains both.
    """
    motions = list(moved)
    if not motions or not track.fixes:
        raise InputError("no clock offset can be seen: the pictures hardly move, or the GNSS log holds no fix")
    zero = motions[0].begin
    seconds = (motions[-1].end - zero).total_seconds()
    if seconds < _SECONDS_MIN:
        raise InputError(
            f"{seconds:.0f} s of video are too short to compare clocks; give {_SECONDS_MIN:.0f} s with turns"
        )
    signals = (_turns(motions, track, zero), _speeds(motions, track, zero, camera))
    offsets = np.arange(-REACH_S, REACH_S + _STEP_S / 2, _STEP_S)
    score = np.zeros(len(offsets))
    used: list[_Signal] = []
    for signal in signals:
        rows = np.array([signal.misfit(float(o)) for o in offsets])
        overlapping = rows[:, 2] > 0
        if not overlapping.any() or np.sqrt(np.nanmax(rows[:, 1])) < signal.varies_min:
            continue
        used.append(signal)
        per_second = len(signal.at_s) / seconds
        share = np.where(overlapping, rows[:, 0] / np.nanmax(rows[:, 1]), 1.0)
        # Offsets at which little is left to compare are no better than those that explain nothing.
        full = rows[:, 2] >= 0.5 * rows[:, 2].max()
        score -= rows[:, 2].max() / per_second / 2.0 * np.log(np.where(full, np.clip(share, 1e-3, 1.0), 1.0))
    if not used:
        raise InputError(
            "the clock offset cannot be seen: the drive is straight and at a steady speed, or standing; give a part "
            "with turns, or with stops and starts"
        )
    return _peak(offsets, score, signals, used)


def _peak(offsets: Array, score: Array, signals: tuple[_Signal, ...], used: list[_Signal]) -> OffsetEstimate:
    top = int(score.argmax())
    likelihood = np.exp(score - score[top])
    if not 2 <= top < len(offsets) - 2:
        raise InputError(
            f"the clocks differ by more than {REACH_S:g} s, or the log is of another drive: give a rough "
            "--gnss-offset-s"
        )
    # A parabola through the peak and its neighbours two steps away.
    left, middle, right = score[top - 2], score[top], score[top + 2]
    bend = (left - 2.0 * middle + right) / (2 * _STEP_S) ** 2
    shift_s = (right - left) / (2.0 * 2 * _STEP_S) / max(-bend, 1e-9)
    offset_s = float(offsets[top] + np.clip(shift_s, -2 * _STEP_S, 2 * _STEP_S))
    sigma_s = float(max(_SIGMA_MIN_S, 1.0 / np.sqrt(max(-bend, 1e-9))))
    near = np.abs(offsets - offset_s) <= max(0.5, 3.0 * sigma_s)
    confidence = float(likelihood[near].sum() / likelihood.sum())
    turn, speed = (_explained(s, offset_s) if s in used else None for s in signals)
    best = max(e for e in (turn, speed) if e is not None)
    if sigma_s > _SIGMA_MAX_S or confidence < _CONFIDENT or best < _EXPLAINED_MIN:
        raise InputError(
            f"the clock offset is not clear: {offset_s:+.2f} s with sigma {sigma_s:.2f} s, confidence "
            f"{confidence:.0%}, the picture explains {best:.0%} of the receiver's motion; give a part with more turns, "
            "stops and starts"
        )
    return OffsetEstimate(
        offset_s, sigma_s, confidence, turn, speed, tuple(offsets.tolist()), tuple(likelihood.tolist())
    )


def _explained(signal: _Signal, offset_s: float) -> float:
    misfit, variance, _ = signal.misfit(offset_s)
    return float(np.clip(1.0 - misfit / max(variance, 1e-9), 0.0, 1.0))


def _since(moment: datetime, zero: datetime) -> float:
    return (moment - zero).total_seconds()


def _within(at_s: Array, values: Array, half_s: float, breaks_s: float) -> Callable[[Array], Array]:
    """Linear interpolation that is NaN outside, and where samples lie further apart than `breaks_s`."""

    def value(t: Array) -> Array:
        if len(at_s) < 2:
            return np.full(len(t), np.nan)
        after = np.clip(np.searchsorted(at_s, t), 1, len(at_s) - 1)
        whole = (t >= at_s[0]) & (t <= at_s[-1]) & (at_s[after] - at_s[after - 1] <= breaks_s)
        return np.where(whole, np.interp(t, at_s, values), np.nan)

    return (lambda t: value(t + half_s) - value(t - half_s)) if half_s else value


def _turns(motions: list[Motion], track: FixTrack, zero: datetime) -> _Signal:
    """Degrees turned within a second around each moment."""
    half_s = _WINDOW_S / 2.0
    ends, turned = [0.0], [0.0]
    for motion in motions:
        if _since(motion.begin, zero) > ends[-1] + 1e-3:
            # Pictures whose motion could not be told: how far the camera turned meanwhile is unknown.
            ends.append(_since(motion.begin, zero))
            turned.append(np.nan)
        ends.append(_since(motion.end, zero))
        turned.append(float(np.nansum((turned[-1] if np.isfinite(turned[-1]) else turned[-2], motion.yaw_deg))))
    seen = _within(np.array(ends), np.array(turned), half_s, _GAP_S / 2)
    moving = [f for f in track.fixes if f.heading_deg is not None]
    fixes_s = np.array([_since(f.at, zero) for f in moving])
    course = np.unwrap([f.heading_deg or 0.0 for f in moving], period=360.0)
    told = _within(fixes_s, course, half_s, _GAP_S)
    at_s = np.array([(_since(m.begin, zero) + _since(m.end, zero)) / 2.0 for m in motions])
    return _Signal(at_s, seen(at_s), told, free_scale=False, varies_min=_TURNED_MIN_DEG)


def _speeds(motions: list[Motion], track: FixTrack, zero: datetime, camera: VehicleCamera) -> _Signal:
    """Speed by the road's flow, m/s when the camera's height is right."""
    mount = rotation(camera.yaw_deg, camera.pitch_deg, camera.roll_deg)[0]
    at_s = np.array([(_since(m.begin, zero) + _since(m.end, zero)) / 2.0 for m in motions])
    raw = np.array([_road_speed(m, mount, camera.height_m) for m in motions])
    known = np.isfinite(raw)
    smooth = _smoothed(at_s[known], raw[known]) if known.any() else raw
    seen = np.full(len(at_s), np.nan)
    seen[known] = smooth
    fixes = [(f.at, f.speed_m_s) for f in track.fixes if f.speed_m_s is not None]
    fixes_s = np.array([_since(at, zero) for at, _ in fixes])
    told = _within(fixes_s, np.array([speed for _, speed in fixes]), 0.0, _GAP_S)
    return _Signal(at_s, seen, told, free_scale=True, varies_min=_SPEED_MIN_M_S)


def _road_speed(motion: Motion, mount: Array, height_m: float) -> float:
    if not motion.way.any():
        return 0.0
    rays = motion.rays @ mount.T
    low = (rays[:, 2] < _LOW_RAY * rays[:, 1]) & (np.abs(rays[:, 0]) < 0.7 * rays[:, 1])
    down = -(motion.points()[low] @ mount.T)[:, 2]
    down = down[np.isfinite(down) & (down > 0)]
    if len(down) < _ROAD_POINTS_MIN:
        return np.nan
    return float(height_m / np.median(down) / motion.seconds)


def _smoothed(at_s: Array, values: Array) -> Array:
    """Median over a second around each moment: single pairs of pictures are noisy."""
    return np.array([np.median(values[np.abs(at_s - t) <= _WINDOW_S / 2.0]) for t in at_s])
