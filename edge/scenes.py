"""Where one scene of a source ends: a hard cut, another picture size, or a hole in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from detector.frame import Frame
from detector.scene import SceneCutter

PASS_GAP: Final = timedelta(seconds=600)
"""After so long without a picture the vehicle comes by anew: another pass, whose position error is its own."""


class Scenes:
    """Numbers the scenes of one source; feed it every frame that is looked at, in order."""

    def __init__(self) -> None:
        self._cutter = SceneCutter()
        self._before = 0
        self._scene = 0
        self._shape: tuple[int, ...] = ()
        self._at: datetime | None = None

    def number(self, frame: Frame) -> int:
        """Scene of the frame, from 0: one more after every cut, change of size and begin of a pass."""
        if self._shape and (frame.image.shape != self._shape or self.begins_pass(frame)):
            # A new cutter: the old one would compare across the hole and might count a cut as well.
            self._before += self._scene + 1
            self._cutter = SceneCutter()
        self._scene = self._cutter.update(frame.image)
        self._shape, self._at = frame.image.shape, frame.captured_at
        return self._before + self._scene

    def begins_pass(self, frame: Frame) -> bool:
        """Whether the frame, not yet numbered, is of another pass than the one before."""
        return self._at is not None and frame.captured_at - self._at > PASS_GAP
