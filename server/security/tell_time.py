"""The server's time in each answer of the API, so that boxes can measure how far their clock is off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TIME_HEADER: Final = "Kerbwatch-Time"
"""ISO 8601 UTC with milliseconds, taken when the answer begins."""


class TellTime:
    """ASGI middleware: adds the header to what is answered below /api/."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return

        async def send_with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[TIME_HEADER] = datetime.now(UTC).isoformat(timespec="milliseconds")
            await send(message)

        await self._app(scope, receive, send_with_time)
