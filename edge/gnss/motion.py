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
from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Judged:
    """A fix that stays; `begins` where it is a place re-acquired far from the fix before."""

    fix: Fix
    begins: bool = False


def check_motion(fixes: Sequence[Fix]) -> Checked:
    """Leave out jumps, find steps.

    Args:
        fixes: in time order.
    """
    jumps = JumpFilter()
    driven = [judged for fix in fixes for judged in jumps.feed(fix)]
    odd = odd_speed([judged.fix for judged in driven])
    if odd:
        # A speed that is wrong all along explains nothing.
        return Checked(*_stretches(driven), jumps.left_out, 0, odd)
    lone = LoneFilter()
    settled, elsewhere = _stretches([*(judged for d in driven for judged in lone.feed(d)), *lone.flush()])
    steps = step_breaks(settled) - elsewhere
    return Checked(settled, elsewhere | steps, jumps.left_out + lone.left_out, len(steps), _told(len(steps)))


def _stretches(judged: Sequence[Judged]) -> tuple[tuple[Fix, ...], frozenset[int]]:
    return tuple(j.fix for j in judged), frozenset(i for i, j in enumerate(judged) if j.begins)


def step_breaks(fixes: Sequence[Fix], max_gap_s: float = 5.0) -> frozenset[int]:
    """Indices of fixes to which the position stepped from the one before, by more than Doppler speed explains.

    Fixes further apart than `max_gap_s` are not judged: no line is drawn between them anyway.
    """
    return frozenset(
        i
        for i, (a, b) in enumerate(pairwise(fixes), 1)
        if (b.at - a.at).total_seconds() <= max_gap_s and has_stepped(a, b)
    )


def east_north_m(a: Fix, b: Fix) -> tuple[float, float]:
    """From a to b on the local plane; exact enough below 10 km."""
    mid = math.radians((a.lat_deg + b.lat_deg) / 2)
    east_deg = (b.lon_deg - a.lon_deg + 180.0) % 360.0 - 180.0
    return _METRES_PER_DEG * east_deg * math.cos(mid), _METRES_PER_DEG * (b.lat_deg - a.lat_deg)


def _unexplained_m(a: Fix, b: Fix) -> float | None:
    """How far b lies from where the mean velocity of both leads from a; `None` without speeds."""
    if a.speed_m_s is None or b.speed_m_s is None:
        return None
    seconds = (b.at - a.at).total_seconds()
    east, north = east_north_m(a, b)
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


def has_stepped(a: Fix, b: Fix) -> bool:
    """Whether b lies further from where its speed led than noise and braking explain; never without speeds."""
    unexplained_m = _unexplained_m(a, b)
    seconds = (b.at - a.at).total_seconds()
    noise_m = min(_STEP_MAX_M, max(_STEP_MIN_M, math.hypot(a.sigma_m, b.sigma_m)))
    return unexplained_m is not None and unexplained_m > noise_m + _ACCELERATION_M_S2 * seconds**2 / 4.0


def _could_drive(a: Fix, b: Fix) -> bool:
    """Whether b follows a at the speed the receiver itself reports, within the error of both."""
    seconds = (b.at - a.at).total_seconds()
    speeds = [f.speed_m_s for f in (a, b) if f.speed_m_s is not None]
    fastest_m_s = max(speeds) + _JUMP_MARGIN_M_S if speeds else _SPEED_UNKNOWN_M_S
    return math.hypot(*east_north_m(a, b)) <= fastest_m_s * seconds + 3.0 * math.hypot(a.sigma_m, b.sigma_m)


class JumpFilter:
    """Leaves out fixes that jump away; goes on from a new place once several fixes in a row agree on it.

    Attributes:
        left_out: how many were; those that wait for others to agree are among them.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._last: Fix | None = None
        self._away: list[Fix] = []

    def feed(self, fix: Fix) -> list[Judged]:
        """Take the next fix; those that stay, now that it is known."""
        if self._last is None or _could_drive(self._last, fix):
            self._away = []
            self._last = fix
            return [Judged(fix)]
        if self._away and not _could_drive(self._away[-1], fix):
            self._away = []
        self._away.append(fix)
        self.left_out += 1
        if len(self._away) < _REACQUIRED_AFTER:
            return []
        back, self._away = self._away, []
        self.left_out -= len(back)
        self._last = fix
        return [Judged(f, begins=f is back[0]) for f in back]


class LoneFilter:
    """Leaves out single fixes that the position steps to and straight back from; one that may be waits for the next.

    Attributes:
        left_out: how many were.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._before: Fix | None = None
        self._held: Judged | None = None

    def feed(self, judged: Judged) -> list[Judged]:
        """Take the next fix; those that stay, now that it is known."""
        done: list[Judged] = []
        if self._held is not None:
            done = [] if self._is_lone(self._held, judged) else [self._held]
            self.left_out += not done
            self._before, self._held = self._held.fix, None
        if self._before is not None and not judged.begins and has_stepped(self._before, judged.fix):
            self._held = judged
            return done
        self._before = judged.fix
        return [*done, judged]

    def flush(self) -> list[Judged]:
        """What still waits, when no next fix will come."""
        held, self._held = self._held, None
        return [] if held is None else [held]

    def _is_lone(self, held: Judged, after: Judged) -> bool:
        return (
            self._before is not None
            and not after.begins
            and has_stepped(held.fix, after.fix)
            and not has_stepped(self._before, after.fix)
        )


def _told(steps: int) -> tuple[str, ...]:
    if not steps:
        return ()
    return (
        f"the GNSS position stepped {steps} times by more than its own speed explains; places at the steps are "
        f"unknown, and differ between their sides (定位跳变 {steps} 次)",
    )


def odd_speed(fixes: Iterable[Fix]) -> tuple[str, ...]:
    """A sentence when way and speed disagree by the same factor all along; one that wanders has no such factor."""
    ways_m: list[float] = []
    said_m: list[float] = []
    for a, b in pairwise(fixes):
        seconds = (b.at - a.at).total_seconds()
        if a.speed_m_s is None or b.speed_m_s is None or seconds > 2.0 or min(a.speed_m_s, b.speed_m_s) < 1.0:
            continue
        ways_m.append(math.hypot(*east_north_m(a, b)))
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
