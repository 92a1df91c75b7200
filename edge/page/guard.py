"""Who may speak to the page at all, before any route is asked: ASGI middleware, deny by default.

A page on a local network is open to three attacks from a phone's other tabs: names that are made to point here (DNS
rebinding), forms of other sites, and frames. Host names are an allow-list, and an address in place of a name is always
good, because no other site's pages can have it as their origin; writes must come from this very origin.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES: Final = 4096

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Host names, origin of writes, length of bodies, headers of answers."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        own = socket.gethostname().lower()
        self._app = app
        self._names = frozenset({"localhost", own, f"{own}.local", *names})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refused = self._refused(Headers(scope=scope), scope["method"])
        if refused is not None:
            await refused(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _refused(self, headers: Headers, method: str) -> JSONResponse | None:
        host = headers.get("host", "")
        if not self._known(host):
            return problem(
                421,
                "此地址不受信任",
                "this host name is not one of the box's: use its address, or add it to page.names",
            )
        if method in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        same = headers.get("sec-fetch-site", "same-origin") == "same-origin"
        if not same or (origin is not None and urlsplit(origin).netloc != host):
            return problem(403, "拒绝其他网站的请求", "this request comes from another site")
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= BODY_MAX_BYTES):
            return problem(413, "请求过长", f"send at most {BODY_MAX_BYTES} bytes, and say how many")
        return None

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._names or _is_address(name)


def problem(status: int, zh: str, en: str) -> JSONResponse:
    """An answer that says why not, in both languages."""
    return JSONResponse({"zh": zh, "en": en}, status)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
