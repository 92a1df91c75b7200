"""What the map says about a thing at a place and time: P(violation) with the position error marginalised.

The map is cut into faces over which the law is the same (`detector.rules.law_map`). With m_f the share of the position
error (own and shared) in face f, v_f the map's prior of a violation there and d_f how much likelier such a thing
stands on ground of this kind than on any other (`Rule.density`), Bayes gives ::

    P(violation | it is the thing, seen there) = sum_f m_f d_f v_f / sum_f m_f d_f

v_f is `Rule.granted_prior` where some zone permits there and then, else the largest prior of the zones that forbid,
else the prior of unzoned ground.

Benefit of the doubt: when the best estimate lies in a zone that permits, the answer is the permit's, whatever the
error. A wider error therefore never raises P(violation) for a thing inside a permit. More tolerance of a permit never
raises it anywhere: v is least where it permits, and d is at least that of the ground it takes the place of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from detector.geo.zones import Near, Zone, ZoneKind
from detector.hit import Matrix2, Place
from detector.rules.claims import with_free
from detector.rules.law_map import Role, law_map
from detector.rules.weigh import NOT_SHOWN, Question, Sums, weigh
from detector.site.model import Site
from detector.site.rulebook import Rule

NEAR_M = 60.0
"""A permitting zone this near is worth naming."""
SHARE_MIN = 0.002
"""A zone that holds less of the position error is not spoken of."""


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
    sums = [
        with_free(each, question.free, question.rule, site) if question.free else each
        for each, question in zip(weigh(law_map(site), questions), questions, strict=True)
    ]
    near = _nearest(questions, sums, site)
    return [
        _ruling(question, each, near.get(number), site)
        for number, (question, each) in enumerate(zip(questions, sums, strict=True))
    ]


def total_cov_m2(place: Place) -> Matrix2:
    """The whole position error: own and shared."""
    own, shared = place.cov_own_m2, place.cov_pass_m2
    return (
        (own[0][0] + shared[0][0], own[0][1] + shared[0][1]),
        (own[1][0] + shared[1][0], own[1][1] + shared[1][1]),
    )


def _ruling(question: Question, sums: Sums, nearest: Near | None, site: Site) -> Ruling:
    zones = site.zones.zones
    grants: list[Zone] = []
    lapsed: list[Zone] = []
    forbids: list[tuple[float, Zone]] = []
    inside = False
    for each in sums.zones:
        if each.share < SHARE_MIN and not each.inside:
            continue
        zone = zones[each.row]
        if each.role is Role.GRANTS:
            if each.inside and not inside:
                inside = True
                grants.insert(0, zone)
            else:
                grants.append(zone)
        elif each.role is Role.FORBIDS:
            forbids.append((-question.rule.priors[zone.kind] * each.share, zone))
        elif each.role is Role.LAPSED:
            lapsed.append(zone)
    if len(forbids) > 1:
        forbids.sort(key=_first)
    granted = grants[0] if inside or (grants and sums.granting >= 0.5) else None
    silent = sums.spoken < SHARE_MIN
    return Ruling(
        probability=sums.probability,
        granted=granted,
        inside=inside,
        grants=tuple(grants),
        forbids=tuple([zone for _, zone in forbids]),
        lapsed=tuple(lapsed),
        nearest=nearest,
        permit_ids=_permit_ids(granted, site, question.last) if granted else (),
        silent=silent,
        outside=silent and not sums.patrolled,
        private=sums.private >= 0.5,
    )


def _first(pair: tuple[float, Zone]) -> float:
    return pair[0]


def _permit_ids(zone: Zone, site: Site, at: datetime) -> tuple[str, ...]:
    """Permits of a zone that are in force."""
    bound = site.permits_of.get(zone.zone_id, ())
    return tuple(p.permit_id for p in bound if p.validity.is_valid(at, site.timezone, site.holidays))


def _nearest(questions: Sequence[Question], sums: Sequence[Sums], site: Site) -> dict[int, Near]:
    """The nearest zones worth a word, by the number of the question; only where something is held against it."""
    asked: dict[tuple[ZoneKind, ...], list[int]] = defaultdict(list)
    for number, (question, each) in enumerate(zip(questions, sums, strict=True)):
        if each.probability >= question.rule.unsure_min:
            asked[question.rule.nearest].append(number)
    near: dict[int, Near] = {}
    for kinds, numbers in asked.items():
        places = [questions[number].place for number in numbers]
        found = site.zones.nearest_of([(place.lon_deg, place.lat_deg) for place in places], kinds, NEAR_M)
        near.update({number: zone for number, zone in zip(numbers, found, strict=True) if zone is not None})
    return near
