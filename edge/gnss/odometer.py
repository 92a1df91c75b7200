"""How far the vehicle has driven, from its fixes: the sum of what its own speed says, not of its positions' steps.

Positions wander by decimetres from second to second, so their steps add up to a way even where the vehicle stands;
Doppler speed is good to a decimetre per second, and what is slower than `STILL_M_S` counts as standing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from detector.frame import Fix
from detector.geo.plane import LocalPlane

STILL_M_S: Final = 0.3
"""Slower than this is noise of the receiver."""


def way_between_m(before: Fix, after: Fix) -> float:
    """Metres driven from one fix to the next: by their mean speed, or by the positions where one has no speed."""
    seconds = (after.at - before.at).total_seconds()
    if before.speed_m_s is None or after.speed_m_s is None:
        east_m, north_m = LocalPlane(before.lon_deg, before.lat_deg).east_north_m((after.lon_deg, after.lat_deg))[0]
        way_m = math.hypot(float(east_m), float(north_m))
    else:
        way_m = (before.speed_m_s + after.speed_m_s) / 2.0 * seconds
    return way_m if way_m >= STILL_M_S * seconds else 0.0


class Odometer:
    """The way along a log of fixes, interpolated between them."""

    def __init__(self, fixes: Sequence[Fix], max_gap_s: float = 5.0) -> None:
        """Args: max_gap_s: longest time between two fixes over which the way is known."""
        self._epoch = fixes[0].at if fixes else None
        self._at_s = np.array([(fix.at - fixes[0].at).total_seconds() for fix in fixes], np.float64)
        steps = [way_between_m(a, b) for a, b in pairwise(fixes)]
        self._way_m = np.concatenate(([0.0], np.cumsum(steps)))
        self._max_gap_s = max_gap_s

    def way_m(self, utc: datetime) -> float | None:
        """Metres from the first fix to a moment, never going back; `None` before, after, and in long gaps."""
        if self._epoch is None:
            return None
        at_s = (utc - self._epoch).total_seconds()
        after = int(np.searchsorted(self._at_s, at_s))
        if after < len(self._at_s) and self._at_s[after] == at_s:
            return float(self._way_m[after])
        if not 0 < after < len(self._at_s):
            return None
        begin_s, end_s = float(self._at_s[after - 1]), float(self._at_s[after])
        if end_s - begin_s > self._max_gap_s:
            return None
        begin_m, end_m = float(self._way_m[after - 1]), float(self._way_m[after])
        return begin_m + (end_m - begin_m) * (at_s - begin_s) / (end_s - begin_s)
