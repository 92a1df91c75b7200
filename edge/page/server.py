"""Serves the page from a thread of the box, on an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware

from detector.errors import InputError, TransientError
from detector.evidence.privacy import NO_MODELS, PrivacyModels
from detector.key_file import read_private
from edge.box.settings import PageSettings
from edge.page.feed import BoxFeed
from edge.page.guard import Guard
from edge.page.notes import NoteStore
from edge.page.pairing import Pairings
from edge.page.pictures import Pictures
from edge.page.riding import Riding
from edge.page.routes import Parts, Routes

_START_S: Final = 10.0
_STOP_S: Final = 5.0
_WATCH_S = 0.5
_CONNECTIONS = 32
_TOKEN_MIN = 16


class PageServer:
    """The rider's page and the metrics. `start` and `stop` are for one thread."""

    def __init__(
        self,
        settings: PageSettings,
        feed: BoxFeed,
        notes: NoteStore,
        *,
        pairings: Pairings,
        privacy: PrivacyModels = NO_MODELS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bind the address; nothing is answered yet.

        Args:
            notes, pairings: stay the caller's to close, after `stop`.
            privacy: networks of the page's own, used by its threads alone.
            clock: tells how old the health is.

        Raises:
            InputError: the address cannot be had, or the metrics token is missing or short.
        """
        self._feed = feed
        self._clock = clock
        self._riding = Riding(settings.moving_above_m_s)
        self._moving = True
        parts = Parts(feed, notes, pairings, Pictures(privacy), lambda: self._moving, _metrics_token(settings))
        app = Starlette(
            routes=Routes(parts).all(),
            middleware=[Middleware(Guard, names=settings.names)],
            lifespan=self._watching,
        )
        self._socket = _bind(settings)
        # The logs of requests hold nothing a keeper needs, and would wear out the card.
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=16_384,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="page", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, e.g. ``http://127.0.0.1:8787``."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive() and self._server.started

    def start(self) -> None:
        """Answer from now on.

        Raises:
            TransientError: it did not come up in time.
        """
        self._thread.start()
        until_s = time.monotonic() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until_s:
                self.stop()
                raise TransientError("the rider's page did not come up: no answer in time")
            time.sleep(0.01)

    def stop(self) -> None:
        """Answer no more, and end the thread; a second call does nothing."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        self._socket.close()

    def __enter__(self) -> PageServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextlib.asynccontextmanager
    async def _watching(self, _: Starlette) -> AsyncIterator[None]:
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        """Follow speed and odometer, whether or not a phone asks."""
        while True:
            self._moving = self._riding.moving(self._feed.health(), self._clock())
            await asyncio.sleep(_WATCH_S)


def _bind(settings: PageSettings) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(where[:2], family=family, reuse_port=False)
    except OSError as error:
        raise InputError(
            f"page: cannot listen on {settings.host} port {settings.port}: {error.strerror or error}; "
            "name an address of this machine and a free port"
        ) from error


def _metrics_token(settings: PageSettings) -> SecretStr | None:
    path = settings.metrics_token_file
    if path is None:
        return None
    token = read_private(path).decode("utf-8", "replace").strip()
    if len(token) < _TOKEN_MIN or not token.isascii():
        raise InputError(f"page.metrics_token_file {path} holds no token: at least {_TOKEN_MIN} ASCII characters")
    return SecretStr(token)
