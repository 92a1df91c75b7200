"""A receiver's words turned into fixes, line by line, whether they come from a file or from a wire just now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from detector.frame import Fix


@dataclass(frozen=True, slots=True)
class Heard:
    """A fix, and when the first word of its moment came (`time.monotonic`; 0 from a file)."""

    fix: Fix
    heard_s: float


class Reader(Protocol):
    """Gathers words into moments; `edge.gnss.nmea.NmeaReader` and `edge.gnss.gpsd.GpsdReader` are two.

    Attributes:
        words: lines understood.
        synthetic: whether the positions are made up.
        satellites: in use, when the receiver tells.
        moments: begun so far.
        late: kinds of words that came after their moment was closed by `flush`; who flushes may clear it.
        tally: what was left out, by reason.
    """

    words: int
    synthetic: bool
    satellites: int | None
    moments: int
    late: set[str]
    tally: Counter[str]

    @property
    def gathered(self) -> frozenset[str]:
        """Kinds of words of the moment that is open."""
        ...

    def feed(self, line: bytes, heard_s: float = 0.0) -> list[Heard]:
        """Take a line; the fixes of the moments that it ends."""
        ...

    def flush(self) -> list[Heard]:
        """End the moment that is open, when the wire has fallen quiet: its fix need not wait for the next one."""
        ...

    def forget_time(self) -> None:
        """Take the next fix whatever its time is: the receiver has set its clock back."""
        ...
