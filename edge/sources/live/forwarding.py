"""Compressed packets on their way to the parent, in the form that clips are cut from."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from av.bitstream import BitStreamFilterContext
from av.packet import Packet

from edge.sources.live.messages import BODY_BYTES_MAX, PacketMessage, StreamMessage
from edge.sources.live.nal import is_annex_b, parameter_sets

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_KEPT: Final = ("h264", "hevc", "mjpeg")
"""Codecs that clips are made of; raw pictures would fill any memory within a second."""


class Forwarder:
    """Turns packets of one stream into messages and tells when its configuration changes."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context.name
        self._time_base = stream.time_base or Fraction(1, 90_000)
        extradata = stream.codec_context.extradata or b""
        self._given = extradata if is_annex_b(extradata) else b""
        self._headers: bytes | None = None
        self._filter = (
            BitStreamFilterContext(f"{self._codec}_mp4toannexb", stream)
            if self._codec in ("h264", "hevc") and extradata and not self._given
            else None
        )

    def messages(self, packet: Packet[VideoStream], arrived_s: float) -> Iterator[StreamMessage | PacketMessage]:
        """What the parent is told of a packet: nothing before the first key frame."""
        if self._codec not in _KEPT:
            if self._headers is None:
                self._headers = b""
                yield StreamMessage("", b"", self._time_base)
            return
        is_key, pts, dts = packet.is_keyframe, packet.pts, packet.dts
        for data in self._annex_b(packet):
            if is_key:
                sets = parameter_sets(self._codec, data) or self._given
                if sets != self._headers:
                    self._headers = sets
                    yield StreamMessage(self._codec, sets, self._time_base)
            if self._headers is not None and len(data) < BODY_BYTES_MAX // 2:
                yield PacketMessage(arrived_s, pts, dts, is_key, data)

    def _annex_b(self, packet: Packet[VideoStream]) -> list[bytes]:
        if self._filter is None:
            return [bytes(packet)]
        # The filter takes what it is given away from its owner, and ours is yet to be decoded.
        return [bytes(filtered) for filtered in self._filter.filter(Packet(bytes(packet)))]
