"""Parameter sets in Annex B streams."""

from __future__ import annotations

import pytest

from edge.sources.live.nal import is_annex_b, parameter_sets

LONG, SHORT = b"\0\0\0\1", b"\0\0\1"
SPS, PPS, SEI, IDR = b"\x67sps", b"\x68pps", b"\x06sei", b"\x65idr"
VPS5, SPS5, PPS5, IDR5 = b"\x40\1vps", b"\x42\1sps", b"\x44\1pps", b"\x26\1idr"


@pytest.mark.parametrize(
    ("codec", "data", "sets"),
    [
        ("h264", LONG + SPS + LONG + PPS + LONG + IDR, LONG + SPS + LONG + PPS),
        # Short start codes and other units between.
        ("h264", SHORT + b"\x09\xf0" + SHORT + SPS + SHORT + SEI + SHORT + PPS + SHORT + IDR, LONG + SPS + LONG + PPS),
        ("h264", LONG + IDR, b""),
        # After the first slice begins nothing that this picture needs.
        ("h264", LONG + IDR + LONG + SPS, b""),
        ("h264", LONG + SPS, LONG + SPS),
        ("h264", b"", b""),
        ("h264", SHORT, b""),
        ("hevc", LONG + VPS5 + LONG + SPS5 + LONG + PPS5 + SHORT + IDR5, LONG + VPS5 + LONG + SPS5 + LONG + PPS5),
        ("mjpeg", LONG + SPS, b""),
    ],
)
def test_parameter_sets(codec: str, data: bytes, sets: bytes):
    assert parameter_sets(codec, data) == sets


@pytest.mark.parametrize(
    ("data", "expected"), [(LONG + SPS, True), (SHORT + SPS, True), (b"\1d\0\x1f", False), (b"", False)]
)
def test_annex_b(data: bytes, expected: bool):
    assert is_annex_b(data) is expected
