"""The fixes of the last minutes of a receiver that goes on speaking, and what is known between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from detector.frame import Fix
from edge.gnss.motion import Judged, JumpFilter, LoneFilter, has_stepped, odd_speed
from edge.gnss.track import fix_at

MAX_GAP_S: Final = 5.0
"""As for a log: longer gaps are not bridged."""
_FIXES_MAX: Final = 20_000
"""A quarter of an hour at more than 20 fixes a second."""
_FORGOTTEN_AT_ONCE: Final = 60
_SPEED_FIXES: Final = 300
"""Speeds in another unit are looked for in so many fixes, after every `_SPEED_EVERY`."""
_SPEED_EVERY: Final = 10
_BACK_IN_TIME_MAX: Final = 10
"""So many fixes in a row before the last one kept: the receiver has set its clock back, and goes on from there."""


class LiveTrack:
    """Fixes judged as they come, as `edge.gnss.motion.check_motion` judges a log; not for several threads at once.

    A fix that jumps is shown only once others agree with it, and one that steps once the next fix says whether it
    stands off alone; every other is shown at once.

    Attributes:
        odd: what is strange about the speeds, "" when nothing is; steps are not judged then.
        steps: places where the position moved otherwise than the receiver's own speed says.
        out_of_order: fixes not after the one before.
    """

    def __init__(self, *, keep_s: float = 900.0) -> None:
        """Args: keep_s: fixes older than this before the newest are forgotten."""
        self.odd = ""
        self.steps = 0
        self.out_of_order = 0
        self._keep = timedelta(seconds=keep_s)
        self._fixes: list[Fix] = []
        self._times: list[datetime] = []
        self._begins: set[int] = set()
        self._heard: datetime | None = None
        self._back_in_time = 0
        self._jump_filter, self._lone_filter = JumpFilter(), LoneFilter()
        self._jumps_before = 0
        self._recent: deque[Fix] = deque(maxlen=_SPEED_FIXES)
        self._unchecked = 0

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The good ones of the last `keep_s`, strictly increasing in time."""
        return tuple(self._fixes)

    @property
    def newest(self) -> Fix | None:
        """The last good one."""
        return self._fixes[-1] if self._fixes else None

    @property
    def jumps(self) -> int:
        """How many fixes were left out."""
        return self._jumps_before + self._jump_filter.left_out + self._lone_filter.left_out

    def at(self, utc: datetime) -> Fix | None:
        """The fix at a moment, interpolated, or `None` where nobody knows."""
        return fix_at(self._fixes, self._times, self._begins, MAX_GAP_S, utc)

    def add(self, fix: Fix) -> list[Judged]:
        """Take the next fix; those that are shown from now on."""
        if self._heard is not None and fix.at <= self._heard:
            self.out_of_order += 1
            self._back_in_time += 1
            if self._back_in_time < _BACK_IN_TIME_MAX:
                return []
            self._go_back_to(fix.at)
        self._back_in_time = 0
        self._heard = fix.at
        driven = self._jump_filter.feed(fix)
        self._check_speed(driven)
        shown = [judged for d in driven for judged in (self._lone_filter.feed(d) if not self.odd else [d])]
        for judged in shown:
            self._show(judged)
        self._forget()
        return shown

    def _show(self, judged: Judged) -> None:
        before = self.newest
        stepped = (
            before is not None
            and not self.odd
            and not judged.begins
            and (judged.fix.at - before.at).total_seconds() <= MAX_GAP_S
            and has_stepped(before, judged.fix)
        )
        self.steps += stepped
        if judged.begins or stepped:
            self._begins.add(len(self._fixes))
        self._fixes.append(judged.fix)
        self._times.append(judged.fix.at)

    def _check_speed(self, driven: list[Judged]) -> None:
        self._recent.extend(judged.fix for judged in driven)
        self._unchecked += len(driven)
        if self._unchecked >= _SPEED_EVERY:
            self._unchecked = 0
            self.odd = "; ".join(odd_speed(self._recent))
            if self.odd:
                for judged in self._lone_filter.flush():
                    self._show(judged)

    def _forget(self) -> None:
        gone = bisect_left(self._times, self._times[-1] - self._keep) if self._times else 0
        gone = max(gone, len(self._fixes) - _FIXES_MAX)
        if gone >= _FORGOTTEN_AT_ONCE:
            self._begins = {i - gone for i in self._begins if i >= gone}
            del self._fixes[:gone], self._times[:gone]

    def _go_back_to(self, utc: datetime) -> None:
        """Take back what claims to be later than `utc`, and judge anew from there."""
        kept = bisect_left(self._times, utc)
        del self._fixes[kept:], self._times[kept:]
        self._begins = {i for i in self._begins if i < kept} | {kept}
        self._jumps_before = self.jumps
        self._jump_filter, self._lone_filter = JumpFilter(), LoneFilter()
        self._recent.clear()
