"""How long originals stay: so many days, unless a person at the server wants them kept.

In the last two days the box asks the server about the reports (`due`, in its heartbeat). What the server wants kept
stays as many days again, and is asked about again then. What it does not want is deleted when its time is over. A
server that never answers, or forgets what it wants, delays that by the same number of days, no longer.

Nothing is dated or deleted by a clock that nobody has set. The box's own clock is believed only when it has gone
without a jump for an hour: by then a receiver or the server would have put a wrong one right.
"""

from __future__ import annotations

import time as clock
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from detector.heartbeat import Orders
from edge.true_time import TrueTime
from edge.vault.vault import Vault

ASKS_BEFORE: Final = timedelta(days=2)
ASKS_MAX: Final = 500
"""As `detector.heartbeat.Heartbeat.asks_about`."""
TOMBSTONES_KEPT: Final = timedelta(days=400)
"""How long the vault can tell that an original was deleted, not lost."""
PATIENCE_S: Final = 3600.0
TIME_OVER: Final = "its time was over"


class Retention:
    """Asks, keeps and deletes, by the box's true time."""

    def __init__(self, vault: Vault, time: TrueTime, *, patience_s: float = PATIENCE_S) -> None:
        """Use one as long as the box runs.

        Args:
            patience_s: how long the box's own clock must have gone steadily before anything is deleted by it alone.
        """
        self._vault = vault
        self._time = time
        self._patience_s = patience_s
        self._steady = (time.steps, clock.monotonic())

    def due(self) -> tuple[uuid.UUID, ...]:
        """Reports to ask the server about, most urgent first; none while nobody knows the time."""
        now = self._now()
        if now is None:
            return ()
        rows = self._vault.all(
            "SELECT report_id FROM originals WHERE state = 'kept' AND kept_until <= ? GROUP BY report_id"
            " ORDER BY min(kept_until), report_id LIMIT ?",
            (now + ASKS_BEFORE).timestamp(),
            ASKS_MAX,
        )
        return tuple(uuid.UUID(row[0]) for row in rows)

    def answered(self, asked: Sequence[uuid.UUID], orders: Orders) -> None:
        """The server's answer to a heartbeat that asked about these."""
        now, keep = self._now(), frozenset(orders.keep)
        with self._vault.transaction() as database:
            database.execute("UPDATE originals SET wanted = 0 WHERE wanted")
            database.executemany(
                "UPDATE originals SET wanted = 1 WHERE report_id = ? AND sha256 = ? AND state = 'kept'",
                [(str(item.report_id), item.sha256) for item in orders.wanted],
            )
            database.executemany(
                "UPDATE originals SET answered = 1, kept_because = 'new' WHERE report_id = ? AND state = 'kept'",
                [(str(report_id),) for report_id in asked if report_id not in keep],
            )
            if now is not None:
                until = (now + self._vault.limits.life).timestamp()
                database.executemany(
                    "UPDATE originals SET answered = 0, kept_because = 'server', kept_until = max(kept_until, ?)"
                    " WHERE report_id = ? AND state = 'kept'",
                    [(until, str(report_id)) for report_id in asked if report_id in keep],
                )

    def expire(self) -> int:
        """Date what is new, delete what is over, and say how much; nothing while nobody knows the time.

        For once in a few minutes.
        """
        now = self._now()
        if now is None:
            return 0
        vault, life_s = self._vault, self._vault.limits.life.total_seconds()
        vault.run(
            "UPDATE originals SET kept_until = ? WHERE state = 'kept' AND kept_until IS NULL", now.timestamp() + life_s
        )
        over = vault.all(
            "SELECT report_id, sha256 FROM originals WHERE state = 'kept'"
            " AND (kept_until + ?2 <= ?1 OR (kept_until <= ?1 AND answered AND NOT wanted)) ORDER BY kept_until",
            now.timestamp(),
            life_s,
        )
        for report_id, sha256 in over:
            vault.delete(uuid.UUID(report_id), sha256, because=TIME_OVER)
        vault.run("UPDATE originals SET ended_at = ? WHERE state != 'kept' AND ended_at IS NULL", now.timestamp())
        vault.run("DELETE FROM originals WHERE ended_at < ?", (now - TOMBSTONES_KEPT).timestamp())
        return len(over)

    def _now(self) -> datetime | None:
        """UTC, or `None` while nobody can be believed."""
        if self._time.steps != self._steady[0]:
            self._steady = (self._time.steps, clock.monotonic())
        told_by = self._time.told_by
        if told_by == "unset" or (told_by == "system" and clock.monotonic() - self._steady[1] < self._patience_s):
            return None
        return self._time.now()
