"""Resumable upload, tus 1.0: create, ask for the offset, go on at the byte.

The client is our own, on the product's HTTP client: tus-py-client brings a second and a third one (requests, aiohttp)
and does not tell a refused token from a busy server.
"""

from __future__ import annotations

import base64
from typing import Final

from detector.errors import PermanentError, TransientError
from edge.wire import Answer, ServerBusy, ServerClient

VERSION: Final = {"Tus-Resumable": "1.0.0"}
EVIDENCE_PATH: Final = "/api/v1/evidence"


class OffsetMismatch(TransientError):
    """The server has another number of bytes than we thought (409): ask it again."""


class UploadGone(TransientError):
    """The server no longer knows this upload (404, 410): create it anew."""


class ChecksumMismatch(PermanentError):
    """What the server received does not match the hash (460)."""


def create(client: ServerClient, sha256: str, size_bytes: int, *, path: str = EVIDENCE_PATH) -> tuple[str, int]:
    """Announce a file; gives its upload URL and how many bytes the server has already.

    Raises:
        TransientError, PermanentError: see `edge.wire`.
    """
    url = client.url(path)
    metadata = f"sha256 {base64.b64encode(sha256.encode()).decode()}"
    headers = {**VERSION, "Upload-Length": str(size_bytes), "Upload-Metadata": metadata}
    answer = client.request("POST", url, headers=headers, content=b"")
    location = answer.headers.get("location")
    if answer.status not in (200, 201) or location is None:
        raise _unexpected("create an upload", answer)
    return client.own_url(url, location), _offset(answer, 0, size_bytes, default_bytes=0)


def ask_offset(client: ServerClient, upload_url: str, size_bytes: int) -> int:
    """How many bytes of the file the server has.

    Raises:
        UploadGone: create it anew.
        TransientError, PermanentError: see `edge.wire`.
    """
    answer = client.request("HEAD", upload_url, headers=VERSION)
    if answer.status in (404, 410):
        raise UploadGone(f"the server no longer knows the upload ({answer.status})")
    if answer.status not in (200, 204):
        raise _unexpected("ask for the offset", answer)
    return _offset(answer, 0, size_bytes)


def append(client: ServerClient, upload_url: str, offset_bytes: int, chunk: bytes) -> int:
    """Send the bytes that begin at the offset; gives the server's new offset.

    Raises:
        OffsetMismatch, UploadGone, ChecksumMismatch: as they say.
        TransientError, PermanentError: see `edge.wire`.
    """
    headers = {**VERSION, "Upload-Offset": str(offset_bytes), "Content-Type": "application/offset+octet-stream"}
    answer = client.request("PATCH", upload_url, headers=headers, content=chunk)
    if answer.status == 409:
        raise OffsetMismatch(f"the server does not stand at byte {offset_bytes}")
    if answer.status in (404, 410):
        raise UploadGone(f"the server no longer knows the upload ({answer.status})")
    if answer.status == 460:
        raise ChecksumMismatch(f"the server received other bytes than the hash names: {answer.words()}")
    if answer.status not in (200, 204):
        raise _unexpected("send bytes", answer)
    return _offset(answer, offset_bytes, offset_bytes + len(chunk))


def _offset(answer: Answer, least: int, most: int, *, default_bytes: int | None = None) -> int:
    value = answer.headers.get("upload-offset", default_bytes)
    try:
        offset = int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        offset = -1
    if not least <= offset <= most:
        raise ServerBusy(f"the server's Upload-Offset is {value!r}; {least} to {most} make sense here")
    return offset


def _unexpected(task: str, answer: Answer) -> ServerBusy:
    return ServerBusy(f"could not {task}: {answer.status}: {answer.words()}")
