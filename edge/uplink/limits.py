"""What an uplink may do now; asked before every step and every chunk."""

from __future__ import annotations

from typing import Protocol

from edge.parcels import Load


class Limits(Protocol):
    """The link's rules."""

    def heaviest(self) -> Load:
        """The heaviest thing that may be sent now."""
        ...

    def room_bytes(self, load: Load) -> int | None:
        """Bytes on the link that may still go today for this kind of thing; `None` sets no bound."""
        ...

    def interrupt(self) -> bool:
        """Whether something comes before the file that is being sent, so that it pauses after this chunk."""
        ...


class NoLimits:
    """Everything may go, at once."""

    def heaviest(self) -> Load:
        """Everything."""
        return Load.CLIPS

    def room_bytes(self, load: Load) -> int | None:
        """No bound."""
        del load

    def interrupt(self) -> bool:
        """Never."""
        return False
