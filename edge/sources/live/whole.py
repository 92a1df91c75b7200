"""Only whole pictures: none that the decoder had to guess parts of.

After a lost packet a decoder goes on: it fills the gap with what it has and mends nothing until the next key frame.
FFmpeg marks few of these pictures as corrupt, but it tells its log of every reference it misses. So a complaint of the
decoder counts as damage, and everything until the next whole key frame is left out. Known gap: an H.265 picture that is
cut short can decode without a complaint; inside a TCP connection only a broken camera sends one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import av
import av.error
import av.logging

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_HARMLESS: Final = "SEI"
"""Complaints about supplemental information: makers put their own things there, and no picture is built on it."""
_GAP: Final = "Frame num gap"
"""Told among the debugging messages while FFmpeg's H.264 decoder does not yet trust the stream."""


class WholePictures:
    """Decodes one stream, from its first key frame on. Holds on to FFmpeg's log of the thread that calls it."""

    def __init__(self) -> None:
        # Nothing of the log may reach a file: it can hold the camera's URL.
        logging.disable(logging.CRITICAL)
        av.logging.set_level(av.logging.DEBUG)
        av.logging.set_skip_repeated(False)
        self._whole = False
        self._key_pts: int | None = None

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The whole pictures that are ready with this packet, in order."""
        with av.logging.Capture() as log:
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                self._damaged()
                return []
        if any(_is_damage(level, message) for level, _, message in log):
            self._damaged()
            return []
        if packet.is_keyframe:
            # The pictures that come out now may still be older ones, held back for their order.
            self._key_pts = packet.pts
            self._whole = self._whole or packet.pts is None
        return [picture for picture in pictures if self._is_whole(picture)]

    def _is_whole(self, picture: VideoFrame) -> bool:
        if picture.is_corrupt:
            self._damaged()
        elif self._key_pts is not None and picture.pts == self._key_pts:
            self._whole = True
        return self._whole

    def _damaged(self) -> None:
        self._whole = False
        self._key_pts = None


def _is_damage(level: int, message: str) -> bool:
    return (level <= av.logging.ERROR and _HARMLESS not in message) or message.startswith(_GAP)
