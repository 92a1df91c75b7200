"""What the map says about a thing at a place and time: P(violation) with the position error marginalised.

The map is cut into faces over which the law is the same (`detector.rules.law_map`). With m_f the share of the position
error (own and shared) in face f, v_f the map's prior of a violation there and d_f how much likelier such a thing
stands on ground of this kind than on any other (`Rule.density`), Bayes gives ::

    P(violation | it is the thing, seen there) = sum_f m_f d_f v_f / sum_f m_f d_f

v_f is `PERMITTED_PRIOR` where some zone permits there and then, else the largest prior of the zones that forbid, else
the prior of unzoned ground.

Benefit of the doubt: when the best estimate lies in a zone that permits, the answer is the permit's, whatever the
error. A wider error therefore never raises P(violation) for a thing inside a permit. More tolerance of a permit never
raises it anywhere: v is least where it permits, and d is at least that of the ground it takes the place of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from detector.geo.plane import metres_per_degree
from detector.geo.zones import Near, Zone, ZoneKind
from detector.hit import Matrix2, Place
from detector.rules.law_map import PERMITTED_PRIOR, Ground, Law, LawMap, Role, law_map
from detector.site.model import Site
from detector.site.rulebook import Rule

NEAR_M = 60.0
"""A permitting zone this near is worth naming."""
SHARE_MIN = 0.002
"""A zone that holds less of the position error is not spoken of."""
NOT_SHOWN: Mapping[str, bool] = MappingProxyType({})
"""The picture shows no zone's line."""


@dataclass(frozen=True, slots=True)
class Question:
    """A thing of a rule, seen at a place from `first` to `last`.

    Attributes:
        shown: zone id -> whether the thing stands inside, for zones whose line the picture itself shows. There the
            picture decides, and the map only names the zone, its owner, hours and permits.
    """

    rule: Rule
    place: Place
    first: datetime
    last: datetime
    shown: Mapping[str, bool] = field(default_factory=lambda: NOT_SHOWN)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the map says.

    Attributes:
        probability: P(violation | it is the thing), position error marginalised.
        granted: the permitting zone that holds the best estimate, or that the thing most likely stands in.
        inside: `granted` holds the best estimate.
        grants: zones that permit and that it may stand in, the likeliest first.
        forbids: zones that forbid, the most telling first.
        lapsed: zones that would permit at another time or with a permit in force.
        nearest: nearest zone of the kinds the rule names distances to; `None` also when nothing is held against it.
        permit_ids: permits in force that `granted` stands on.
        silent: no zone speaks about the place, for this rule.
        outside: the place is outside the patrolled area.
        private: the place lies where nothing may be recorded.
    """

    probability: float
    granted: Zone | None
    inside: bool
    grants: tuple[Zone, ...]
    forbids: tuple[Zone, ...]
    lapsed: tuple[Zone, ...]
    nearest: Near | None
    permit_ids: tuple[str, ...]
    silent: bool
    outside: bool
    private: bool


def rule_at(
    rule: Rule, place: Place, site: Site, first: datetime, last: datetime, shown: Mapping[str, bool] = NOT_SHOWN
) -> Ruling:
    """What the site's map says of a thing of `rule` seen at `place` from `first` to `last`.

    `shown` is that of `Question`. Many at once go faster through `rulings`.
    """
    return rulings([Question(rule, place, first, last, shown)], site)[0]


def rulings(questions: Sequence[Question], site: Site) -> list[Ruling]:
    """What the site's map says to each question, all at once."""
    if not questions:
        return []
    lookup = law_map(site)
    lookup = law_map(site)
    places = list({id(q.place): q.place for q in questions}.values())
    row_of = {id(place): row for row, place in enumerate(places)}
    shares = lookup.faces.shares(*_on_plane(places, site))
    start, face, mass = shares.start.tolist(), shares.face.tolist(), shares.mass.tolist()
    centre = shares.centre.tolist()
    sums: list[_Sums] = []
    for question in questions:
        row = row_of[id(question.place)]
        rows = slice(start[row], start[row + 1])
        sums.append(_weigh(lookup, question, face[rows], mass[rows], centre[row]))
    near = _nearest(sums, site)
    return [_ruling(each, near.get(number), site) for number, each in enumerate(sums)]


def total_cov_m2(place: Place) -> Matrix2:
    """The whole position error: own and shared."""
    own, shared = place.cov_own_m2, place.cov_pass_m2
    return (
        (own[0][0] + shared[0][0], own[0][1] + shared[0][1]),
        (own[1][0] + shared[1][0], own[1][1] + shared[1][1]),
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """A question with what the faces around it add up to. `weighed` and `of_zone` are m_f d_f, others plain shares."""

    question: Question
    law: Law
    centre: Ground
    probability: float
    granting: float
    spoken: float
    private: float
    patrolled: bool
    of_zone: dict[int, float]


def _weigh(lookup: LawMap, question: Question, faces: list[int], masses: list[float], centre: int) -> _Sums:
    law = lookup.law(question.rule, question.first, question.last)
    weighed = against = granting = spoken = private = 0.0
    of_zone: dict[int, float] = {}
    held = _ground(lookup, law, question, centre)
    for face, mass in zip(faces, masses, strict=True):
        ground = held if face == centre else _ground(lookup, law, question, face)
        weight = mass * ground.density
        weighed += weight
        against += weight * ground.value
        granting += weight * ground.grants
        spoken += mass * ground.speaks
        private += mass * ground.private
        for zone in ground.zones:
            of_zone[zone] = of_zone.get(zone, 0.0) + weight
    return _Sums(
        question=question,
        law=law,
        centre=held,
        probability=PERMITTED_PRIOR if held.grants else against / weighed,
        granting=granting / weighed,
        spoken=spoken,
        private=private,
        patrolled=bool(lookup.patrolled[centre]),
        of_zone={zone: weight / weighed for zone, weight in of_zone.items()},
    )


def _ground(lookup: LawMap, law: Law, question: Question, face: int) -> Ground:
    if question.shown:
        return lookup.ground_shown(question.rule, law, face, question.shown)
    return lookup.ground(law, face)


def _ruling(sums: _Sums, nearest: Near | None, site: Site) -> Ruling:
    zones, role, rule = site.zones.zones, sums.law.role, sums.question.rule
    by_share = sorted(sums.of_zone, key=lambda row: (-sums.of_zone[row], row))
    told = [row for row in by_share if sums.of_zone[row] >= SHARE_MIN or row in sums.centre.zones]
    grants = [row for row in told if role[row] is Role.GRANTS]
    forbids = [row for row in sorted(told) if role[row] is Role.FORBIDS]
    forbids.sort(key=lambda row: -rule.priors[zones[row].kind] * sums.of_zone[row])
    held = [row for row in grants if row in sums.centre.zones]
    granted = zones[(held or grants)[0]] if held or (grants and sums.granting >= 0.5) else None
    silent = sums.spoken < SHARE_MIN and not sums.centre.speaks
    return Ruling(
        probability=sums.probability,
        granted=granted,
        inside=bool(held),
        grants=tuple(zones[row] for row in grants),
        forbids=tuple(zones[row] for row in forbids),
        lapsed=tuple(zones[row] for row in told if role[row] is Role.LAPSED),
        nearest=nearest,
        permit_ids=_permit_ids(granted, site, sums.question.last),
        silent=silent,
        outside=silent and not sums.patrolled,
        private=sums.private >= 0.5,
    )


def _permit_ids(zone: Zone | None, site: Site, at: datetime) -> tuple[str, ...]:
    """Permits of a zone that are in force."""
    if zone is None:
        return ()
    bound = site.permits_of.get(zone.zone_id, ())
    return tuple(p.permit_id for p in bound if p.validity.is_valid(at, site.timezone, site.holidays))


def _nearest(sums: list[_Sums], site: Site) -> dict[int, Near]:
    """The nearest zones worth a word, by the number of the question; only where something is held against it."""
    asked: dict[tuple[ZoneKind, ...], list[int]] = defaultdict(list)
    for number, each in enumerate(sums):
        if each.probability >= each.question.rule.unsure_min:
            asked[each.question.rule.nearest].append(number)
    near: dict[int, Near] = {}
    for kinds, numbers in asked.items():
        places = [sums[number].question.place for number in numbers]
        found = site.zones.nearest_of([(place.lon_deg, place.lat_deg) for place in places], kinds, NEAR_M)
        near.update({number: zone for number, zone in zip(numbers, found, strict=True) if zone is not None})
    return near


def _on_plane(places: Sequence[Place], site: Site) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best estimates (N, 2) and covariances (N, 2, 2) on the plane of the zones."""
    lon_lat = np.array([(place.lon_deg, place.lat_deg) for place in places])
    own = np.array([place.cov_own_m2 for place in places])
    cov_m2 = own + np.array([place.cov_pass_m2 for place in places])
    # That plane has one scale for the whole site, covariances have that of the place.
    stretch = site.zones.metres_per_degree / np.column_stack(metres_per_degree(lon_lat[:, 1]))
    return site.zones.to_plane(lon_lat), cov_m2 * stretch[:, :, None] * stretch[:, None, :]
