"""The newest picture of each camera, waiting for the network: one slot each, served in turn."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from detector.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A picture in a camera's slot; `since_s` by `time.monotonic`."""

    camera: int
    frame: Frame
    since_s: float


class Slots:
    """Hands pictures from the cameras' threads to the one that asks the network."""

    def __init__(self, cameras: int) -> None:
        """Args: cameras: how many; each has one slot, so nothing ever piles up."""
        self._waiting: list[Waiting | None] = [None] * cameras
        self._last = cameras - 1
        self._changed = threading.Condition()

    def put(self, waiting: Waiting, timeout_s: float) -> bool:
        """Fill a camera's slot as soon as it is free; False when it was not in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting[waiting.camera] is None, timeout_s):
                return False
            self._waiting[waiting.camera] = waiting
            self._changed.notify_all()
            return True

    def free(self, camera: int, timeout_s: float) -> bool:
        """Wait until a camera's slot is free; False when it was not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting[camera] is None, timeout_s)

    def take(self, timeout_s: float) -> Waiting | None:
        """The picture of the camera whose turn it is; `None` when there is none in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(self._waiting), timeout_s):
                return None
            count = len(self._waiting)
            turns = ((self._last + step) % count for step in range(1, count + 1))
            self._last = next(camera for camera in turns if self._waiting[camera] is not None)
            taken, self._waiting[self._last] = self._waiting[self._last], None
            self._changed.notify_all()
            return taken
