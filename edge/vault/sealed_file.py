"""One original on disk: a header, then the bytes in encrypted pieces.

::

    KWORIG1\\n | length of the header, 4 bytes | header, JSON | piece 0 | piece 1 | ... | last piece

Each piece is AES-256-GCM under a key that only this file has; its nonce is the piece's number and whether it is the
last one (the STREAM construction: Hoang, Reyhanitabar, Rogaway and Vizar, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015). The hash of the header is part of what every piece authenticates. So
pieces cannot be changed, left out, put in another order or taken from another file, and the file cannot be cut short.
Reading and writing hold one piece at a time.
"""

from __future__ import annotations

import io
import json
import os
import struct
import uuid
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from detector.errors import SealError
from detector.report import Name, Sha256, Utc
from edge.durable import TMP_PREFIX, explain, fsync_dir
from edge.originals import OriginalFile

MAGIC: Final = b"KWORIG1\n"
PIECE_BYTES: Final = 64 * 1024
_TAG_BYTES = 16
_HEADER_MAX_BYTES = 4096
_LENGTH = struct.Struct(">I")


class Header(BaseModel):
    """What the file says of its original; none of it can be changed without every piece failing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report_id: uuid.UUID
    sha256: Sha256
    role: Literal["frame", "clip"]
    media_type: Literal["image/jpeg", "video/mp4"]
    frame_id: Name
    begins_at: Utc
    ends_at: Utc
    width_px: int
    height_px: int
    size_bytes: int
    """Of the original."""

    def to_bytes(self) -> bytes:
        """The one way to write it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()

    @staticmethod
    def of(report_id: uuid.UUID, file: OriginalFile) -> Header:
        """The header of one original of a report."""
        return Header(
            report_id=report_id,
            sha256=file.sha256,
            role=file.role,
            media_type=file.media_type,
            frame_id=file.frame_id,
            begins_at=file.begins_at,
            ends_at=file.ends_at,
            width_px=file.width_px,
            height_px=file.height_px,
            size_bytes=len(file.data),
        )


def sealed_bytes(header: Header) -> int:
    """Size of the whole sealed file."""
    return len(MAGIC) + _LENGTH.size + len(header.to_bytes()) + header.size_bytes + _pieces(header) * _TAG_BYTES


def write_sealed(path: Path, header: Header, data: bytes, data_key: bytes) -> None:
    """Write an original encrypted: whole and durable when this returns, or not at all.

    Raises:
        TransientError: the disk is full; nothing is left behind.
        InputError: the folder may not be written.
    """
    temporary = path.with_name(f"{TMP_PREFIX}{path.name}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123 (a descriptor, not a path)
            for part in _sealed_parts(header, memoryview(data), data_key):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        fsync_dir(path.parent)
    except OSError as error:
        raise explain(error, path, len(data)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sealed_parts(header: Header, data: memoryview, data_key: bytes) -> Iterator[bytes]:
    head = header.to_bytes()
    yield MAGIC + _LENGTH.pack(len(head)) + head
    cipher, bound_to, last = AESGCM(data_key), sha256(head).digest(), _pieces(header) - 1
    for number in range(last + 1):
        piece = data[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]
        yield cipher.encrypt(_nonce(number, last=number == last), piece, bound_to)


class SealedReader(io.RawIOBase):
    """The original's own bytes, decrypted piece by piece; can be read from any offset. Closing it closes the file.

    Reading raises `SealError` at the first piece that was changed.
    """

    def __init__(self, file: BinaryIO, header: Header, data_key: bytes) -> None:
        """Begin to read.

        Args:
            file: the sealed file, open at its start.
            header: what the file must say of itself.

        Raises:
            SealError: the file has another header, or another size than the header promises.
        """
        super().__init__()
        self._file = file
        self._header = header
        self._cipher = AESGCM(data_key)
        head = header.to_bytes()
        self._bound_to = sha256(head).digest()
        self._begin = len(MAGIC) + _LENGTH.size + len(head)
        self._at = 0
        self._piece: tuple[int, bytes] = (-1, b"")
        found = read_header(file)
        if found != header:
            raise SealError(f"holds an original of report {found.report_id}: it was put in another one's place")
        size_bytes = file.seek(0, os.SEEK_END)
        if size_bytes != sealed_bytes(header):
            raise SealError(f"has {size_bytes} bytes, not {sealed_bytes(header)}: it was cut short or added to")

    @property
    def header(self) -> Header:
        """What the file is."""
        return self._header

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Offset in the original, bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to an offset of the original."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._header.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError(f"offset {start + offset} is before the start")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Bytes from one piece at most."""
        if self._at >= self._header.size_bytes:
            return 0
        number, within = divmod(self._at, PIECE_BYTES)
        part = self._decrypted(number)[within : within + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

    def _decrypted(self, number: int) -> bytes:
        if self._piece[0] != number:
            self._file.seek(self._begin + number * (PIECE_BYTES + _TAG_BYTES))
            sealed = self._file.read(PIECE_BYTES + _TAG_BYTES)
            nonce = _nonce(number, last=number == _pieces(self._header) - 1)
            try:
                self._piece = (number, self._cipher.decrypt(nonce, sealed, self._bound_to))
            except (InvalidTag, ValueError):
                raise SealError(f"was changed after sealing, within piece {number}") from None
        return self._piece[1]


def read_header(file: BinaryIO) -> Header:
    """The header as the file has it; nothing is authenticated yet.

    Raises:
        SealError: not a sealed original.
    """
    head = file.read(len(MAGIC) + _LENGTH.size)
    length = _LENGTH.unpack(head[len(MAGIC) :])[0] if len(head) == len(MAGIC) + _LENGTH.size else 0
    if not head.startswith(MAGIC) or length > _HEADER_MAX_BYTES:
        raise SealError("is not a sealed original: its first bytes were changed")
    data = file.read(length)
    try:
        header = Header.model_validate_json(data)
    except ValidationError:
        header = None
    if header is None or header.to_bytes() != data:
        raise SealError("is not a sealed original: its header was changed")
    return header


def _pieces(header: Header) -> int:
    return max(1, -(-header.size_bytes // PIECE_BYTES))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def utc_text(moment: datetime) -> str:
    """A time as the index keeps it: sortable."""
    return moment.isoformat(timespec="microseconds")
