"""Clocks of a machine that a test sets, suspends, and lets run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class SetClocks:
    """Three clocks as `edge.box_time.Clocks`; they go on by `run` alone.

    Attributes:
        utc_s: the real time, which no clock of the machine knows.
    """

    def __init__(self, system: datetime = NOON, real: datetime = NOON) -> None:
        self.utc_s = real.timestamp()
        self._system_off_s = system.timestamp() - self.utc_s
        self._awake_s = 1000.0
        self._slept_s = 0.0

    def monotonic_s(self) -> float:
        """Stands still while suspended."""
        return self._awake_s

    def system_s(self) -> float:
        """As it was set."""
        return self.utc_s + self._system_off_s

    def boot_s(self) -> float:
        """Goes on while suspended."""
        return self._awake_s + self._slept_s

    def real(self) -> datetime:
        """The real time."""
        return datetime.fromtimestamp(self.utc_s, UTC)

    def server_ahead_s(self, off_s: float = 0.0) -> float:
        """How far a server is ahead of the system clock, whose own clock is `off_s` ahead of the real time."""
        return off_s - self._system_off_s

    def run(self, seconds: float) -> None:
        """Time goes by."""
        self.utc_s += seconds
        self._awake_s += seconds

    def suspend(self, seconds: float) -> None:
        """The machine sleeps."""
        self.utc_s += seconds
        self._slept_s += seconds

    def set_by(self, ahead: timedelta) -> None:
        """Somebody sets the system clock."""
        self._system_off_s += ahead.total_seconds()
