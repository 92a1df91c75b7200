"""What a patrol asks a receiver, whether its words come from a file or from a wire just now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from detector.frame import Fix


class Fixes(Protocol):
    """Fixes in time order, and what is known between them; `edge.gnss.track.FixTrack` is one."""

    @property
    def fixes(self) -> Sequence[Fix]:
        """The good ones, strictly increasing in `Fix.at`; a live receiver forgets those of long ago."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether the positions are made up."""
        ...

    def at(self, utc: datetime) -> Fix | None:
        """The fix at a moment, interpolated, or `None` where nobody knows."""
        ...


class LiveFixes(Fixes, Protocol):
    """Fixes of a receiver that is listened to now. Its methods may be called from several threads."""

    def settled(self, utc: datetime) -> bool:
        """Whether `at(utc)` will not change any more: a later fix has come, or none will come in time."""
        ...

    @property
    def odometer_m(self) -> float:
        """Way driven since the receiver was opened, metres; never goes back, and stands still without a fix."""
        ...

    @property
    def speed_m_s(self) -> float | None:
        """Over ground, now; `None` when not known, or known no longer."""
        ...
