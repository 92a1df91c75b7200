"""Recorded sources, opened and read: video files and folders of pictures."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from pathlib import Path

from detector.frame import Frame
from edge.sources.errors import SourceUnreadableError
from edge.sources.pictures import picture_frames, probe_pictures
from edge.sources.source import PictureSource, Source, VideoSource, WayOf, Window
from edge.sources.video import probe_video, video_frames


def open_source(address: str, *, start_utc: datetime | None = None, interval_s: float | None = None) -> Source:
    """Probe a video file or a folder of pictures.

    Args:
        address: a path.
        start_utc: UTC of the first picture; wins over what the source says of itself.
        interval_s: seconds between the pictures of a folder.

    Raises:
        SourceNotFoundError, SourceUnreadableError: see there.
        InputError: no capture time is known.
    """
    scheme, separator, _ = address.partition("://")
    if separator and scheme.isalnum():
        # The address is not repeated: it may hold a password.
        raise SourceUnreadableError(
            f"{scheme.lower()}:// is a live address: cameras are watched by `kerbwatch box run`; give a recorded file"
        )
    path = Path(address).absolute()
    if path.is_dir():
        return probe_pictures(path, start_utc, interval_s)
    return probe_video(path, start_utc)


def frames(
    source: Source,
    window: Window = Window(),  # noqa: B008 (frozen)
    way: WayOf | None = None,
) -> Generator[Frame, None, None]:
    """The pictures of a source, in order, each with its time; closing the generator releases the source.

    Args:
        window: which of them.
        way: how far the vehicle had driven, for a window that looks by way.

    Raises:
        SourceUnreadableError: not one picture can be had.
        SourceDamagedError: after the last good picture of a source that is cut off or damaged.
    """
    match source:
        case VideoSource():
            return video_frames(source, window, way)
        case PictureSource():
            return picture_frames(source, window, way)
