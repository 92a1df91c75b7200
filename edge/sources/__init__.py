"""Where pictures come from: video files and folders of pictures behind one generator; `live` holds the cameras.

::

    source = open_source("street.mp4", start_utc=None)
    with closing(frames(source)) as pictures:
        for frame in pictures: ...

The names are loaded when they are first used: the child process of a live camera lies below this package and must stay
small.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from edge.sources.errors import SourceDamagedError, SourceNotFoundError, SourceUnreadableError
    from edge.sources.recorded import frames, open_source
    from edge.sources.source import Picture, PictureSource, Source, VideoSource, WayOf, Window, looked_at

__all__ = [
    "Picture",
    "PictureSource",
    "Source",
    "SourceDamagedError",
    "SourceNotFoundError",
    "SourceUnreadableError",
    "VideoSource",
    "WayOf",
    "Window",
    "frames",
    "looked_at",
    "open_source",
]

_LIVES_IN: Final = {
    "SourceDamagedError": "errors",
    "SourceNotFoundError": "errors",
    "SourceUnreadableError": "errors",
    "frames": "recorded",
    "open_source": "recorded",
    "Picture": "source",
    "PictureSource": "source",
    "Source": "source",
    "VideoSource": "source",
    "WayOf": "source",
    "Window": "source",
    "looked_at": "source",
}


def __getattr__(name: str) -> Any:
    if name not in _LIVES_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LIVES_IN[name]}"), name)
