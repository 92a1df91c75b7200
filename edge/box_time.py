"""True time on a box: everything hangs on the monotonic clock, and the best word says how far UTC is from it.

::

    receiver    its fixes agree with each other over several seconds (`edge.gnss.clock_word`)
    server      measured at each contact; believed when no receiver has spoken within the last hour
    system      the box's own clock, unless it is plainly wrong

Nobody who sets the box's own clock moves this one once a receiver or the server has spoken.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from detector.report import YEARS
from edge.gnss.clock_word import ClockWord
from edge.gnss.era import AGREES, GNSS_ERA, eras_after, eras_off
from edge.true_time import Told

MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""This software is not older than that: an earlier date is wrong. Raised with each release."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_S: Final = datetime(YEARS.stop, 1, 1, tzinfo=UTC).timestamp()

_USED_FOR: Final = timedelta(days=3653)
"""Nobody runs software this long without a new release; a date beyond is wrong unless another clock agrees."""
STEP_S: Final = 0.5
"""Differences up to this creep, larger ones step."""
SLEW: Final = 0.02
"""Seconds crept per second: half a second takes 25; a speed measured meanwhile is 2 % off."""
_DEAD_BAND_S: Final = 0.01
_GNSS_HOLDS_S: Final = 3600.0
"""So long after the last fix the monotonic clock (drift below 50 ppm: 0.2 s) is better than a server across a
mobile network."""
_DRIFT: Final = 50e-6
_SERVER_ERROR_MAX_S: Final = 300.0
_SUSPENDED_S: Final = 0.1
_SEGMENTS_MAX: Final = 64
_LOOK_EVERY_S: Final = 0.2
"""How often the box's own clock is looked at."""


class Clocks(Protocol):
    """The clocks of the machine, seconds."""

    def monotonic_s(self) -> float:
        """`time.monotonic`: never set, but stands still while the machine is suspended."""
        ...

    def system_s(self) -> float:
        """`time.time`: since 1970, set by anybody."""
        ...

    def boot_s(self) -> float:
        """As `monotonic_s`, but goes on while the machine is suspended."""
        ...


class MachineClocks:
    """The real ones."""

    def monotonic_s(self) -> float:
        """See `Clocks`."""
        return time.monotonic()

    def system_s(self) -> float:
        """See `Clocks`."""
        return time.time()

    def boot_s(self) -> float:
        """See `Clocks`; elsewhere than on Linux a suspended machine is not noticed."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class _Segment:
    """From `begin_s` on the offset creeps from `offset_s` to `target_s`, and stays there."""

    begin_s: float
    offset_s: float
    target_s: float

    def at(self, monotonic_s: float) -> float:
        crept_s = SLEW * max(0.0, monotonic_s - self.begin_s)
        return self.offset_s + min(max(self.target_s - self.offset_s, -crept_s), crept_s)


@dataclass(frozen=True, slots=True)
class _ServerWord:
    offset_s: float
    error_s: float
    heard_s: float

    def error_at(self, monotonic_s: float) -> float:
        return self.error_s + _DRIFT * max(0.0, monotonic_s - self.heard_s)


class BoxTime:
    """`edge.true_time.TrueTime` of a box."""

    def __init__(self, clocks: Clocks | None = None) -> None:
        """Args: clocks: of the machine, unless others are given."""
        self._clocks = clocks or MachineClocks()
        self._lock = threading.Lock()
        self._gnss = ClockWord()
        self._gnss_s: float | None = None
        self._eras = 0
        self._server: _ServerWord | None = None
        self._refused = ""
        self._steps = 0
        now_s = self._clocks.monotonic_s()
        self._looked_s = now_s
        self._asleep_s = self._clocks.boot_s() - now_s
        system_s = self._clocks.system_s()
        # An unset clock begins with this software: a wrong time, but one that everything can reckon with.
        self._told: Told = "system" if _is_sane(system_s) else "unset"
        offset_s = (system_s if self._told == "system" else MADE.timestamp()) - now_s
        self._segments: deque[_Segment] = deque([_Segment(now_s, offset_s, offset_s)], maxlen=_SEGMENTS_MAX)

    def at(self, monotonic_s: float) -> datetime:
        """UTC of a moment by `time.monotonic`, as far as is known now."""
        with self._lock:
            self._look(self._clocks.monotonic_s())
            return self._utc(monotonic_s)

    def now(self) -> datetime:
        """UTC now."""
        with self._lock:
            now_s = self._clocks.monotonic_s()
            self._look(now_s)
            return self._utc(now_s)

    @property
    def told_by(self) -> Told:
        """Who told it."""
        with self._lock:
            self._look(self._clocks.monotonic_s())
            return self._told

    @property
    def steps(self) -> int:
        """How often the answer has jumped by more than it may creep: what spans a jump is not one pass."""
        with self._lock:
            self._look(self._clocks.monotonic_s())
            return self._steps

    @property
    def trouble(self) -> str:
        """What a keeper should know of the clocks, one line; "" when nothing."""
        with self._lock:
            if self._refused:
                return self._refused
            if self._told == "unset":
                return "nobody has told the time yet, and the box's own clock is wrong (时间未校准)"
            if self._eras:
                return (
                    f"the receiver's date is {abs(self._eras)} x 1024 weeks off, a roll-over of GPS weeks; mended "
                    "(定位模块周数翻转,已修正)"
                )
            return ""

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        """A receiver with a fix said that it was `utc` at `monotonic_s`.

        Believed once several fixes over `edge.gnss.clock_word` agree, and never against a server by more than a day.
        A date that is n x 1024 weeks off is mended.
        """
        with self._lock:
            self._look(self._clocks.monotonic_s())
            eras = self._eras_off(utc, monotonic_s)
            if eras is None:
                self._refused = f"the receiver's date {utc:%Y-%m-%d} cannot be right: not used (定位模块日期错误)"
                return
            mended = utc + eras * GNSS_ERA
            if self._gnss.add(mended.timestamp(), monotonic_s) and self._gnss.offset_s is not None:
                self._told, self._gnss_s, self._eras, self._refused = "gnss", monotonic_s, eras, ""
                self._go_to(self._gnss.offset_s)

    def heard_server(self, offset_s: float, error_s: float) -> None:
        """The server's clock is `offset_s` ahead of the box's own (`time.time`), give or take `error_s`.

        To be called right after it was reckoned: when the box's own clock is set in between, the word is wrong.
        """
        if not math.isfinite(offset_s):
            return
        monotonic_s = self._clocks.monotonic_s()
        utc_s = self._clocks.system_s() + offset_s
        with self._lock:
            self._look(self._clocks.monotonic_s())
            if not (0.0 <= error_s <= _SERVER_ERROR_MAX_S and _is_sane(utc_s)):
                return
            word, before = _ServerWord(utc_s - monotonic_s, error_s, monotonic_s), self._server
            if before is not None:
                error_now_s = before.error_at(monotonic_s)
                agree = abs(word.offset_s - before.offset_s) <= error_s + error_now_s
                word = before if agree and error_now_s < error_s else word
            self._server = word
            if self._told == "gnss" and self._gnss_s is not None:
                a_day_off = abs(word.offset_s - self._offset(monotonic_s)) > AGREES.total_seconds()
                if not a_day_off and monotonic_s - self._gnss_s <= _GNSS_HOLDS_S:
                    return
                self._gnss = ClockWord() if a_day_off else self._gnss
            self._told = "server"
            self._go_to(word.offset_s)

    def _eras_off(self, receiver: datetime, monotonic_s: float) -> int | None:
        """How many eras to add: by the server, else by the box's own clock, else by the age of this software.

        `None` when the date cannot be right with any: it is a day off the server's, or lies years away.
        """
        if self._server is not None:
            return eras_off(receiver, _EPOCH + timedelta(seconds=self._server.offset_s + monotonic_s))
        system_s = self._clocks.system_s()
        eras = eras_off(receiver, _EPOCH + timedelta(seconds=system_s)) if _is_sane(system_s) else None
        if eras is None:
            eras = eras_after(receiver, MADE - AGREES)
            return eras if receiver + eras * GNSS_ERA < MADE + _USED_FOR else None
        return eras

    def _look(self, now_s: float) -> None:
        """Notice a machine that was suspended, and while nobody better has spoken, a clock that was set."""
        if 0.0 <= now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        asleep_s = self._clocks.boot_s() - now_s
        slept_s = asleep_s - self._asleep_s
        if slept_s > _SUSPENDED_S:
            self._asleep_s = asleep_s
            self._gnss = ClockWord()
            if self._server is not None:
                self._server = replace(self._server, offset_s=self._server.offset_s + slept_s)
            self._go_to(self._offset(now_s) + slept_s)
        system_s = self._clocks.system_s()
        if self._told in ("system", "unset") and _is_sane(system_s):
            self._told = "system"
            self._go_to(system_s - self._clocks.monotonic_s())

    def _go_to(self, offset_s: float) -> None:
        """Creep to another offset, or step when it is far."""
        now_s = self._clocks.monotonic_s()
        here_s = self._offset(now_s)
        if abs(offset_s - here_s) > STEP_S:
            self._segments.clear()
            self._segments.append(_Segment(now_s, offset_s, offset_s))
            self._steps += 1
        elif abs(offset_s - self._segments[-1].target_s) > _DEAD_BAND_S:
            self._segments.append(_Segment(now_s, here_s, offset_s))

    def _offset(self, monotonic_s: float) -> float:
        """UTC (seconds since 1970) minus the monotonic clock at a moment."""
        for segment in reversed(self._segments):
            if segment.begin_s <= monotonic_s:
                return segment.at(monotonic_s)
        return self._segments[0].offset_s

    def _utc(self, monotonic_s: float) -> datetime:
        return _EPOCH + timedelta(seconds=monotonic_s + self._offset(monotonic_s))


def _is_sane(utc_s: float) -> bool:
    """Whether a clock may be right: not before this software was made, and within the years of recordings."""
    return math.isfinite(utc_s) and MADE.timestamp() <= utc_s < _END_S
