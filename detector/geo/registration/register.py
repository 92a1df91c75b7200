"""Registers a pass: every placed track of it against all that the others saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.frame import Fix
from detector.geo.localise import Unplaced
from detector.geo.registration.anchors import Sighted, groups, log_fit, sighted
from detector.geo.registration.attraction import Attraction
from detector.geo.registration.grid import Grid
from detector.geo.registration.model import REFUSALS, FixErrors, Landmark, Refusal, Registration
from detector.geo.registration.odometry import Odometry
from detector.geo.registration.posterior import Event, leave_one_out, summary
from detector.hit import PassOffset, Place
from detector.site.model import Site
from detector.tracks import Track

OTHER_FIX: Final = 4.0
"""Fixes whose variances differ by more than this factor are of another quality, and their errors of another history."""
NEAR_S: Final = 120.0
"""Anchors farther off in time than this are not counted, though what is left of their word is used."""
GROUP_MAX: Final = 8
"""Members of a group that are weighed, evenly spread: a row of sixty bikes is one thing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Things that stand together, and what they say of the shift."""

    members: tuple[Sighted, ...]
    at_s: float
    log_fit: Grid | None


def register(
    tracks: Sequence[Track],
    places: Mapping[str, Place | Unplaced | None],
    site: Site,
    *,
    landmarks: Sequence[Landmark] = (),
    errors: FixErrors | None = None,
    wanted: Collection[str] | None = None,
    fixes: Sequence[Fix] = (),
) -> Registration:
    """Register one pass of a vehicle or drone; see `Registrar.register`, which is quicker for many passes."""
    return Registrar(site, landmarks=landmarks, errors=errors).register(tracks, places, wanted=wanted, fixes=fixes)


class Registrar:
    """Registers passes against one site. Building it reads the map once."""

    def __init__(self, site: Site, *, landmarks: Sequence[Landmark] = (), errors: FixErrors | None = None) -> None:
        self._attraction = Attraction(site, landmarks)
        self._errors = errors or FixErrors()

    def register(
        self,
        tracks: Sequence[Track],
        places: Mapping[str, Place | Unplaced | None],
        *,
        wanted: Collection[str] | None = None,
        fixes: Sequence[Fix] = (),
    ) -> Registration:
        """The offset of every placed track, from all the other things of the pass.

        Args:
            tracks: of one pass, near in time; those of earlier stretches serve as anchors only.
            places: by track id, as the fix gave them (`Place.offset` unset).
            wanted: track ids to answer for; all when `None`.
            fixes: more fixes of the pass than the tracks' own; they tell how the error changed between things.

        Returns:
            An offset or a refusal for each wanted track that has a place.
        """
        things = sighted(tracks, places)
        asked = {thing.track.track_id for thing in things}
        asked = asked if wanted is None else asked & set(wanted)
        good = {thing.track.track_id for thing in things if self._is_good(thing)}
        refused = dict.fromkeys(sorted(asked & good), REFUSALS["good_fix"])
        offsets: dict[str, PassOffset] = {}
        if asked - good:
            seen = [seen.fix for track in tracks for seen in track.observations if seen.fix is not None]
            for thing, found in self._found(self._groups(things), Odometry((*fixes, *seen))):
                name = thing.track.track_id
                if name not in asked or name in good:
                    continue
                if isinstance(found, PassOffset):
                    offsets[name] = found
                else:
                    refused[name] = found
        return Registration(offsets, refused)

    def _is_good(self, thing: Sighted) -> bool:
        return bool(np.trace(thing.shift_m2) <= 2.0 * self._errors.good_sigma_m**2)

    def _groups(self, things: Sequence[Sighted]) -> list[_Group]:
        """The groups by time."""
        members: defaultdict[int, list[Sighted]] = defaultdict(list)
        for number, thing in zip(groups(things), things, strict=True):
            members[number].append(thing)
        made = [self._group(number, members) for number in members]
        return sorted(made, key=lambda group: (group.at_s, group.members[0].track.ordinal))

    def _group(self, number: int, members: Mapping[int, Sequence[Sighted]]) -> _Group:
        own = members[number]
        earlier = [thing for other in members if other < number for thing in members[other]]
        chosen = [own[i] for i in sorted({round(k * (len(own) - 1) / max(GROUP_MAX - 1, 1)) for k in range(GROUP_MAX)})]
        fits = [
            fit
            for thing in chosen
            if (fit := log_fit(thing, self._attraction, earlier, self._errors.white_m)) is not None
        ]
        at_s = float(np.mean([thing.at_s for thing in own]))
        # Members resemble each other: a row is worth more than one of it, and less than all.
        return _Group(tuple(own), at_s, np.mean(fits, axis=0) * np.sqrt(len(fits)) if fits else None)

    def _found(self, ordered: Sequence[_Group], odometry: Odometry) -> list[tuple[Sighted, PassOffset | Refusal]]:
        """Offset or refusal of every thing."""
        events: list[Event] = []
        for group in ordered:
            cov = np.mean([thing.shift_m2 for thing in group.members], axis=0)
            fresh = not events or _other_quality(cov, events[-1].cov_m2)
            change = None if fresh else odometry.change(events[-1].at_s, group.at_s)
            events.append(Event(group.at_s, group.log_fit, change, cov))
        found: list[tuple[Sighted, PassOffset | Refusal]] = []
        anchors = _anchors(events)
        posteriors = leave_one_out(events, self._errors)
        for index, posterior in zip(range(len(events) - 1, -1, -1), posteriors, strict=True):
            answer = summary(posterior, events[index].cov_m2, anchors[index])
            found += [(thing, answer) for thing in ordered[index].members]
        return found


def _other_quality(cov: Grid, before: Grid) -> bool:
    ratio = float(np.trace(cov) / np.trace(before))
    return max(ratio, 1.0 / ratio) > OTHER_FIX


def _anchors(events: Sequence[Event]) -> list[int]:
    """How many other events of the same history, and near in time, say something about each one's shift."""
    history = np.cumsum([event.change is None for event in events])
    times = np.array([event.at_s for event in events])
    telling = np.array([event.log_fit is not None for event in events])
    near = (np.abs(times[:, None] - times) <= NEAR_S) & (history[:, None] == history) & telling
    np.fill_diagonal(near, val=False)
    return near.sum(axis=1).tolist()
