"""A proxy on loopback that passes everything on and keeps what a device sent, byte for byte."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One HTTP request as it crossed the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Recording:
    """What a device sent through the proxy, in the order of its connections."""

    url: str = ""
    sent: list[bytearray] = field(default_factory=list)

    def bytes(self) -> bytes:
        """All of it."""
        return b"".join(bytes(one) for one in self.sent)

    def requests(self) -> list[Request]:
        """All of it, request by request; a request that was cut off counts with what came of it."""
        return [request for one in self.sent for request in _requests(bytes(one))]

    def files(self) -> dict[str, bytes]:
        """What was uploaded by tus, by the hash of what really came; put together from all its pieces."""
        pieces: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
        for request in self.requests():
            if request.method == "PATCH":
                pieces[request.path][int(request.headers["upload-offset"])] = request.body
        whole = (b"".join(part for _, part in sorted(parts.items())) for parts in pieces.values())
        return {hashlib.sha256(data).hexdigest(): data for data in whole}

    def announced(self) -> set[str]:
        """Hashes that uploads were begun for."""
        names = (
            r.headers["upload-metadata"] for r in self.requests() if r.method == "POST" and r.path.endswith("evidence")
        )
        return {base64.b64decode(name.partition(" ")[2]).decode() for name in names}


@contextmanager
def recording(server_url: str) -> Iterator[Recording]:
    """A proxy before the server, until the block is left."""
    target = urlsplit(server_url)
    kept = Recording()
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket, into: bytearray | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if into is not None:
                    into += data
                sink.sendall(data)
        for end, way in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
            with suppress(OSError):
                end.shutdown(way)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection((target.hostname or "", target.port or 80), timeout=30)
                kept.sent.append(bytearray())
                sockets.extend((near, far))
                for arguments in ((near, far, kept.sent[-1]), (far, near, None)):
                    threads.append(threading.Thread(target=pump, args=arguments))
                    threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield kept
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for one in sockets:
                one.close()


def _requests(data: bytes) -> Iterator[Request]:
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert "transfer-encoding" not in headers, "the recording knows only bodies of a told length"
        length = int(headers.get("content-length", "0"))
        yield Request(method, path, headers, data[:length])
        data = data[length:]
