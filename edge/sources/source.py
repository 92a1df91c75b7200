"""What a source is before its first frame is read, and the part of it that is asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from detector.errors import InputError

_NAME_MAX = 120
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")

MAX_PIXELS: Final = 64_000_000
"""Largest picture that is decoded: 64 megapixels are 192 MB as BGR. Larger ones are an attack or a mistake."""


SECONDS_MAX: Final = 10_000_000
"""No recording is longer (115 days)."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a source that is looked at, in seconds from its first picture.

    Attributes:
        from_s: pictures before are skipped (they still count in `Frame.seq`).
        to_s: pictures at or after are not read; `None` reads to the end.
        every_s: at most one picture in each interval of this length; 0 takes every picture. Longer is cheaper, but
            quick things are missed and tracks break.
    """

    from_s: float = 0.0
    to_s: float | None = None
    every_s: float = 0.0

    def __post_init__(self) -> None:
        for flag, seconds in (("--from-s", self.from_s), ("--every-s", self.every_s), ("--to-s", self.to_s)):
            # So written, a NaN is refused too.
            if seconds is not None and not 0 <= seconds <= SECONDS_MAX:
                raise InputError(f"{flag} {seconds:g} must be 0 to {SECONDS_MAX:,} seconds")
        if self.to_s is not None and self.to_s <= self.from_s:
            raise InputError(f"--to-s {self.to_s:g} must be above --from-s {self.from_s:g}")


class Looks:
    """Decides which pictures of a source are looked at, from their times alone."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._last_interval = -1

    def wanted(self, at_s: float) -> bool:
        """Whether the picture at `at_s` is to be looked at; ask once for each, in order."""
        if at_s < self._window.from_s:
            return False
        if self._window.every_s:
            # The half millisecond keeps 0.3 / 0.1 = 2.9999 in its own interval.
            interval = int((at_s - self._window.from_s + 5e-4) / self._window.every_s)
            if interval == self._last_interval:
                return False
            self._last_interval = interval
        return True

    def over(self, at_s: float) -> bool:
        """Whether the window has ended."""
        return self._window.to_s is not None and at_s >= self._window.to_s


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A video file, probed.

    Attributes:
        path: absolute, so that no name is ever read as a protocol by the demuxer.
        source_id: the file's name made safe: no path, no control characters.
        sha256: hash of the file's bytes.
        starts_at: UTC of the first picture.
        duration_s: as the container says; `None` when it does not.
    """

    path: Path
    source_id: str
    sha256: str
    starts_at: datetime
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of a picture folder and its time in seconds from the first one's."""

    path: Path
    at_s: float


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A folder of pictures, probed; see `VideoSource` for the attributes they share.

    Attributes:
        pictures: in natural order of their names (``2.jpg`` before ``10.jpg``).
        sha256: over the name and hash of every picture, in that order.
    """

    path: Path
    source_id: str
    sha256: str
    starts_at: datetime
    duration_s: float
    pictures: tuple[Picture, ...]


Source = VideoSource | PictureSource


def looked_at(source: Source, window: Window) -> tuple[datetime, datetime | None]:
    """UTC of the first and last moment of a source inside a window; the end is `None` when unknown."""
    ends_s = [s for s in (window.to_s, source.duration_s) if s is not None]
    end = source.starts_at + timedelta(seconds=min(ends_s)) if ends_s else None
    return source.starts_at + timedelta(seconds=window.from_s), end


def safe_name(path: Path) -> str:
    """A file's name as it may stand in reports: valid UTF-8, printable, at most 120 characters."""
    name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _UNPRINTABLE.sub("_", name)[:_NAME_MAX] or "source"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex, without holding the file in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(entries: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over (name, hash) of each file of a folder, in order."""
    digest = hashlib.sha256()
    for name, sha256 in entries:
        # NUL cannot be in a file name, so two lists never give the same bytes.
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + sha256.encode() + b"\n")
    return digest.hexdigest()
