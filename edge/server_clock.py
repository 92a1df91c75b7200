"""How far the server's clock is from the box's own, measured at every answer.

An answer carries the server's time. It was taken somewhere between the moment the request began and the moment the
answer came; the middle is the best guess, half the span between its error (as in NTP, RFC 5905, section 8). Of the
answers of late the one with the smallest error wins: it had the least chance of a one-sided delay. An older answer's
error grows with what a cheap quartz may drift. The monotonic clock stands still while the machine is suspended, so
that what was heard before a suspend says nothing any more: it is dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

TIME_HEADER: Final = "kerbwatch-time"
"""Of an answer, in lower case: ISO 8601 UTC with milliseconds."""
DRIFT: Final = 100e-6
"""Seconds per second that two clocks may drift apart; bad quartz in the heat of a top case."""
_OLDEST = datetime(2024, 1, 1, tzinfo=UTC)
_ERROR_MAX_S = 30.0
_SUSPENDED_S: Final = 0.1
"""How far `time.monotonic` may fall behind the clock that runs on in a suspend; below is the noise of two readings."""


@dataclass(frozen=True, slots=True)
class _Sample:
    server_less_monotonic_s: float
    error_s: float
    heard_s: float

    def error_at(self, now_s: float) -> float:
        return self.error_s + DRIFT * (now_s - self.heard_s)


def machine_asleep_s() -> float:
    """How long the machine has been suspended since it started; elsewhere than on Linux that is not noticed."""
    boot_s = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
    return boot_s - time.monotonic()


class ServerClock:
    """The last answers' words on the time. May be used from several threads."""

    def __init__(
        self,
        told: Callable[[float, float], None] | None = None,
        *,
        samples: int = 8,
        asleep_s: Callable[[], float] = machine_asleep_s,
    ) -> None:
        """Begin without a word.

        Args:
            told: gets offset and error, seconds, after every answer; usually `TrueTime.heard_server`.
            asleep_s: how long the machine has been suspended so far.
        """
        self._told = told
        self._samples: deque[_Sample] = deque(maxlen=samples)
        self._asleep_s = asleep_s
        self._slept_s = asleep_s()
        self._lock = threading.Lock()

    def heard(self, header: str | None, begun_s: float, answered_s: float) -> None:
        """An answer came to a request; moments of `time.monotonic`. A header that makes no sense is passed over."""
        utc = _parsed(header)
        error_s = (answered_s - begun_s) / 2.0 + 0.001
        if utc is None or not 0.0 < error_s <= _ERROR_MAX_S:
            return
        middle_s = (begun_s + answered_s) / 2.0
        with self._lock:
            if self._has_slept():
                # Perhaps while this very answer was on its way, which then took longer than it seems: the next counts.
                return
            self._samples.append(_Sample(utc.timestamp() - middle_s, error_s, answered_s))
        best = self.best()
        if best is not None and self._told is not None:
            self._told(*best)

    def best(self) -> tuple[float, float] | None:
        """How far the server is ahead of `time.time` now, and give or take how much, seconds.

        `None`: never heard, or not since the machine was suspended.
        """
        now_s = time.monotonic()
        with self._lock:
            if self._has_slept() or not self._samples:
                return None
            sample = min(self._samples, key=lambda one: one.error_at(now_s))
        return sample.server_less_monotonic_s + now_s - time.time(), sample.error_at(now_s)

    def _has_slept(self) -> bool:
        """Whether the machine was suspended since this was last asked; what was heard before is dropped then."""
        asleep_s = self._asleep_s()
        if asleep_s - self._slept_s <= _SUSPENDED_S:
            return False
        self._slept_s = asleep_s
        self._samples.clear()
        return True


def _parsed(header: str | None) -> datetime | None:
    try:
        utc = datetime.fromisoformat(header or "")
    except ValueError:
        return None
    return utc if utc.tzinfo is not None and utc >= _OLDEST else None
