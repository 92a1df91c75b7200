"""The daily byte budget of a metered link.

The count lies in the outbox's database, so that neither a restart nor a power cut gives a day's bytes twice. It grows
before a request goes out. A day is a calendar day of the site's time zone:

- a clock that jumps back stays with the newest day that was counted;
- once a receiver or the server says that this day was never reached, what was counted for it moves to today.

So a wrong clock can take bytes from a day, and never add any.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from edge.box.settings import UplinkSettings
from edge.outbox import Outbox
from edge.parcels import Load
from edge.true_time import TrueTime

LAST_WORDS_BYTES: Final = 128 * 1024
"""Kept for one heartbeat an hour when all else is used up, so that a spent box is not taken for a dead one."""
ASK_MIN_BYTES: Final = 2 * 1024
"""With less room than this the server is not worth asking anything."""


def open_bytes(budget_bytes: int) -> int:
    """Of a day's budget, what is not kept for the last words."""
    return budget_bytes - min(LAST_WORDS_BYTES, budget_bytes // 8)


class DayBudget:
    """Counts what goes over the metered link, and says how much more may. A `edge.wire.Meter`."""

    def __init__(self, outbox: Outbox, settings: UplinkSettings, time: TrueTime, zone: tzinfo) -> None:
        """`zone` is the site's."""
        self._outbox = outbox
        self._settings = settings
        self._time = time
        self._zone = zone
        self.metered = True
        """Whether the link of the moment is paid for by the byte; only then anything is counted."""

    def spend(self, count: int) -> None:
        """Count bytes; durable when it returns.

        Raises:
            TransientError: the database cannot be written.
        """
        if self.metered:
            self._outbox.add_sent_bytes(self.day(), count)

    def sent_today_bytes(self) -> int:
        """Bytes over the metered link today."""
        return self._outbox.sent_bytes(self.day())

    def room_bytes(self, load: Load) -> int | None:
        """What may still go today; `None` when there is no bound now.

        Stills and clips leave the part for reports alone, whether reports have used some of it or not.
        """
        budget_bytes = self._settings.budget_bytes_per_day
        if not self.metered or budget_bytes is None:
            return None
        last_words_bytes = budget_bytes - open_bytes(budget_bytes)
        kept_bytes = {
            Load.NOTHING: 0,
            Load.REPORTS: last_words_bytes,
        }.get(load, last_words_bytes + self._settings.budget_for_reports_bytes)
        return max(0, budget_bytes - kept_bytes - self.sent_today_bytes())

    def day(self) -> str:
        """The day that bytes are counted against, ISO date."""
        today = self._time.now().astimezone(self._zone).date().isoformat()
        newest = self._outbox.newest_sent_day()
        if newest is None or newest <= today:
            return today
        if self._time.told_by in ("gnss", "server"):
            self._outbox.move_sent_bytes_to(today)
            return today
        return newest
