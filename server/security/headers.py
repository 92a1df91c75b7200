"""Security headers on every answer, and a bound on every request body."""

from __future__ import annotations

from fastapi.exceptions import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.settings import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self' blob:",  # MapLibre starts its worker from a blob
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
EVIDENCE_POLICY = "default-src 'none'; sandbox"
"""For bytes that came from a device: nothing in them may run, whatever they turn out to be."""


class SecurityHeaders:
    """ASGI middleware: adds what a browser needs to keep strangers out; a route may set a stricter value itself."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
            "Cache-Control": "no-store",
        }
        if settings.https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """ASGI middleware: no body is read beyond its limit, whether its length was announced or not."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._limits = settings.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        limit = self._limit(scope) if scope["type"] == "http" else None
        if limit is None:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = HTTPException(413, f"at most {limit} bytes are taken here")
        seen = 0

        async def receive_within() -> Message:
            nonlocal seen
            # Announced lengths count before a byte is read; a wrong one is caught while reading.
            if announced.isascii() and announced.isdigit() and int(announced) > limit:
                raise too_large
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise too_large
            return message

        await self._app(scope, receive_within, send)

    def _limit(self, scope: Scope) -> int | None:
        path, method = scope["path"], scope["method"]
        if method == "PATCH" and path.startswith("/api/v1/evidence/"):
            return None  # the upload's declared length bounds it, see `UploadStore.append`
        if method == "PUT" and path.startswith("/api/v1/reports/"):
            return self._limits.report_bytes
        if method == "PUT" and path.startswith("/api/v1/notes/"):
            return self._limits.note_bytes
        if method == "POST" and path == "/api/v1/devices/heartbeat":
            return self._limits.heartbeat_bytes
        if method == "POST" and path == "/fleet/packs":
            return self._limits.pack_bytes + self._limits.json_bytes  # the file in its form
        return self._limits.json_bytes
