"""What a source is before its first frame is read, and the part of it that is asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from edge.sources.motion import MotionMeter
from edge.sources.pace import Pace, Pacer

WayOf = Callable[[datetime], float | None]
"""Metres driven at a moment (UTC), `None` where nobody knows: `edge.gnss.odometer.Odometer.way_m`."""

_NAME_MAX = 120
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")

MAX_PIXELS: Final = 64_000_000
"""Largest picture that is decoded: 64 megapixels are 192 MB as BGR. Larger ones are an attack or a mistake."""


SECONDS_MAX: Final = 10_000_000
"""No recording is longer (115 days)."""


METRES_MAX: Final = 100.0
"""No patrol looks less often."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a source that is looked at, in seconds from its first picture.

    Attributes:
        from_s: pictures before are skipped (they still count in `Frame.seq`).
        to_s: pictures at or after are not read; `None` reads to the end.
        every_s: at most one picture in each interval of this length; 0 takes every picture. Longer is cheaper, but
            quick things are missed and tracks break. With `every_m` it counts only where the way is unknown, with
            `by_motion` only while something moves.
        every_m: one picture in each stretch of so many metres driven; 0 does not ask for the way.
        by_motion: only pictures in which something moves, and one in ten seconds besides: for a standing camera.
    """

    from_s: float = 0.0
    to_s: float | None = None
    every_s: float = 0.0
    every_m: float = 0.0
    by_motion: bool = False

    def __post_init__(self) -> None:
        for flag, seconds in (("--from-s", self.from_s), ("--every-s", self.every_s), ("--to-s", self.to_s)):
            # So written, a NaN is refused too.
            if seconds is not None and not 0 <= seconds <= SECONDS_MAX:
                raise InputError(f"{flag} {seconds:g} must be 0 to {SECONDS_MAX:,} seconds")
        if self.to_s is not None and self.to_s <= self.from_s:
            raise InputError(f"--to-s {self.to_s:g} must be above --from-s {self.from_s:g}")
        if not 0 <= self.every_m <= METRES_MAX:
            raise InputError(f"--every-m {self.every_m:g} must be 0 to {METRES_MAX:g} metres")
        if self.every_m and self.by_motion:
            raise InputError("--every-m is for a vehicle, --by-motion for a camera that stands: give one of them")

    @property
    def pace(self) -> Pace:
        """How often it is looked at inside."""
        return Pace(every_m=self.every_m, by_motion=self.by_motion, every_s=self.every_s)


class Looks:
    """Decides which pictures of a source are looked at, before any is converted."""

    def __init__(self, window: Window, starts_at: datetime, way: WayOf | None = None) -> None:
        """Use one for each source; `way` is asked only where the window looks by way."""
        self._window = window
        self._starts_at = starts_at
        self._way = way if window.every_m else None
        self._pacer = Pacer(window.pace)
        self._motion = MotionMeter() if window.by_motion else None

    def wanted(self, at_s: float, luma: Callable[[], NDArray[np.uint8]]) -> bool:
        """Whether the picture at `at_s` is to be looked at; ask once for each, in order.

        Args:
            luma: gives its brightness (H, W); called only when looking by motion.
        """
        if at_s < self._window.from_s:
            return False
        way_m = self._way(self._starts_at + timedelta(seconds=at_s)) if self._way else None
        motion = self._motion.update(luma(), at_s) if self._motion else 1.0
        return self._pacer.wants(at_s - self._window.from_s, way_m=way_m, motion=motion)

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
