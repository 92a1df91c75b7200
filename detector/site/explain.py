"""May such a thing stand here, now? The patrol's own verdict on a thing that was never seen, for a person at a desk.

The thing is made up, with no doubt about what it is and having stood there for as long as the rule asks; place, error
and time are the caller's. It goes through `detector.rules.judge` like any other: there is no second law.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

import numpy as np
import shapely

from detector.errors import InputError
from detector.geo.changes import changes
from detector.geo.schedule import Standing, Validity
from detector.geo.zones import Near, Permit, Zone, cloud
from detector.hit import Hit, Place, SeenBefore
from detector.rules.judge import judge
from detector.rules.law_map import Role, law_map
from detector.site.geojson import check_point
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.tracks import Companion, Observation, Track
from detector.vocabulary import Kind, Outcome

SIGMAS_M = (1.0, 3.0, 8.0)
"""Errors to compare when none is given: registered to the map, GNSS in the open, GNSS between tall houses."""
NEAREST_M = 500.0
"""A permitted zone farther away than this is of no help."""
CHANGES_MAX = 3
"""Changes of the answer that are looked for."""

_BOX = (100.0, 100.0, 200.0, 200.0)


@dataclass(frozen=True, slots=True)
class PermitSays:
    """A permit bound to a zone, and whether it is in force."""

    permit: Permit
    standing: Standing


@dataclass(frozen=True, slots=True)
class ZoneSays:
    """What a zone around the place says of the thing at the time.

    Attributes:
        role: what it does for the rule now.
        standing: whether it counts now, and why not.
        until: when that changes next; `None` when not within the horizon.
        share: part of the position error that lies in it.
        permits: bound to it, in the order of the file.
    """

    zone: Zone
    role: Role
    standing: Standing
    until: datetime | None
    share: float
    permits: tuple[PermitSays, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The answer from a moment on."""

    at: datetime
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict for one position error.

    Attributes:
        sigma_m: of the position, per axis.
        hit: as the patrol would have it; `None` when no rule has a word here (nothing is recorded, or no zone speaks).
        changes: when the outcome changes next, and to what, at most `CHANGES_MAX`.
    """

    sigma_m: float
    hit: Hit | None
    changes: tuple[Change, ...]

    @property
    def outcome(self) -> Outcome | None:
        """Violation, allowed, unsure; `None` when no rule has a word."""
        return self.hit.outcome if self.hit else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say of a kind of thing at a place and time.

    Attributes:
        at: in the site's time zone.
        answers: one for each position error, in the order asked for.
        zones: that hold a part of the largest error: those that hold the place itself first, and what permits first.
        nearest: the nearest zone of the kinds worth naming (pitches and markets for a stall), open or not.
        nearest_open: the nearest of those that permits now.
    """

    kind: Kind
    lon_deg: float
    lat_deg: float
    at: datetime
    answers: tuple[Answer, ...]
    zones: tuple[ZoneSays, ...]
    nearest: Near | None
    nearest_open: Near | None


def explain(
    site: Site, lon_deg: float, lat_deg: float, kind: Kind, at: datetime, sigmas_m: Sequence[float] = SIGMAS_M
) -> Explanation:
    """What the site's map and rules say of a thing of `kind` at a place (WGS-84) and an aware time.

    Raises:
        InputError: the place lies outside the site's bbox (swapped axes and metres are named), or a sigma is not
            above 0.
    """
    misplaced = check_point(lon_deg, lat_deg, site.bbox)
    if misplaced:
        raise InputError(misplaced)
    for sigma_m in sigmas_m:
        if not 0.0 < sigma_m <= 1000.0:
            raise InputError(f"sigma {sigma_m} m is no position error; give one above 0, e.g. 1, 3 or 8")
    at = at.astimezone(site.timezone)
    # The rule alone: the question is about this kind, whatever else such a thing may be.
    alone = replace(site, rules={kind: site.rules[kind]})
    asked = _Asked(alone, site.rules[kind], lon_deg, lat_deg)
    zones = asked.zones_around(max(sigmas_m), at)
    moments = tuple(islice(asked.moments(zones, at), 200))
    return Explanation(
        kind=kind,
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        at=at,
        answers=tuple(asked.answer(sigma_m, at, moments) for sigma_m in sigmas_m),
        zones=zones,
        nearest=asked.nearest(at, only_open=False),
        nearest_open=asked.nearest(at, only_open=True),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A rule, alone in its site, asked about one place."""

    site: Site
    rule: Rule
    lon_deg: float
    lat_deg: float

    def answer(self, sigma_m: float, at: datetime, moments: Sequence[datetime]) -> Answer:
        hit = self._hit(sigma_m, at)
        told: list[Change] = []
        last = hit.outcome if hit else None
        for moment in moments:
            then = self._hit(sigma_m, moment)
            outcome = then.outcome if then else None
            if outcome is not last:
                told.append(Change(moment, outcome))
                last = outcome
            if len(told) == CHANGES_MAX:
                break
        return Answer(sigma_m, hit, tuple(told))

    def _hit(self, sigma_m: float, at: datetime) -> Hit | None:
        none = ((0.0, 0.0), (0.0, 0.0))
        own = ((sigma_m**2, 0.0), (0.0, sigma_m**2))
        place = Place(
            self.lon_deg, self.lat_deg, own, none, none, (0.0, 0.0), 0.0, 0.0, "fixed_ground",
            synthetic=self.site.synthetic_positions,
        )  # fmt: skip
        track = made_up_track(self.rule, at)
        waited = at - timedelta(seconds=self.rule.dwell.fixed_min_s)
        stood = SeenBefore(waited, waited, passes=0)
        return judge(track, place, self.site, "fixed", earlier={track.track_id: stood})

    def zones_around(self, sigma_m: float, at: datetime) -> tuple[ZoneSays, ...]:
        """Zones that hold a part of the position error and have a word for the rule."""
        spot = cloud(self.lon_deg, self.lat_deg, ((sigma_m**2, 0.0), (0.0, sigma_m**2)))
        found = self.site.zones.membership(spot)
        shares = found.inside.mean(axis=1)
        said = [
            (not held, says)
            for zone, share, held in zip(found.zones, shares.tolist(), found.holds_centre.tolist(), strict=True)
            if (says := self._says(zone, share, at)) is not None
        ]
        permits_first = (Role.GRANTS, Role.LAPSED, Role.PRIVATE, Role.FORBIDS, Role.NONE)
        said.sort(key=lambda pair: (pair[0], permits_first.index(pair[1].role), -pair[1].share))
        return tuple(says for _, says in said)

    def _says(self, zone: Zone, share: float, at: datetime) -> ZoneSays | None:
        row = next(row for row, other in enumerate(self.site.zones.zones) if other is zone)
        role = Role(int(law_map(self.site).law(self.rule, at, at).role[row]))
        if role is Role.NONE and zone.kind not in self.rule.priors:
            return None
        permits = tuple(
            PermitSays(permit, self._standing(permit.validity, at))
            for permit in self.site.permits_of.get(zone.zone_id, ())
        )
        until = next(changes([zone.validity], at, self.site.timezone, self.site.holidays), None)
        return ZoneSays(zone, role, self._standing(zone.validity, at), until, share, permits)

    def moments(self, zones: Sequence[ZoneSays], at: datetime) -> Iterator[datetime]:
        """When the law around the place may change."""
        validities: dict[Validity, None] = {}
        for says in zones:
            validities[says.zone.validity] = None
            validities.update(dict.fromkeys(entry.permit.validity for entry in says.permits))
        return changes(list(validities), at, self.site.timezone, self.site.holidays)

    def nearest(self, at: datetime, *, only_open: bool) -> Near | None:
        """The nearest zone of the kinds that the rule names distances to, of those that permit now if `only_open`."""
        zones = self.site.zones
        kinds = self.rule.nearest or tuple(self.rule.grants)
        role = law_map(self.site).law(self.rule, at, at).role.tolist()
        rows = [
            row
            for row, zone in enumerate(zones.zones)
            if zone.kind in kinds and (not only_open or role[row] == Role.GRANTS)
        ]
        if not rows:
            return None
        here = shapely.Point(*zones.to_plane([(self.lon_deg, self.lat_deg)])[0].tolist())
        gaps_m = np.array([zones.shapes[row].distance(here) for row in rows])
        best = int(gaps_m.argmin())
        return Near(zones.zones[rows[best]], float(gaps_m[best])) if gaps_m[best] <= NEAREST_M else None

    def _standing(self, validity: Validity, at: datetime) -> Standing:
        return validity.standing(at, self.site.timezone, self.site.holidays)


def made_up_track(rule: Rule, at: datetime) -> Track:
    """A thing that the rule speaks of and that no look-alike known without a map excuses, seen once at `at`."""
    excused = {cue for entry in rule.exemptions if entry.when == "always" for cue in entry.cues}
    cue = next((cue for cue in rule.cues if cue not in excused), None)
    beside: list[str] = []
    if cue is None and rule.groups:
        group = rule.groups[0]
        cue, beside = group.lead[0], [cues[0] for cues in group.with_any]
    if cue is None:
        raise InputError(f"rule {rule.rule_id} excuses all its cues always; nothing of its kind can break it")
    companions = tuple(Companion(name, _BOX, 1.0, None) for name in beside)
    seen = Observation("-", 0, at, _BOX, 1.0, cue, None, 1280, 720, companions)
    return Track("explain/0/0", 0, 0, cue, (seen,), 1)
