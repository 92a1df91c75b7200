"""What time it is, on a box whose own clock may be wrong.

Everything on the box measures by `time.monotonic` and asks here for UTC. The best word wins: a receiver with a fix,
then the server, then the box's own clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

Told = Literal["gnss", "server", "system", "unset"]
"""Who told the time; ``unset`` when the box's own clock is plainly wrong and nobody else has spoken yet."""


class TrueTime(Protocol):
    """UTC for moments of the monotonic clock. May be called from several threads."""

    def at(self, monotonic_s: float) -> datetime:
        """UTC of a moment by `time.monotonic`, as far as is known now."""
        ...

    def now(self) -> datetime:
        """UTC now."""
        ...

    @property
    def told_by(self) -> Told:
        """Who told it."""
        ...

    @property
    def steps(self) -> int:
        """How often the answer has jumped by more than it may creep: what spans a jump is not one pass."""
        ...

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        """A receiver with a fix said that it was `utc` at `monotonic_s`."""
        ...

    def heard_server(self, offset_s: float, error_s: float) -> None:
        """The server's clock is `offset_s` ahead of the box's own (`time.time`), give or take `error_s`."""
        ...
