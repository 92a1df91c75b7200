"""The way driven so far, as a receiver speaks: Doppler speed over time, reckoned on between its fixes."""

from __future__ import annotations

import math
from typing import Final

from detector.frame import Fix
from edge.gnss.motion import east_north_m
from edge.gnss.reader import Heard

_STILL_M_S: Final = 0.3
"""Slower than this is noise of the receiver."""
_GAP_MAX_S: Final = 5.0
"""Over a longer time without a fix nothing is added: nobody knows how it was driven."""
_RECKONED_MAX_S: Final = 1.5
"""So long after a fix its speed is believed to go on."""
_NOISE_SIGMAS: Final = 4.0
"""Without speeds, the place must be so far from where it was counted last."""


class LiveOdometer:
    """Metres driven since it was made; never goes back, and stands still without fixes. One thread at a time.

    With speeds (nearly every receiver) the way is the mean speed of two fixes times the time between them, so the
    wandering of a standing receiver adds nothing. A receiver without speeds, or with speeds in another unit, is
    believed by its places once they have left their own noise behind.
    """

    def __init__(self) -> None:
        self._way_m = 0.0
        self._told_m = 0.0
        self._before: Heard | None = None
        self._counted: Fix | None = None

    def add_speed(self, heard: Heard) -> None:
        """A fix in time order, before its place was judged: speed is good where places are not."""
        before, self._before = self._before, heard
        if before is None:
            return
        seconds = (heard.fix.at - before.fix.at).total_seconds()
        if not 0.0 < seconds <= _GAP_MAX_S:
            # What was reckoned after the last fix stays; the rest of the gap is not known.
            self._way_m = max(self._way_m, self._told_m)
        elif before.fix.speed_m_s is not None and heard.fix.speed_m_s is not None:
            way_m = (before.fix.speed_m_s + heard.fix.speed_m_s) / 2.0 * seconds
            self._way_m += way_m if way_m >= _STILL_M_S * seconds else 0.0
            self._counted = None

    def add_place(self, fix: Fix, *, begins: bool) -> None:
        """A fix of a receiver whose speed says nothing, judged; `begins` when the way to it is not known."""
        counted = self._counted
        if counted is None or begins:
            self._counted = fix
            return
        way_m = math.hypot(*east_north_m(counted, fix))
        if way_m > _NOISE_SIGMAS * math.hypot(counted.sigma_m, fix.sigma_m):
            self._way_m += way_m
            self._counted = fix

    def way_m(self, monotonic_s: float) -> float:
        """Metres at a moment, which must not lie before the one asked for last by much: the answer never goes back."""
        reckoned_m = 0.0
        if self._before is not None:
            speed_m_s = self._before.fix.speed_m_s or 0.0
            since_s = min(max(0.0, monotonic_s - self._before.heard_s), _RECKONED_MAX_S)
            reckoned_m = speed_m_s * since_s if speed_m_s >= _STILL_M_S else 0.0
        self._told_m = max(self._told_m, self._way_m + reckoned_m)
        return self._told_m
