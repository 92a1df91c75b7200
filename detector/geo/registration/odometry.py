"""How the error of the fixes changes within a pass, told by the receiver's own speed.

A receiver measures its speed over ground by the Doppler shift, to a decimetre per second also where its ranges are off
by metres. Where the positions move otherwise than the speed says, the position's error has changed by the difference:
a jump that the receiver does not declare is seen as a step, and a drift is followed at a fraction of its own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.frame import Fix
from detector.geo.plane import LocalPlane

GAP_S: Final = 2.5
"""Over a longer gap between two fixes the speed between them is not known."""
WAY_M2_PER_S: Final = 0.06
"""Variance per axis that a second of Doppler speed adds to the way: 0.1 m/s that lasts for 3 s."""
STILL_M_S: Final = 1.5
"""Without a course, a vehicle slower than this is taken for standing, and its speed for the error of that."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """How the error of the fixes changed between two times.

    Attributes:
        east_north_m: (2,) what it became more by.
        variance_m2: error of that per axis.
        blind_s: seconds of the time between without a word of the speed.
    """

    east_north_m: NDArray[np.float64]
    variance_m2: float
    blind_s: float


class Odometry:
    """The fixes of a pass, summed up."""

    def __init__(self, fixes: Sequence[Fix]) -> None:
        ordered = [fix for _, fix in sorted({fix.at: fix for fix in fixes}.items())]
        self._at_s = np.array([fix.at.timestamp() for fix in ordered])
        steps = [_step(before, after) for before, after in pairwise(ordered)]
        none = np.zeros((1, 4))
        self._sums = np.cumsum(np.concatenate((none, np.array(steps).reshape(-1, 4))), axis=0)

    def change(self, from_s: float, to_s: float) -> Change:
        """The change between two POSIX times; beyond the fixes nothing is known."""
        if len(self._at_s) < 2:
            return Change(np.zeros(2), 0.0, to_s - from_s)
        low, high = np.clip((from_s, to_s), self._at_s[0], self._at_s[-1])
        east, north, variance, blind = self._sums_at(float(high)) - self._sums_at(float(low))
        beyond_s = (to_s - from_s) - float(high - low)
        return Change(np.array([east, north]), float(variance), float(blind) + beyond_s)

    def _sums_at(self, at_s: float) -> NDArray[np.float64]:
        right = int(np.clip(np.searchsorted(self._at_s, at_s), 1, len(self._at_s) - 1))
        before_s, after_s = self._at_s[right - 1], self._at_s[right]
        share = (at_s - before_s) / (after_s - before_s)
        return self._sums[right - 1] + share * (self._sums[right] - self._sums[right - 1])


def _step(before: Fix, after: Fix) -> tuple[float, float, float, float]:
    """East, north, variance and blind seconds between two fixes that follow each other."""
    gap_s = (after.at - before.at).total_seconds()
    leaving, coming = _velocity(before), _velocity(after)
    if gap_s > GAP_S or leaving is None or coming is None:
        return 0.0, 0.0, 0.0, gap_s
    (first, slow), (second, slower) = leaving, coming
    plane = LocalPlane(before.lon_deg, before.lat_deg)
    moved = plane.east_north_m((after.lon_deg, after.lat_deg))[0]
    east, north = (moved - (first + second) / 2.0 * gap_s).tolist()
    return float(east), float(north), WAY_M2_PER_S * gap_s + (max(slow, slower) * gap_s) ** 2, 0.0


def _velocity(fix: Fix) -> tuple[NDArray[np.float64], float] | None:
    """East, north in m/s and what a missing course leaves open of it; `None` when it cannot be told."""
    if fix.speed_m_s is None:
        return None
    if fix.heading_deg is None:
        return (np.zeros(2), fix.speed_m_s) if fix.speed_m_s < STILL_M_S else None
    heading = np.radians(fix.heading_deg)
    return np.array([np.sin(heading), np.cos(heading)]) * fix.speed_m_s, 0.0
