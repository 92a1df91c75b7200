"""What a request costs on a link that is paid for by the byte.

Counted exactly: the request line, every header and the body, both ways. Estimated, and rather too high than too low:
TCP and IP headers (40 bytes on every 1,400 bytes, and as much for the acknowledgement that comes back for every other
packet), TLS records (29 bytes on every 16 KiB), and 6,000 bytes for a new connection (TCP, TLS 1.3, a certificate
chain). A body cut off on the way counts whole.
"""

from __future__ import annotations

from typing import Final

import httpx

HANDSHAKE_BYTES: Final = 6000
_SEGMENT_BYTES: Final = 1400
_PER_SEGMENT_BYTES: Final = 60
_RECORD_BYTES: Final = 16 * 1024
_PER_RECORD_BYTES: Final = 29


def on_the_link(payload_bytes: int) -> int:
    """Bytes on the link for so many bytes of HTTP in one direction.

    >>> on_the_link(100)
    189
    """
    segments = -(-payload_bytes // _SEGMENT_BYTES)
    records = -(-payload_bytes // _RECORD_BYTES)
    return payload_bytes + segments * _PER_SEGMENT_BYTES + records * _PER_RECORD_BYTES


def request_bytes(request: httpx.Request, body_bytes: int) -> int:
    """Cost of sending a request."""
    line = len(request.method) + len(request.url.raw_path) + len("  HTTP/1.1\r\n")
    return on_the_link(line + _head_bytes(request.headers) + body_bytes)


def answer_bytes(response: httpx.Response) -> int:
    """Cost of what was received of an answer."""
    line = len(f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n")
    return on_the_link(line + _head_bytes(response.headers) + response.num_bytes_downloaded)


def _head_bytes(headers: httpx.Headers) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers.raw) + len("\r\n")
