"""The places of a pass, registered to the map stretch by stretch.

A stretch is judged as soon as it can be, so it is registered against itself and what the last two minutes of the same
pass saw, never against what comes later: a patrol run again makes the same places.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import numpy as np

from detector.frame import Fix
from detector.geo.camera import ObservedBy
from detector.geo.localise import Unplaced
from detector.geo.registration import Registrar, apply
from detector.hit import Place
from detector.rules.walls import WALL
from detector.site.model import Site
from detector.tracks import Track
from edge.gnss.fixes import Fixes

WINDOW: Final = timedelta(seconds=120)
"""Over this time the fix's error has drifted by a metre: what was seen earlier says little."""


@dataclass(frozen=True, slots=True)
class Registered:
    """How much of a patrol was registered.

    Attributes:
        places: things whose place was moved onto the map.
        of: things with a place that could have been: those of standing cameras are not counted.
        median_shift_m: by how far, `None` when none was.
    """

    places: int = 0
    of: int = 0
    median_shift_m: float | None = None


class Shifts:
    """Counts what was moved over all passes of a patrol."""

    def __init__(self) -> None:
        self.of = 0
        self.moved_m: list[float] = []

    def result(self) -> Registered:
        """The sum of it."""
        return Registered(len(self.moved_m), self.of, median(self.moved_m) if self.moved_m else None)


class PassRegister:
    """Registers one source's passes as their stretches end."""

    def __init__(self, site: Site, observed_by: ObservedBy, shifts: Shifts, log: Fixes | None = None) -> None:
        """Use one for each source.

        Args:
            observed_by: of a standing camera nothing is ever moved: its position was surveyed.
            shifts: counted into.
            log: between things it tells how the error changed; a live one grows meanwhile.
        """
        self._registrar = None if observed_by == "fixed" else Registrar(site)
        self._shifts = shifts
        self._log = log
        self._tracks: dict[str, Track] = {}
        self._places: dict[str, Place] = {}

    def may_move(self, place: Place | Unplaced | None) -> bool:
        """Whether a place may still be moved when its stretch ends."""
        return self._registrar is not None and isinstance(place, Place)

    def registered(
        self, stretch: Mapping[str, Track], places: Mapping[str, Place | Unplaced]
    ) -> dict[str, Place | Unplaced]:
        """The places of a stretch, those moved that can be; the others as they came.

        Args:
            stretch: the tracks judged together, by id.
            places: of these tracks, as the fix gave them.
        """
        # What hangs on a wall slides along it: it is placed again afterwards (`detector.rules.placing`).
        placed = {
            name: place for name in stretch if isinstance(place := places.get(name), Place) and place.method != WALL
        }
        moved = dict(places)
        if self._registrar is None or not placed:
            return moved
        self._forget_before(min(stretch[name].first_seen_at for name in placed) - WINDOW)
        self._tracks.update({name: stretch[name] for name in placed})
        self._places.update(placed)
        tracks = tuple(self._tracks.values())
        found = self._registrar.register(tracks, self._places, wanted=placed, fixes=self._fixes_under(tracks))
        for name, offset in found.offsets.items():
            moved[name] = apply(placed[name], offset)
            self._shifts.moved_m.append(float(np.hypot(offset.east_m, offset.north_m)))
        self._shifts.of += len(placed)
        return moved

    def end_pass(self) -> None:
        """The pass is over: the next one has an error of its own."""
        self._tracks.clear()
        self._places.clear()

    def _fixes_under(self, tracks: Sequence[Track]) -> Sequence[Fix]:
        """The part of the log that the tracks lie in, never later: a live patrol has no more."""
        fixes = self._log.fixes if self._log is not None else ()
        first = min(track.first_seen_at for track in tracks)
        last = max(track.last_seen_at for track in tracks)
        low = bisect_left(fixes, first, key=_at)
        return fixes[low : bisect_right(fixes, last, key=_at)]

    def _forget_before(self, moment: datetime) -> None:
        old = [name for name, track in self._tracks.items() if track.last_seen_at < moment]
        for name in old:
            del self._tracks[name], self._places[name]


def _at(fix: Fix) -> datetime:
    return fix.at
