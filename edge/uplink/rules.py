"""What the link may carry now: its price, the day's budget, and what comes first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge.box.settings import UplinkSettings
from edge.parcels import Load
from edge.uplink.budget import ASK_MIN_BYTES, DayBudget
from edge.uplink.files import CHUNK_OVERHEAD_BYTES
from edge.uplink.pace import Pace

_METERED_SENDS: Final = {"reports": Load.REPORTS, "stills": Load.STILLS, "clips": Load.CLIPS}


class Rules:
    """The limits of an uplink on a link that may be metered. A `edge.uplink.limits.Limits`."""

    def __init__(self, settings: UplinkSettings, budget: DayBudget, pace: Pace, interrupt: Callable[[], bool]) -> None:
        self._settings = settings
        self._budget = budget
        self._file_min_bytes = CHUNK_OVERHEAD_BYTES + pace.chunk_min_bytes * 11 // 10
        self._interrupt = interrupt

    def heaviest(self) -> Load:
        """The heaviest thing that may be sent now."""
        if not self._budget.metered:
            return Load.CLIPS
        allowed = _METERED_SENDS[self._settings.metered_sends]
        if _below(self._budget.room_bytes(Load.REPORTS), ASK_MIN_BYTES):
            return Load.NOTHING
        if _below(self._budget.room_bytes(Load.STILLS), self._file_min_bytes):
            return Load.REPORTS
        return allowed

    def room_bytes(self, load: Load) -> int | None:
        """Bytes on the link that may still go today for this kind of thing; `None` sets no bound."""
        return self._budget.room_bytes(load)

    def interrupt(self) -> bool:
        """Whether something comes before the file that is being sent."""
        return self._interrupt()


def _below(room_bytes: int | None, least_bytes: int) -> bool:
    return room_bytes is not None and room_bytes < least_bytes
