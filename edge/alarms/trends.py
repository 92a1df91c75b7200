"""What only shows over time: looks that stopped, memory that grows, an outbox that does not empty."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Final

from edge.box.health import BoxHealth

_BUCKET_S: Final = 600.0
_BUCKETS: Final = 14
"""Two hours in pieces of ten minutes: both ends, and the piece that is not over."""


class Floor:
    """The least a figure was in each of the last pieces of ten minutes: what grows there grows for good."""

    def __init__(self) -> None:
        self._floors: deque[float] = deque(maxlen=_BUCKETS)
        self._begun_s: float | None = None

    def take(self, value: float, monotonic_s: float) -> None:
        """One more figure."""
        if self._begun_s is None or monotonic_s - self._begun_s >= _BUCKET_S:
            self._begun_s = monotonic_s
            self._floors.append(value)
        else:
            self._floors[-1] = min(self._floors[-1], value)

    def grown(self, over_s: float) -> float | None:
        """How far the least has risen over the last time, never falling by more than a hundredth; else `None`.

        The newest piece is left out: it is not over.
        """
        count = round(over_s / _BUCKET_S) + 1
        whole = list(self._floors)[:-1][-count:]
        if len(whole) < count or any(b < 0.99 * a for a, b in itertools.pairwise(whole)):
            return None
        return whole[-1] - whole[0]


class Trends:
    """Keeps what the rules need of the past."""

    def __init__(self) -> None:
        self.memory = Floor()
        self.waiting = Floor()
        self._looks: dict[str, tuple[int, float]] = {}
        self._progress: tuple[int, float] = (-1, 0.0)
        self._throttled: tuple[int, float] | None = None
        self.throttled_age_s: float | None = None

    def take(self, health: BoxHealth, throttled: int) -> None:
        """Another second."""
        now_s = health.monotonic_s
        self.memory.take(health.rss_bytes, now_s)
        self.waiting.take(health.store.outbox.bytes_waiting, now_s)
        for camera in health.cameras:
            if self._looks.get(camera.camera_id, (-1, 0.0))[0] != camera.looks:
                self._looks[camera.camera_id] = (camera.looks, now_s)
        outbox = health.store.outbox
        if outbox.waiting == 0 or outbox.stored != self._progress[0]:
            self._progress = (outbox.stored, now_s)
        if self._throttled is not None and throttled > self._throttled[0]:
            self._throttled = (throttled, now_s)
            self.throttled_age_s = 0.0
        elif self._throttled is None:
            self._throttled = (throttled, now_s)
        elif self.throttled_age_s is not None:
            self.throttled_age_s = now_s - self._throttled[1]

    def look_age_s(self, camera_id: str, now_s: float) -> float:
        """Since the camera's number of looks last changed."""
        return now_s - self._looks[camera_id][1]

    def stuck_s(self, now_s: float) -> float:
        """Since the outbox was last empty or a report was stored at the server."""
        return now_s - self._progress[1]
