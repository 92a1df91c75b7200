"""What a file really is, from its first bytes; pictures are measured without decoding them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Media:
    """Type and, for pictures, size in pixels as the file's own header gives it."""

    media_type: str
    width_px: int | None = None
    height_px: int | None = None

    def __str__(self) -> str:
        return (
            self.media_type if self.width_px is None else f"{self.media_type} of {self.width_px} x {self.height_px} px"
        )


def sniff(file: BinaryIO) -> Media | None:
    """Type of an evidence file by its magic bytes; `None` for anything that is no JPEG, PNG or MP4 in order."""
    file.seek(0)
    head = file.read(32)
    if head.startswith(b"\xff\xd8\xff"):
        size = _jpeg_size(file)
        return Media("image/jpeg", *size) if size else None
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR" and len(head) >= 24:
        return Media("image/png", *struct.unpack(">II", head[16:24]))
    if head[4:8] == b"ftyp":
        return Media("video/mp4")
    return None


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height from the frame header (ITU-T T.81, B.2.2); `None` when the segments lead nowhere."""
    file.seek(2)
    while True:
        marker = file.read(2)
        while marker[1:] == b"\xff":  # fill bytes
            marker = b"\xff" + file.read(1)
        if len(marker) < 2 or marker[0] != 0xFF:
            return None
        if marker[1] in _JPEG_STANDALONE:
            continue
        length = file.read(2)
        if len(length) < 2 or marker[1] in (0xD9, 0xDA):
            return None
        (length_bytes,) = struct.unpack(">H", length)
        if marker[1] in _JPEG_FRAMES:
            frame = file.read(5)
            if len(frame) < 5:
                return None
            _, height_px, width_px = struct.unpack(">BHH", frame)
            return width_px, height_px
        if length_bytes < 2:
            return None
        file.seek(length_bytes - 2, 1)
