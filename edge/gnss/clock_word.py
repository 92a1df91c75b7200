"""What a receiver's fixes together say of the time: offsets that agree over several seconds.

A fix tells its time when its first sentence comes, 0.05 to 0.6 s after the moment it is of: the receiver reckons, then
writes. Without a pulse-per-second line the delay cannot be measured, but it is never negative; so the smallest delay
of the last minutes is the best, and `LEAST_DELAY_S` is what remains of it at receivers on the market. What is left of
the error is the difference between a receiver's least delay and that: within 0.15 s for least delays up to 0.3 s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

LEAST_DELAY_S: Final = 0.15
"""From the moment of a fix to its first byte: 0.05 s (modern receivers on USB) to 0.3 s (old ones, 9600 baud)."""

_SPREAD_MAX_S: Final = 1.0
"""Delays of one receiver differ by less; what differs by more speaks of another time."""
_SPAN_S: Final = 4.0
_SAMPLES: Final = 5
"""So many fixes over so long must agree before they are believed."""
_REVOLT_SPAN_S: Final = 60.0
_REVOLT_S: Final = 2.0
"""To be moved further than this from what it said before, a receiver must insist for `_REVOLT_SPAN_S`."""
_KEPT_S: Final = 600.0
_EVERY_S: Final = 0.9
"""One sample for each of a fast receiver's seconds is kept, the least late."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    offset_s: float


class _Agreement:
    """Samples that agree with each other, of the last `_KEPT_S`."""

    def __init__(self) -> None:
        self.begun_s = 0.0
        self.heard_s = 0.0
        self.count = 0
        self._samples: deque[_Sample] = deque(maxlen=int(_KEPT_S / _EVERY_S) + 1)

    @property
    def offset_s(self) -> float:
        """The largest is the least late."""
        return max(sample.offset_s for sample in self._samples)

    def takes(self, sample: _Sample) -> bool:
        """Add a sample if it agrees."""
        if self._samples and abs(sample.offset_s - self.offset_s) > _SPREAD_MAX_S:
            return False
        if not self._samples:
            self.begun_s = sample.at_s
        self.heard_s = sample.at_s
        self.count += 1
        if self._samples and sample.at_s - self._samples[-1].at_s < _EVERY_S:
            last = self._samples.pop()
            sample = _Sample(last.at_s, max(last.offset_s, sample.offset_s))
        self._samples.append(sample)
        while self.heard_s - self._samples[0].at_s > _KEPT_S:
            self._samples.popleft()
        return True

    def holds(self, span_s: float) -> bool:
        """Whether enough samples agree over at least so long."""
        return self.count >= _SAMPLES and self.heard_s - self.begun_s >= span_s


class ClockWord:
    """Gathers what fixes say of the time; believed once they agree, and replaced only by others that agree."""

    def __init__(self) -> None:
        self._word: _Agreement | None = None
        self._rival = _Agreement()

    @property
    def offset_s(self) -> float | None:
        """UTC (seconds since 1970) minus `time.monotonic`; `None` before it is believed."""
        return None if self._word is None else self._word.offset_s + LEAST_DELAY_S

    def add(self, utc_s: float, monotonic_s: float) -> bool:
        """A fix of `utc_s` was heard at `monotonic_s`; whether it is part of what is believed."""
        sample = _Sample(monotonic_s, utc_s - monotonic_s)
        if self._word is not None and self._word.takes(sample):
            self._rival = _Agreement()
            return True
        if not self._rival.takes(sample):
            self._rival = _Agreement()
            self._rival.takes(sample)
        far = self._word is not None and abs(self._rival.offset_s - self._word.offset_s) > _REVOLT_S
        if not self._rival.holds(_REVOLT_SPAN_S if far else _SPAN_S):
            return False
        self._word, self._rival = self._rival, _Agreement()
        return True
