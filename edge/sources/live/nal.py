"""The parameter sets of an H.264 or H.265 stream: what a decoder must have read before the first key frame."""

from __future__ import annotations

from typing import Final

_START: Final = b"\0\0\1"
_SETS: Final = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}
"""SPS and PPS; VPS, SPS and PPS (ITU-T H.264 table 7-1, H.265 table 7-1)."""
_PICTURES: Final = {"h264": frozenset(range(1, 6)), "hevc": frozenset(range(32))}
"""Slices: what comes before the first one is the head of the picture."""


def is_annex_b(data: bytes) -> bool:
    """Whether units are set apart by start codes (as cameras send them), not by lengths (as MP4 keeps them)."""
    return data.startswith((_START, b"\0" + _START))


def parameter_sets(codec: str, data: bytes) -> bytes:
    """The parameter sets before the first slice of a packet in Annex B form, in order; b"" when there are none."""
    wanted, slices = _SETS.get(codec), _PICTURES.get(codec)
    if wanted is None or slices is None:
        return b""
    found: list[bytes] = []
    at = data.find(_START)
    while 0 <= at < len(data) - len(_START):
        begin = at + len(_START)
        kind = data[begin] & 0x1F if codec == "h264" else data[begin] >> 1 & 0x3F
        if kind in slices:
            break
        at = data.find(_START, begin)
        if kind in wanted:
            # Zeros before the next start code belong to it; a unit never ends with one.
            unit = data[begin : at if at >= 0 else len(data)].rstrip(b"\0")
            found.append(b"\0" + _START + unit)
    return b"".join(found)
