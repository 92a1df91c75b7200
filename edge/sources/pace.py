"""Which of a source's pictures are worth a look: by way driven, by motion, by time; recorded and live ones alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOVED_SHARE: Final = 1.0 / 1500.0
"""Of the picture's cells (`edge.sources.motion`), from which something moved: two at 16:9. A walker 40 m off is as
much; noise never is."""

_SLACK_S = 5e-4
"""Half a millisecond keeps 0.3 / 0.1 = 2.9999 in its own interval."""
_SLACK_M = 1e-6


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look.

    Attributes:
        every_m: a look after so many metres driven; 0 does not ask for the way.
        by_motion: look only while something moves before the camera; for one that stands.
        every_s: at most one look in each interval of this length, 0 takes every picture. With `every_m` it counts
            while nobody knows the way, with `by_motion` while something moves.
        standing_every_s: a look all the same after so long, where the vehicle stands or nothing moves.
    """

    every_m: float = 0.0
    by_motion: bool = False
    every_s: float = 0.0
    standing_every_s: float = 10.0


class Pacer:
    """Decides picture by picture; ask once for each, in order."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._last_s: float | None = None
        self._last_mark: tuple[bool, int] | None = None

    def wants(self, at_s: float, *, way_m: float | None = None, motion: float = 1.0) -> bool:
        """Whether a picture is to be looked at; the first one always is.

        Args:
            at_s: seconds, on a clock that never goes back.
            way_m: driven so far, never going back; `None` when nobody knows.
            motion: share of the picture that changed; see `edge.sources.motion`.
        """
        pace, mark = self._pace, self._mark(at_s, way_m)
        if self._last_s is not None:
            since_s = at_s - self._last_s
            still = pace.by_motion and motion < MOVED_SHARE
            rested = (pace.every_m > 0 or pace.by_motion) and since_s >= pace.standing_every_s - _SLACK_S
            if not rested and (still or (mark is not None and mark == self._last_mark)):
                return False
        self._last_s, self._last_mark = at_s, mark
        return True

    def _mark(self, at_s: float, way_m: float | None) -> tuple[bool, int] | None:
        """Which stretch of way, or of time, a picture lies in; `None` when each is its own.

        Stretches are counted from the beginning, not from the last look: so looks do not drift apart by what the
        pictures are apart.
        """
        if self._pace.every_m and way_m is not None:
            return True, int((way_m + _SLACK_M) / self._pace.every_m)
        if self._pace.every_s:
            return False, int((at_s + _SLACK_S) / self._pace.every_s)
        return None
