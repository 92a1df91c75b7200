"""Video files through PyAV: probe, and pictures one by one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from detector.frame import Frame, Image
from edge.clock import capture_start, container_start
from edge.sources.errors import SourceDamagedError, SourceNotFoundError, SourceUnreadableError
from edge.sources.luma import luma_of
from edge.sources.source import MAX_PIXELS, Looks, VideoSource, WayOf, Window, file_sha256, safe_name

# Playlists and other formats that make the demuxer open further files or addresses are left out on purpose.
_FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,gif,h264,hevc,mjpeg,flv,asf,m4v,ogg,ivf"
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}

_TURN = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, -90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, -180: cv2.ROTATE_180}
"""PyAV's rotation (degrees counter-clockwise, from the container's display matrix) to the turn that sets it upright."""

_MISSING_END_S = 1.0
"""A container may promise this much more than it holds (rounding, a last long frame) before it counts as cut off."""


def probe_video(path: Path, start_utc: datetime | None) -> VideoSource:
    """Open a video file far enough to know that it is one, and when it starts.

    Raises:
        SourceNotFoundError: nothing is there.
        SourceUnreadableError: empty, not a video, no video stream, corrupt from the start, or absurdly large.
        InputError: no capture time is known.
    """
    container, stream = _open(path)
    with container:
        return VideoSource(
            path=path,
            source_id=safe_name(path),
            sha256=file_sha256(path),
            starts_at=capture_start(start_utc, container_start(container.metadata), safe_name(path)),
            duration_s=_promised_s(container, stream),
        )


def video_frames(source: VideoSource, window: Window, way: WayOf | None = None) -> Generator[Frame, None, None]:
    """The pictures of a video inside a window, in order; the file is closed when the generator ends or is closed.

    Pictures before the window are decoded and dropped, never sought over: so a picture has the same `seq` whatever
    the window. A change of size on the way is allowed.

    Raises:
        SourceUnreadableError: not one picture can be decoded, or one is absurdly large.
        SourceDamagedError: after the last good picture, when the file is cut off or was damaged on the way.
    """
    container, stream = _open(source.path)
    with container:
        reader = _Reader(stream)
        looks = Looks(window, source.starts_at, way)
        to_bgr = VideoReformatter()
        handed_out = 0
        for picture in reader.pictures(container.demux(stream)):
            at_s = reader.at_s
            if looks.over(at_s):
                return
            if looks.wanted(at_s, partial(luma_of, picture)):
                handed_out += 1
                yield Frame(
                    image=_upright_bgr(picture, to_bgr, source),
                    seq=reader.seq,
                    captured_at=source.starts_at + timedelta(seconds=at_s),
                    monotonic_s=at_s,
                    source_id=source.source_id,
                    source_sha256=source.sha256,
                )
        _check_whole(reader, container, stream, source, handed_out)


class _Reader:
    """Decodes packet by packet and keeps time, where the container's own time stamps can be missing or go back."""

    def __init__(self, stream: VideoStream) -> None:
        self.seq = -1
        self.at_s = 0.0
        self.packets = 0
        self.damaged = 0
        self._rebase_s: float | None = None
        rate = stream.guessed_rate or stream.average_rate or Fraction(25)
        self._step_s = float(1 / rate)

    def pictures(self, packets: Iterator[Packet[VideoStream]]) -> Iterator[VideoFrame]:
        """Good pictures in order; `seq` and `at_s` are those of the one just yielded."""
        for packet in self._unbroken(packets):
            self.packets += packet.size > 0
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1
                continue
            for picture in decoded:
                if picture.is_corrupt:
                    # Concealed by the decoder: smeared blocks are no evidence. Before the first good picture they
                    # are only the tail of a shot that began earlier.
                    self.damaged += self.seq >= 0
                    continue
                self.seq += 1
                self._keep_time(picture)
                yield picture

    def _unbroken(self, packets: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
        """Packets until the end or until the demuxer gives up."""
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.damaged += 1
                return
            yield packet

    def _keep_time(self, picture: VideoFrame) -> None:
        stamp_s = None if picture.pts is None or picture.time_base is None else float(picture.pts * picture.time_base)
        if self._rebase_s is None:
            self._rebase_s = -(stamp_s or 0.0)
            self.at_s = 0.0
            return
        next_s = self.at_s + self._step_s
        if stamp_s is None:
            self.at_s = next_s
            return
        if stamp_s + self._rebase_s <= self.at_s:
            # The clock went back (files joined end to end): the new part follows the old one.
            self._rebase_s = next_s - stamp_s
        self.at_s = stamp_s + self._rebase_s


def _open(path: Path) -> tuple[InputContainer, VideoStream]:
    if not path.exists():
        raise SourceNotFoundError(f"no such file or folder: {path}")
    if not path.is_file():
        raise SourceUnreadableError(f"{path} is neither a file nor a folder: give a video file or a folder of pictures")
    if path.stat().st_size == 0:
        raise SourceUnreadableError(f"{path} is empty (0 bytes): copy it again from the camera")
    try:
        container = cast("InputContainer", av.open(str(path), options=dict(_OPTIONS)))
    except PermissionError as error:
        raise SourceUnreadableError(f"cannot read {path}: {error.strerror}") from error
    except av.error.FFmpegError as error:
        raise SourceUnreadableError(
            f"{path} is not a video this can read, or is corrupt from the start ({error.strerror}): "
            "give mp4, mov, mkv, avi, ts or gif"
        ) from error
    try:
        stream = _video_stream(container, path)
    except SourceUnreadableError:
        container.close()
        raise
    # One thread: fewest CPU seconds and bytes per picture, and the same result on every machine.
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return container, stream


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceUnreadableError(f"{path} has no video stream (it holds {kinds})")
    stream = container.streams.video[0]
    _check_size(stream.codec_context.width, stream.codec_context.height, path)
    return stream


def _check_size(width_px: int, height_px: int, path: Path) -> None:
    if width_px * height_px > MAX_PIXELS:
        raise SourceUnreadableError(
            f"{path} has pictures of {width_px} x {height_px} px; the limit is {MAX_PIXELS // 1_000_000} megapixels"
        )


def _upright_bgr(picture: VideoFrame, to_bgr: VideoReformatter, source: VideoSource) -> Image:
    _check_size(picture.width, picture.height, source.path)
    image = cast("Image", to_bgr.reformat(picture, format="bgr24").to_ndarray())
    turn = _TURN.get(picture.rotation)
    return image if turn is None else cast("Image", np.asarray(cv2.rotate(image, turn)))


def _promised_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Length the container promises for the pictures, seconds."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # The container's own figure covers its longest stream, so it speaks for the pictures only when they are alone.
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _check_whole(
    reader: _Reader, container: InputContainer, stream: VideoStream, source: VideoSource, handed_out: int
) -> None:
    """After the last packet: is anything missing?"""
    if reader.seq < 0:
        raise SourceUnreadableError(
            f"{source.path} is corrupt: not one picture could be decoded; copy it again from the camera"
        )
    promised_s = _promised_s(container, stream)
    cut_off = (stream.frames or 0) > reader.packets or (
        promised_s is not None and promised_s > reader.at_s + _MISSING_END_S
    )
    if not cut_off and not reader.damaged:
        return
    what = f"is cut off after {reader.at_s:.2f} s" if cut_off else f"is damaged in {reader.damaged} places"
    promised = f" of {promised_s:.2f} s" if cut_off and promised_s is not None else ""
    raise SourceDamagedError(
        f"{source.source_id} {what}{promised}: the {reader.seq + 1} good pictures were used; "
        "copy it again from the camera to see the rest",
        frames=handed_out,
    )
