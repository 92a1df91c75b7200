"""What a camera's child process tells its parent, as bytes on a pipe.

A message is one byte for its kind, four for the length of its body (big-endian), and the body. The child is not
trusted: it has read what a stranger sent. So the reader takes only known kinds and bounded lengths, and anything else
is a `MessageError`, for which the child is killed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final

PIXELS_MAX: Final = 4096 * 4096
"""Largest live picture that is decoded: 16.8 megapixels; a stream of larger ones is an attack or a mistake."""
BODY_BYTES_MAX: Final = 32 * 1024**2
"""No compressed picture is larger."""

_HEAD: Final = struct.Struct("!BI")
_STREAM: Final = struct.Struct("!QQ16s")
_PACKET: Final = struct.Struct("!dqq?")
_PICTURE: Final = struct.Struct("!IdfII")
_PIXELS: Final = struct.Struct("!III")
_ORDER: Final = struct.Struct("!I")
_NO_STAMP: Final = -(2**63)

ORDER_BYTES: Final = _ORDER.size


class MessageError(Exception):
    """The child sent what no child of ours sends."""


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """From now on packets belong to this configuration; packets of two configurations never share a clip.

    Attributes:
        codec: FFmpeg's name of it, ``h264``, ``hevc``, ``mjpeg``; "" when packets are not sent (raw pictures).
        headers: parameter sets (H.264, H.265) in Annex B form that a decoder needs before the first key frame.
        time_base: seconds in one tick of the packets' stamps.
    """

    codec: str
    headers: bytes
    time_base: Fraction


@dataclass(frozen=True, slots=True)
class PacketMessage:
    """One compressed picture, Annex B for H.264 and H.265.

    Attributes:
        arrived_s: by `time.monotonic`, which all processes of a machine share.
        pts, dts: in ticks of the stream's time base; `None` when the camera gives none.
    """

    arrived_s: float
    pts: int | None
    dts: int | None
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class PictureMessage:
    """A picture was decoded. `seq` counts from 0 within this child; for `motion` see `PictureNote`."""

    seq: int
    arrived_s: float
    motion: float
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class PixelsMessage:
    """The pixels of picture `seq` lie in the shared memory, BGR (H, W, 3); of width 0 when they cannot be had."""

    seq: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class TroubleMessage:
    """Why the child ends; its last message. `refused`: for the user or password, so a quick retry does only harm."""

    text: str
    refused: bool = False


Message = StreamMessage | PacketMessage | PictureMessage | PixelsMessage | TroubleMessage


class _Kind(IntEnum):
    STREAM = 1
    PACKET = 2
    PICTURE = 3
    PIXELS = 4
    TROUBLE = 5


def encode(message: Message) -> bytes:
    """A message as bytes."""
    match message:
        case StreamMessage(codec, headers, time_base):
            body = _STREAM.pack(time_base.numerator, time_base.denominator, codec.encode()) + headers
            return _HEAD.pack(_Kind.STREAM, len(body)) + body
        case PacketMessage(arrived_s, pts, dts, is_key, data):
            stamps = (_NO_STAMP if pts is None else pts, _NO_STAMP if dts is None else dts)
            head = _HEAD.pack(_Kind.PACKET, _PACKET.size + len(data))
            return b"".join((head, _PACKET.pack(arrived_s, *stamps, is_key), data))
        case PictureMessage(seq, arrived_s, motion, width_px, height_px):
            return _HEAD.pack(_Kind.PICTURE, _PICTURE.size) + _PICTURE.pack(seq, arrived_s, motion, width_px, height_px)
        case PixelsMessage(seq, width_px, height_px):
            return _HEAD.pack(_Kind.PIXELS, _PIXELS.size) + _PIXELS.pack(seq, width_px, height_px)
        case TroubleMessage(text, refused):
            body = bytes([refused]) + text.encode("utf-8", "replace")
            return _HEAD.pack(_Kind.TROUBLE, len(body)) + body


def encode_order(seq: int) -> bytes:
    """What the parent sends down: pixels of picture `seq`, or of the first still held after it, into the memory."""
    return _ORDER.pack(seq)


def decode_order(data: bytes) -> int:
    """The picture an order asks for."""
    return int(_ORDER.unpack(data)[0])


class MessageReader:
    """Cuts the bytes of a pipe into messages."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with `data`.

        Raises:
            MessageError: the bytes are no messages.
        """
        self._held += data
        while len(self._held) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._held)
            if length > BODY_BYTES_MAX:
                raise MessageError(f"a message of {length} bytes")
            end = _HEAD.size + length
            if len(self._held) < end:
                return
            body = bytes(memoryview(self._held)[_HEAD.size : end])
            del self._held[:end]
            yield _message(kind, body)


def _message(kind: int, body: bytes) -> Message:
    try:
        match kind:
            case _Kind.STREAM:
                ticks, per, codec = _STREAM.unpack_from(body)
                return StreamMessage(codec.rstrip(b"\0").decode(), body[_STREAM.size :], Fraction(ticks, per))
            case _Kind.PACKET:
                arrived_s, pts, dts, is_key = _PACKET.unpack_from(body)
                return PacketMessage(arrived_s, _stamp(pts), _stamp(dts), is_key, body[_PACKET.size :])
            case _Kind.PICTURE:
                picture = PictureMessage(*_PICTURE.unpack(body))
                _check_size(picture.width_px, picture.height_px)
                return picture
            case _Kind.PIXELS:
                pixels = PixelsMessage(*_PIXELS.unpack(body))
                _check_size(pixels.width_px, pixels.height_px)
                return pixels
            case _Kind.TROUBLE:
                return TroubleMessage(body[1:1000].decode("utf-8", "replace"), body[:1] == b"\1")
            case _:
                raise MessageError(f"a message of unknown kind {kind}")
    except (struct.error, ValueError, ZeroDivisionError) as error:
        raise MessageError(f"a broken message of kind {kind}") from error


def _check_size(width_px: int, height_px: int) -> None:
    if width_px * height_px > PIXELS_MAX:
        raise MessageError(f"a picture of {width_px} x {height_px} px")


def _stamp(ticks: int) -> int | None:
    return None if ticks == _NO_STAMP else ticks
