"""Which tracks are judged together.

A row of bikes, or a stall of several parts, is one hit, so its tracks must come before the judge in one batch. A
batch is everything that finished since the last hard cut. Where there is none for long, a batch also ends when the
view has been empty for longer than the rules gather over, or when it holds `TRACKS_MAX` tracks. Only frames and
tracks decide, never the clock on the wall, so a patrol run again makes the same batches.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from detector.site.model import Site
from detector.tracking import TrackUpdate
from detector.tracks import Track

TRACKS_MAX: Final = 300
"""More finished tracks than any row has; larger costs memory where nothing ever leaves the view empty."""


class Stretch:
    """Gathers finished tracks until they can be judged together."""

    def __init__(self, gap_s: float, *, wait_s: float | None = None, rest_s: float = 0.0) -> None:
        """Use one for each source.

        Args:
            gap_s: the longest time over which a rule gathers.
            wait_s: a finished track waits no longer than this; shorter reports sooner where the view is never empty,
                and cuts more rows in two. `None` waits for ever: a recording ends.
            rest_s: nothing is ripe before its last track was out of sight for so long.
        """
        self._gap = timedelta(seconds=max(gap_s, rest_s))
        self._wait = None if wait_s is None else timedelta(seconds=wait_s)
        self._finished: list[Track] = []
        self._live: set[str] = set()

    def take(self, update: TrackUpdate) -> None:
        """What one frame did to the tracks."""
        self._live.update(track_id for track_id, _ in update.assignments)
        self._live.difference_update(update.dropped)
        self._live.difference_update(track.track_id for track in update.finished)
        self._finished += update.finished

    def ripe(self, now: datetime) -> bool:
        """Whether what was gathered can be judged without waiting for more."""
        if not self._finished:
            return False
        if len(self._finished) >= TRACKS_MAX:
            return True
        if self._wait is not None and now - min(track.last_seen_at for track in self._finished) > self._wait:
            return True
        return not self._live and now - max(track.last_seen_at for track in self._finished) > self._gap

    def release(self) -> tuple[Track, ...]:
        """Hand out what was gathered, and begin anew."""
        batch, self._finished = tuple(self._finished), []
        return batch


def gather_gap_s(site: Site) -> float:
    """The longest time over which a rule of the site gathers."""
    return max((rule.gather.gap_s for rule in site.rules.values() if rule.gather), default=0.0)
