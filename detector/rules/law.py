"""What the map says about a thing at a place and time: P(violation) with the position error marginalised.

The place is a cloud of points (`detector.geo.zones.cloud`). At each point the map gives one probability: that of the
zone which permits there and then (nearly 0), else the largest prior of the zones that forbid, else the prior of
unzoned ground. Their mean is P(violation | it is the thing).

Benefit of the doubt: when the best estimate lies in a zone that permits, the answer is the permit's, whatever the
error. A wider error therefore never raises P(violation) for a thing inside a permit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.geo.zones import Cloud, Membership, Near, Zone, ZoneKind, cloud
from detector.hit import Matrix2, Place
from detector.site.model import Site
from detector.site.rulebook import Rule

PERMITTED_PRIOR = 0.02
"""P(violation) where it is permitted, and outside everything patrolled: maps have mistakes too."""
NEAR_M = 60.0
"""A permitting zone this near is worth naming."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the map says.

    Attributes:
        probability: P(violation | it is the thing), position error marginalised.
        granted: the permitting zone that holds the best estimate, or the larger part of the error.
        forbids: zones that forbid, the most telling first.
        lapsed: zones that would permit at another time or with a permit in force.
        nearest: nearest zone of the kinds the rule names distances to.
        permit_ids: permits in force that `granted` stands on.
        silent: no zone speaks about the place, for this rule.
        outside: the place is outside the patrolled area.
        private: the place lies where nothing may be recorded.
    """

    probability: float
    granted: Zone | None
    forbids: tuple[Zone, ...]
    lapsed: tuple[Zone, ...]
    nearest: Near | None
    permit_ids: tuple[str, ...]
    silent: bool
    outside: bool
    private: bool


def rule_at(rule: Rule, place: Place, site: Site, first: datetime, last: datetime) -> Ruling:
    """What the site's map says of a thing of `rule` seen at `place` from `first` to `last`."""
    spot = cloud(place.lon_deg, place.lat_deg, total_cov_m2(place))
    found = site.zones.membership(spot)
    roles = [_role(zone, rule, site, first, last) for zone in found.zones]
    granting = _rows(roles, "grants")
    lapsed = _rows(roles, "lapsed")
    forbidding = _rows(roles, "forbids")
    within_reach = _near_shop(rule, site, spot)
    outside = not _in_patrol_area(site, spot)
    values = _values(rule, found, (granting, lapsed, forbidding), within_reach, outside)
    by_share: list[int] = np.argsort(-found.inside.sum(axis=1), kind="stable").tolist()
    granted = _granted(found, granting, by_share)
    probability = PERMITTED_PRIOR if bool(found.holds_centre[granting].any()) else float(values.mean())
    spoken = (found.inside[granting | lapsed | forbidding] & within_reach).any()
    return Ruling(
        probability=probability,
        granted=granted,
        forbids=_sorted_forbids(found, forbidding, rule),
        lapsed=tuple(found.zones[row] for row in by_share if lapsed[row]),
        nearest=site.zones.nearest(place.lon_deg, place.lat_deg, rule.nearest, NEAR_M),
        permit_ids=_permit_ids(granted, site, last),
        silent=not bool(spoken),
        outside=outside and not bool(spoken),
        private=bool(found.inside[_rows(roles, "private")].any(axis=0).mean() >= 0.5),
    )


def total_cov_m2(place: Place) -> Matrix2:
    """The whole position error: own and shared."""
    own, shared = place.cov_own_m2, place.cov_pass_m2
    return (
        (own[0][0] + shared[0][0], own[0][1] + shared[0][1]),
        (own[1][0] + shared[1][0], own[1][1] + shared[1][1]),
    )


def _rows(roles: list[str], wanted: str) -> NDArray[np.bool_]:
    return np.array([role == wanted for role in roles], np.bool_)


def _role(zone: Zone, rule: Rule, site: Site, first: datetime, last: datetime) -> str:
    """What a zone does for a rule. A permission counts when it holds at either end of the sighting."""
    if zone.kind in rule.grants:
        held = any(_grants(zone, rule, site, at) for at in (first, last))
        return "grants" if held else "lapsed"
    if not zone.validity.is_valid(last, site.timezone, site.holidays):
        return "none"
    if zone.kind is ZoneKind.PRIVACY_EXCLUSION:
        return "private"
    return "forbids" if zone.kind in rule.priors else "none"


def _grants(zone: Zone, rule: Rule, site: Site, at: datetime) -> bool:
    if not zone.validity.is_valid(at, site.timezone, site.holidays):
        return False
    return not rule.grants[zone.kind].needs_permit or bool(_permit_ids(zone, site, at))


def _permit_ids(zone: Zone | None, site: Site, at: datetime) -> tuple[str, ...]:
    """Permits of a zone that are in force."""
    if zone is None:
        return ()
    bound = site.permits_of.get(zone.zone_id, ())
    return tuple(p.permit_id for p in bound if p.validity.is_valid(at, site.timezone, site.holidays))


def _near_shop(rule: Rule, site: Site, spot: Cloud) -> NDArray[np.bool_]:
    """Which points the rule reaches: all, or those near a shop front."""
    if rule.shop_reach_m is None:
        return np.ones(len(spot.lon_lat_deg), np.bool_)
    _, gaps_m = site.zones.distances(spot, (ZoneKind.SHOP_FRONTAGE,), rule.shop_reach_m)
    return np.asarray((gaps_m <= rule.shop_reach_m).any(axis=0), np.bool_)


def _in_patrol_area(site: Site, spot: Cloud) -> bool:
    return site.patrol_area is not None and bool(shapely.contains_xy(site.patrol_area, *spot.centre))


def _values(
    rule: Rule,
    found: Membership,
    rows: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]],
    within_reach: NDArray[np.bool_],
    outside: bool,
) -> NDArray[np.float64]:
    """P(violation) at each point of the cloud."""
    granting, lapsed, forbidding = rows
    forbidden = np.zeros(len(within_reach))
    for row in np.flatnonzero(lapsed | forbidding).tolist():
        kind = found.zones[row].kind
        prior = rule.grants[kind].closed_prior if lapsed[row] else rule.priors[kind]
        forbidden = np.maximum(forbidden, found.inside[row] * prior)
    unzoned = PERMITTED_PRIOR if outside else rule.unzoned_prior
    values = np.where(forbidden > 0.0, forbidden, unzoned)
    values = np.where(within_reach, values, PERMITTED_PRIOR)
    return np.where(found.inside[granting].any(axis=0), PERMITTED_PRIOR, values)


def _granted(found: Membership, granting: NDArray[np.bool_], by_share: list[int]) -> Zone | None:
    for row in by_share:
        if granting[row] and (found.holds_centre[row] or found.inside[row].mean() >= 0.5):
            return found.zones[row]
    return None


def _sorted_forbids(found: Membership, forbidding: NDArray[np.bool_], rule: Rule) -> tuple[Zone, ...]:
    """Forbidding zones by prior times share."""
    shares = found.inside.mean(axis=1)
    rows: list[int] = np.flatnonzero(forbidding).tolist()
    rows.sort(key=lambda row: -rule.priors[found.zones[row].kind] * float(shares[row]))
    return tuple(found.zones[row] for row in rows)
