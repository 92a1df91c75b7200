"""Do the positions move as the receiver's own speed says?

Doppler speed is good to decimetres per second even where positions are metres off, and does not know of multipath that
comes and goes. So the way from fix to fix is held against it:

* a fix that no vehicle could have driven to is left out, and so is one that stands off alone;
* where the position *steps* and stays, both sides are kept but the track breaks: nothing is interpolated across, and
  the error that a pass shares is another one from there on;
* a receiver whose speed disagrees with its positions all along is told (a log in wrong units, a simulator).

Thresholds are set by the real logs in the tests: settled receivers move within 0.9 m of their speed from second to
second; receivers that still search wander by 5 to 95 m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detector.frame import Fix

_JUMP_MARGIN_M_S = 10.0
_SPEED_UNKNOWN_M_S = 50.0
_REACQUIRED_AFTER = 3
"""So many fixes in a row that agree with each other are a new place, not a jump."""

_STEP_MIN_M = 1.0
_STEP_MAX_M = 3.0
"""A step is told from noise at the fix's own sigma, within these bounds."""
_ACCELERATION_M_S2 = 3.0
"""Braking or turning hard between two fixes; the mean of their velocities misses by a quarter of a t^2 at most."""

_BACKING_M_S = 3.0
"""No vehicle backs up faster."""

_SPEED_RATIO = 1.4
_SPEED_SPREAD = 0.2
_SPEED_CHECK_M = 100.0
"""The ratio of way to speed is judged over at least this way."""

_METRES_PER_DEG = 111_195.0


@dataclass(frozen=True, slots=True)
class Checked:
    """Fixes that hold against their own speeds.

    Attributes:
        fixes: kept, in order.
        breaks: indices of fixes where a new stretch begins.
        jumps: how many were left out.
        steps: how many of the breaks are steps (the others are places re-acquired far away).
        odd: sentences about the whole log.
    """

    fixes: tuple[Fix, ...]
    breaks: frozenset[int]
    jumps: int
    steps: int
    odd: tuple[str, ...]


def check_motion(fixes: Sequence[Fix]) -> Checked:
    """Leave out jumps, find steps.

    Args:
        fixes: in time order.
    """
    kept, elsewhere, jumps = _without_jumps(fixes)
    odd = _odd_speed(kept)
    if odd:
        # A speed that is wrong all along explains nothing.
        return Checked(tuple(kept), elsewhere, jumps, 0, odd)
    settled, elsewhere, alone = _without_lone(kept, elsewhere)
    steps = step_breaks(settled) - elsewhere
    return Checked(tuple(settled), elsewhere | steps, jumps + alone, len(steps), _told(len(steps)))


def step_breaks(fixes: Sequence[Fix], max_gap_s: float = 5.0) -> frozenset[int]:
    """Indices of fixes to which the position stepped from the one before, by more than Doppler speed explains.

    Fixes further apart than `max_gap_s` are not judged: no line is drawn between them anyway.
    """
    return frozenset(
        i for i, (a, b) in enumerate(pairwise(fixes), 1) if (b.at - a.at).total_seconds() <= max_gap_s and _steps(a, b)
    )


def _east_north_m(a: Fix, b: Fix) -> tuple[float, float]:
    """From a to b on the local plane; exact enough below 10 km."""
    mid = math.radians((a.lat_deg + b.lat_deg) / 2)
    east_deg = (b.lon_deg - a.lon_deg + 180.0) % 360.0 - 180.0
    return _METRES_PER_DEG * east_deg * math.cos(mid), _METRES_PER_DEG * (b.lat_deg - a.lat_deg)


def _unexplained_m(a: Fix, b: Fix) -> float | None:
    """How far b lies from where the mean velocity of both leads from a; `None` without speeds."""
    if a.speed_m_s is None or b.speed_m_s is None:
        return None
    seconds = (b.at - a.at).total_seconds()
    east, north = _east_north_m(a, b)
    if a.heading_deg is None or b.heading_deg is None:
        return abs(math.hypot(east, north) - (a.speed_m_s + b.speed_m_s) / 2.0 * seconds)
    velocity_a, velocity_b = (
        f_speed * np.exp(1j * math.radians(90.0 - f_heading))
        for f_speed, f_heading in ((a.speed_m_s, a.heading_deg), (b.speed_m_s, b.heading_deg))
    )
    way = complex(velocity_a + velocity_b) / 2.0 * seconds
    ahead_m = abs(complex(east, north) - way)
    if max(a.speed_m_s, b.speed_m_s) > _BACKING_M_S:
        return ahead_m
    # Two antennas give the heading of the body, and a vehicle that backs up moves against it.
    return min(ahead_m, abs(complex(east, north) + way))


def _steps(a: Fix, b: Fix) -> bool:
    unexplained_m = _unexplained_m(a, b)
    seconds = (b.at - a.at).total_seconds()
    noise_m = min(_STEP_MAX_M, max(_STEP_MIN_M, math.hypot(a.sigma_m, b.sigma_m)))
    return unexplained_m is not None and unexplained_m > noise_m + _ACCELERATION_M_S2 * seconds**2 / 4.0


def _could_drive(a: Fix, b: Fix) -> bool:
    """Whether b follows a at the speed the receiver itself reports, within the error of both."""
    seconds = (b.at - a.at).total_seconds()
    speeds = [f.speed_m_s for f in (a, b) if f.speed_m_s is not None]
    fastest_m_s = max(speeds) + _JUMP_MARGIN_M_S if speeds else _SPEED_UNKNOWN_M_S
    return math.hypot(*_east_north_m(a, b)) <= fastest_m_s * seconds + 3.0 * math.hypot(a.sigma_m, b.sigma_m)


def _without_jumps(fixes: Sequence[Fix]) -> tuple[list[Fix], frozenset[int], int]:
    """Drop fixes that jump away; go on from a new place once several fixes in a row agree on it.

    Returns:
        the fixes kept, the indices among them where a new place begins, and how many were dropped.
    """
    kept: list[Fix] = []
    breaks: set[int] = set()
    away: list[Fix] = []
    dropped = 0
    for fix in fixes:
        if not kept or _could_drive(kept[-1], fix):
            dropped += len(away)
            away = []
            kept.append(fix)
            continue
        if away and not _could_drive(away[-1], fix):
            dropped += len(away)
            away = []
        away.append(fix)
        if len(away) == _REACQUIRED_AFTER:
            breaks.add(len(kept))
            kept.extend(away)
            away = []
    return kept, frozenset(breaks), dropped + len(away)


def _without_lone(fixes: Sequence[Fix], breaks: frozenset[int]) -> tuple[list[Fix], frozenset[int], int]:
    """Drop single fixes that the position steps to and straight back from."""
    lone = {
        i
        for i in range(1, len(fixes) - 1)
        if not {i, i + 1} & breaks
        and _steps(fixes[i - 1], fixes[i])
        and _steps(fixes[i], fixes[i + 1])
        and not _steps(fixes[i - 1], fixes[i + 1])
    }
    kept = [fix for i, fix in enumerate(fixes) if i not in lone]
    moved = frozenset(i - sum(gone < i for gone in lone) for i in breaks)
    return kept, moved, len(lone)


def _told(steps: int) -> tuple[str, ...]:
    if not steps:
        return ()
    return (
        f"the GNSS position stepped {steps} times by more than its own speed explains; places at the steps are "
        f"unknown, and differ between their sides (定位跳变 {steps} 次)",
    )


def _odd_speed(fixes: Sequence[Fix]) -> tuple[str, ...]:
    """A sentence when way and speed disagree by the same factor all along; one that wanders has no such factor."""
    ways_m: list[float] = []
    said_m: list[float] = []
    for a, b in pairwise(fixes):
        seconds = (b.at - a.at).total_seconds()
        if a.speed_m_s is None or b.speed_m_s is None or seconds > 2.0 or min(a.speed_m_s, b.speed_m_s) < 1.0:
            continue
        ways_m.append(math.hypot(*_east_north_m(a, b)))
        said_m.append((a.speed_m_s + b.speed_m_s) / 2.0 * seconds)
    if max(sum(ways_m), sum(said_m)) < _SPEED_CHECK_M:
        return ()
    ratios = np.divide(ways_m, said_m)
    ratio = float(np.median(ratios))
    spread = float(np.median(np.abs(ratios - ratio)))
    if 1.0 / _SPEED_RATIO <= ratio <= _SPEED_RATIO or spread > _SPEED_SPREAD * ratio:
        return ()
    return (
        f"the GNSS log's positions move {ratio:.2f} times as fast as its own speeds say: the speeds are in another "
        "unit, or the log is made up; steps of the position cannot be told (定位日志的速度与位移不符)",
    )
