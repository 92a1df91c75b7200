"""Where pictures come from: video files and folders of pictures, behind one generator.

::

    source = open_source("street.mp4", start_utc=None)
    with closing(frames(source)) as pictures:
        for frame in pictures: ...
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from pathlib import Path

from detector.frame import Frame
from edge.sources.errors import SourceDamagedError, SourceNotFoundError, SourceUnreadableError
from edge.sources.pictures import picture_frames, probe_pictures
from edge.sources.source import Picture, PictureSource, Source, VideoSource, Window, looked_at
from edge.sources.video import probe_video, video_frames

__all__ = [
    "Picture",
    "PictureSource",
    "Source",
    "SourceDamagedError",
    "SourceNotFoundError",
    "SourceUnreadableError",
    "VideoSource",
    "Window",
    "frames",
    "looked_at",
    "open_source",
]


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
            f"{scheme.lower()}:// is a live address; live cameras come with a later version: give a recorded file"
        )
    path = Path(address).absolute()
    if path.is_dir():
        return probe_pictures(path, start_utc, interval_s)
    return probe_video(path, start_utc)


def frames(source: Source, window: Window = Window()) -> Generator[Frame, None, None]:  # noqa: B008 (frozen)
    """The pictures of a source, in order, each with its time; closing the generator releases the source.

    Raises:
        SourceUnreadableError: not one picture can be had.
        SourceDamagedError: after the last good picture of a source that is cut off or damaged.
    """
    match source:
        case VideoSource():
            return video_frames(source, window)
        case PictureSource():
            return picture_frames(source, window)
