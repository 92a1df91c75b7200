"""Messages from the child: told and read again, whole or in pieces, and what is refused."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from edge.sources.live.messages import (
    Message,
    MessageError,
    MessageReader,
    PacketMessage,
    PictureMessage,
    PixelsMessage,
    StreamMessage,
    TroubleMessage,
    decode_order,
    encode,
    encode_order,
)

MESSAGES: list[Message] = [
    StreamMessage("h264", b"\0\0\0\1\x67", Fraction(1, 90_000)),
    StreamMessage("", b"", Fraction(1, 1_000_000)),
    PacketMessage(12.5, 3600, -3600, True, b"\0\0\1\x65data"),
    PacketMessage(12.75, None, None, False, b""),
    PictureMessage(7, 12.5, 0.25, 1920, 1080),
    PixelsMessage(7, 1920, 1080),
    TroubleMessage("the camera refuses the user or password (401)", refused=True),
    TroubleMessage(""),
]


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_read_again_in_pieces_of_any_size(step: int):
    data = b"".join(encode(message) for message in MESSAGES)
    reader = MessageReader()
    read = [message for at in range(0, len(data), step) for message in reader.feed(data[at : at + step])]
    assert read == MESSAGES


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x09\0\0\0\0", "a message of unknown kind 9"),
        (struct.pack("!BI", 2, 2**31), "a message of 2147483648 bytes"),
        (b"\x03\0\0\0\1x", "a broken message of kind 3"),
        (encode(PictureMessage(1, 1.0, 0.0, 2**31, 2**31)), "a picture of 2147483648 x 2147483648 px"),
        (encode(PixelsMessage(1, 4097, 4096)), "a picture of 4097 x 4096 px"),
        (b"\x02\0\0\0\1x", "a broken message of kind 2"),
        # A time base of 1/0.
        (b"\x01" + struct.pack("!IQQ16s", 32, 1, 0, b"h264"), "a broken message of kind 1"),
        (b"\x01" + struct.pack("!IQQ16s", 32, 1, 1, b"\xff"), "a broken message of kind 1"),
    ],
)
def test_what_no_child_of_ours_sends(data: bytes, message: str):
    with pytest.raises(MessageError, match=message):
        list(MessageReader().feed(data))


def test_an_order():
    assert decode_order(encode_order(2**32 - 1)) == 2**32 - 1
