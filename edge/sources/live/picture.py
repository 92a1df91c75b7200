"""What a live camera says of a picture before anybody asks for its pixels, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from detector.frame import Frame


@dataclass(frozen=True, slots=True)
class PictureNote:
    """A picture the camera has just given; its pixels stay in the child until they are asked for.

    Attributes:
        seq: counts the pictures decoded since this camera was opened, from 0; goes on over reconnections.
        captured_at: UTC by `edge.true_time`: when its last packet arrived.
        monotonic_s: the same by `time.monotonic`.
        motion: share of the picture that changed since the picture before, 0 to 1; means little on a vehicle.
    """

    seq: int
    captured_at: datetime
    monotonic_s: float
    motion: float


class CameraState(StrEnum):
    """How a camera does."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    """Connected, but no picture has come for longer than the watchdog bears: the child is being replaced."""
    AWAY = "away"
    """Not reachable; tried again with growing waits."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera's own word, free of credentials.

    Attributes:
        frame_age_s: age of the newest picture, `None` before the first.
        pictures: decoded since it was opened.
        connections: 1 for the first; more after every reconnection.
        size_px: width, height of the newest picture.
        codec: e.g. ``h264``.
        trouble: why it is not live, or what went wrong last; "" when nothing has.
        ring_bytes: what the packets kept for clips take.
    """

    state: CameraState
    frame_age_s: float | None = None
    pictures: int = 0
    connections: int = 0
    size_px: tuple[int, int] | None = None
    codec: str = ""
    trouble: str = ""
    ring_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of the camera's own stream, not encoded again, in an MP4 file that the caller owns and removes.

    Attributes:
        begins_at, ends_at: UTC of its first and last picture: key frames and the bound of the ring decide.
    """

    path: Path
    begins_at: datetime
    ends_at: datetime
    width_px: int
    height_px: int


class LiveCamera(Protocol):
    """One camera. `newest` is for one thread; the other methods may be called from any."""

    def newest(self, *, timeout_s: float, wants: Callable[[PictureNote], bool] | None = None) -> Frame | None:
        """The newest picture that was not handed out yet, waiting for one; `None` when none came in time.

        Args:
            wants: asked once for every picture that comes, in order; pixels are converted only of the one it wants.
                By default every picture is wanted. Pictures that come while the caller is busy are asked about when
                he returns, and of those wanted only the newest is handed out.
        """
        ...

    def status(self) -> CameraStatus:
        """How it does now."""
        ...

    def clip(self, about: datetime, *, before_s: float, after_s: float, folder: Path) -> Clip | None:
        """Cut a clip out of the ring, begun at the key frame before; `None` when the ring no longer holds it."""
        ...

    def close(self) -> None:
        """End the child and give everything back; a second call does nothing."""
        ...
