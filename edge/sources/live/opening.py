"""Opening a camera in the child: what the demuxer and decoder may do, and failures in plain words without its URL."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import av
import av.error

from edge.sources.live.address import LiveAddress, LiveKind
from edge.sources.live.messages import PIXELS_MAX
from edge.sources.live.url import url_form

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Without playlists and whatever else makes the demuxer open further files.
_FILE_FORMATS: Final = "mov,matroska,webm,avi,mpegts,h264,hevc"
_ANALYSE_US: Final = "1500000"
"""How much of a stream, in microseconds, the demuxer may read ahead to learn its codec."""


class ChildError(Exception):
    """The camera gives no pictures; the text holds no credentials and no URL.

    Attributes:
        refused: for the user or password.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        self.refused = refused
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Opened:
    """A camera that answered."""

    container: InputContainer
    stream: VideoStream


def open_stream(address: LiveAddress, credentials: str | None, *, open_s: float, read_s: float) -> Opened:
    """Connect and find the video stream.

    Raises:
        ChildError: see there.
    """
    url, options, form = _how(address, credentials)
    try:
        container = cast("InputContainer", av.open(url, format=form, options=options, timeout=(open_s, read_s)))
    except (av.error.FFmpegError, OSError) as error:
        refused = isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError))
        raise ChildError(why(error), refused=refused) from None
    if not container.streams.video:
        container.close()
        raise ChildError("the stream carries no video")
    stream = container.streams.video[0]
    width_px, height_px = stream.codec_context.width, stream.codec_context.height
    check_size(width_px, height_px)
    # One thread: fewest CPU seconds and bytes per picture, and none of the delay of decoding several at once.
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(PIXELS_MAX)}
    return Opened(container, stream)


def packets(opened: Opened) -> Generator[Packet[VideoStream], None, None]:
    """Packets as they come, until the stream ends."""
    for packet in opened.container.demux(opened.stream):
        if packet.size:
            yield packet


def played(address: LiveAddress, opened: Opened) -> Generator[Packet[VideoStream], None, None]:
    """Packets of a file in its own time, for as long as it loops; stamps go on over its end."""
    first, begun_s, shift, last, step = True, time.monotonic(), 0, 0, 1
    while True:
        with closing(packets(opened)) as read:
            for packet in read:
                if packet.dts is None or packet.pts is None:
                    continue
                if first:
                    shift, first = -packet.dts, False
                packet.dts, packet.pts = packet.dts + shift, packet.pts + shift
                step, last = max(1, packet.dts - last), packet.dts
                at_s = begun_s + float(packet.dts * packet.time_base)
                time.sleep(max(0.0, at_s - time.monotonic()))
                yield packet
        if not address.loop or first:
            return
        opened.container.seek(0)
        opened.stream.codec_context.flush_buffers()
        first = True
        begun_s += float((last + step) * (opened.stream.time_base or 0))
        shift = 0


def check_size(width_px: int, height_px: int) -> None:
    """Refuse a picture that is absurdly large."""
    if width_px * height_px > PIXELS_MAX:
        raise ChildError(
            f"its pictures have {width_px} x {height_px} px; the limit is {PIXELS_MAX / 1e6:.1f} megapixels"
        )


def why(error: BaseException) -> str:
    """A failure in plain words. FFmpeg's own text is not passed on: it may hold the URL with the password."""
    plain: tuple[tuple[type[BaseException], str], ...] = (
        (av.error.HTTPUnauthorizedError, "the camera refuses the user or password (401)"),
        (av.error.HTTPForbiddenError, "the camera forbids this user to watch (403)"),
        (av.error.HTTPNotFoundError, "the camera has no such stream (404): check the path of its address"),
        (av.error.HTTPServerError, "the camera reports a fault of its own (5xx)"),
        (av.error.HTTPError, "the camera refuses the request (4xx)"),
        (ConnectionRefusedError, "nothing listens at the camera's port"),
        (ConnectionError, "the camera cut the connection"),
        (TimeoutError, "the camera does not answer"),
        (PermissionError, "the device may not be read: add the box's user to the group `video`"),
        (av.error.InvalidDataError, "what answers is no video stream"),
        (av.error.ProtocolNotFoundError, "the camera sends us to an address that is not allowed"),
        (av.error.ExitError, "the camera does not answer"),
        (MemoryError, "its pictures need more memory than a camera may take"),
        (av.error.EOFError, "the camera ended the connection"),
    )
    for kind, text in plain:
        if isinstance(error, kind):
            return text
    number = getattr(error, "errno", None)
    return f"it cannot be opened ({type(error).__name__}{f' {number}' if number else ''})"


def _how(address: LiveAddress, credentials: str | None) -> tuple[str, dict[str, str], str | None]:
    """URL, options and format for the demuxer."""
    common = {"max_pixels": str(PIXELS_MAX)}
    match address.kind:
        case LiveKind.RTSP:
            scheme, _, rest = address.url.partition("://")
            url = f"{scheme}://{url_form(credentials)}@{rest}" if credentials else address.url
            return (
                url,
                {
                    **common,
                    # Only inside the one connection: through UDP anybody on the network could put pictures in.
                    "rtsp_transport": "tcp",
                    "allowed_media_types": "video",
                    "protocol_whitelist": "tcp,rtp,rtsp,rtsps,tls",
                    "analyzeduration": _ANALYSE_US,
                    "fpsprobesize": "0",
                },
                "rtsp",
            )
        case LiveKind.V4L2:
            return address.url, {**common, **dict(address.options)}, "v4l2"
        case LiveKind.FILE:
            return address.url, {**common, "protocol_whitelist": "file", "format_whitelist": _FILE_FORMATS}, None
