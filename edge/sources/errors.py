"""What can be wrong with a source.

::

    SourceError (detector.errors, exit code 2)
    ├── SourceNotFoundError    nothing is there
    ├── SourceUnreadableError  there, but no pictures can be had from it
    └── SourceDamagedError     read in part; raised *after* the last good frame, so that nothing seen is lost
"""

from __future__ import annotations

from detector.errors import SourceError


class SourceNotFoundError(SourceError, FileNotFoundError):
    """Nothing is at the path."""


class SourceUnreadableError(SourceError):
    """No pictures can be had: empty, not a video, corrupt from the start, too large, a live address."""


class SourceDamagedError(SourceError):
    """A source was readable only in part. Every frame before the damage has been handed out already.

    Attributes:
        frames: pictures that were handed out.
    """

    def __init__(self, message: str, *, frames: int) -> None:
        self.frames = frames
        super().__init__(message)
