"""Whether the vehicle moves: while it does, the page shows nothing to press."""

from __future__ import annotations

from collections import deque
from typing import Final

from edge.box.health import BoxHealth

STOPPED_S: Final = 3.0
"""So long it must stand before buttons come back: not at every crawl in a queue."""
UNKNOWN_S: Final = 120.0
"""A vehicle that was moving when its speed was last known is believed to move for so long: a tunnel, a viaduct."""

_STALE_S = 5.0
_STEP_M = 2.0
"""Odometers of standing receivers creep by less within `STOPPED_S`."""


class Riding:
    """Fed with every health; for one thread. Until it knows better, the vehicle moves."""

    def __init__(self, above_m_s: float) -> None:
        """Use one for each box."""
        self._above_m_s = above_m_s
        self._odometer: deque[tuple[float, float]] = deque(maxlen=64)
        self._moved_s: float | None = None
        self._begun_s: float | None = None

    def moving(self, health: BoxHealth | None, now_s: float) -> bool:
        """Whether it moves at `now_s` by the monotonic clock."""
        if health is None or now_s - health.monotonic_s > _STALE_S:
            return True
        if health.gnss.state == "off":
            return False  # a box without a receiver stands at a pole
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        if self._moves_now(health, now_s):
            self._moved_s = now_s
        if self._moved_s is None:
            return now_s - self._begun_s < STOPPED_S
        patience_s = UNKNOWN_S if health.gnss.speed_m_s is None else STOPPED_S
        return now_s - self._moved_s < patience_s

    def _moves_now(self, health: BoxHealth, now_s: float) -> bool:
        self._odometer.append((now_s, health.gnss.odometer_m))
        while self._odometer[0][0] < now_s - STOPPED_S:
            self._odometer.popleft()
        if health.gnss.speed_m_s is not None:
            return health.gnss.speed_m_s > self._above_m_s
        return health.gnss.odometer_m - self._odometer[0][1] > _STEP_M
