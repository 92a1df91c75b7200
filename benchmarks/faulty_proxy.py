"""A proxy on loopback that makes a share of the requests fail, as bad links and busy servers do.

It speaks just enough HTTP/1.1 for one request per connection, which is what it asks both sides for.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_PIECE_BYTES = 16 * 1024
FAULTS = ("500 in place of the server", "503 with Retry-After", "cut in the request", "cut in the answer", "no answer")
_ANSWERS = {
    FAULTS[0]: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    FAULTS[1]: b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


@dataclass(frozen=True)
class _Request:
    method: str
    head: bytes
    body_bytes: int


class FaultyProxy:
    """Forwards to a port of this machine; `failing` of the requests (0..1) meet one of `FAULTS`.

    Attributes:
        failing, faults: may be changed at any time.
        seen: requests by what became of them.
        patches: PATCH requests whose bytes are on the way to the server or whose answer is awaited.
    """

    def __init__(
        self,
        server_port: int,
        *,
        failing: float,
        seed: int,
        bytes_per_s: float = 4e6,
        faults: Sequence[str] = FAULTS,
    ) -> None:
        self.failing = failing
        self.faults = tuple(faults)
        self.seen: Counter[str] = Counter()
        self.patches = 0
        self._patching = threading.Condition()
        self._server_port = server_port
        self._chance = random.Random(seed)
        self._pause_s = _PIECE_BYTES / bytes_per_s
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._meet, "127.0.0.1", 0, limit=2**20))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Drop every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def wait_for_patch(self, timeout_s: float) -> bool:
        """Wait until a PATCH is under way; False when none was in time."""
        with self._patching:
            return self._patching.wait_for(lambda: self.patches > 0, timeout_s)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled only by `close`; asyncio's streams print a traceback for a connection that ends so (Python 3.11).
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            request = _parse(await reader.readuntil(b"\r\n\r\n"))
            await self._handle(request, reader, writer)
        # Aborted, not closed: what is left unsent is lost, as when a link drops.
        writer.transport.abort()

    async def _handle(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._chance.choice(self.faults) if self._chance.random() < self.failing else None
        self.seen[fault or "passed on"] += 1
        if fault in _ANSWERS:
            await reader.readexactly(request.body_bytes)
            await _finish(writer, _ANSWERS[fault])
            return
        cut_at = self._chance.randrange(request.body_bytes + 1) if fault == "cut in the request" else None
        self._count_patch(request, 1)
        try:
            answer = await self._ask_server(request, reader, cut_at)
        finally:
            self._count_patch(request, -1)
        if fault == "cut in the answer":
            answer = answer[: self._chance.randrange(len(answer) or 1)]
        await _finish(writer, b"" if fault == "no answer" else answer)

    async def _ask_server(self, request: _Request, reader: asyncio.StreamReader, cut_at: int | None) -> bytes:
        server_reader, server = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            server.write(request.head)
            left = request.body_bytes if cut_at is None else cut_at
            while left > 0:
                piece = await reader.readexactly(min(left, _PIECE_BYTES))
                server.write(piece)
                await server.drain()
                left -= len(piece)
                await asyncio.sleep(self._pause_s)
            if cut_at is not None:
                return b""
            return await server_reader.read(-1)
        finally:
            server.transport.abort()

    def _count_patch(self, request: _Request, change: int) -> None:
        if request.method == "PATCH":
            with self._patching:
                self.patches += change
                self._patching.notify_all()


def _parse(head: bytes) -> _Request:
    lines = head.rstrip(b"\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    lengths = [int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")]
    return _Request(
        method=lines[0].split(b" ")[0].decode(),
        head=b"\r\n".join([*kept, b"Connection: close", b"", b""]),
        body_bytes=lengths[0] if lengths else 0,
    )


async def _finish(writer: asyncio.StreamWriter, answer: bytes) -> None:
    if answer:
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await asyncio.sleep(0.01)
