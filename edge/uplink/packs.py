"""A fleet pack on its way down, as the uplink sees it: the last thing that is done when nothing else is."""

from __future__ import annotations

from typing import Protocol

from edge.wire import ServerClient


class Packs(Protocol):
    """Fetches the pack that the server offered. Called from the uplink's thread alone."""

    def step(self, client: ServerClient, *, metered: bool, room_bytes: int | None) -> bool:
        """Fetch a piece more; False when there is nothing to fetch, or not over this link.

        Args:
            metered: the link is paid for by the byte.
            room_bytes: what is left of the day's budget; `None` sets no bound.

        Raises:
            TransientError, PermanentError: see `edge.wire`; what is here stays.
        """
        ...
