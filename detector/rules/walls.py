"""What the map says of a sign on a wall: filed, forbidden there, or for a person to judge.

The ground under a wall says nothing of it: half of the position error lies in the house and half on the footway before
it. So only filings and no_signage zones count, by the share of the position error that lies in them. With m the share
in filings in force and d how much likelier a sign hangs where one is filed (`Rule.density` of sign_registry) ::

    P(filed) = d m / (d m + 1 - m),    P(violation) = P(filed) v_permitted + (1 - P(filed)) v_unfiled

v_unfiled is the prior of no_signage for the share that lies there, and `OnWalls.prior` for the rest. A filing that
holds the best estimate decides by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from detector.geo.zones import Membership, Near, Zone, ZoneKind, cloud
from detector.hit import Place
from detector.rules.law import total_cov_m2
from detector.site.model import Site
from detector.site.rulebook import Rule

WALL = "wall"
"""`Place.method` of a sign on a wall."""
NAMED_WITHIN_M = 2.0
"""A wall belongs to the shop or house this near: their outlines and the wall's differ by drawing."""
NEAR_M = 60.0
"""A filed sign this near is worth naming."""
_PRIVATE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class WallRuling:
    """What the map says of a sign on a wall.

    Attributes:
        probability: P(violation | it is a sign), position error marginalised.
        filed: the filing in force that most of the position error lies in, when there is one.
        lapsed: filings that hold it and are not in force.
        forbids: no_signage zones that may hold it.
        wall: the shop front or building whose wall it is.
        nearest: the nearest filed sign.
    """

    probability: float
    filed: Zone | None
    lapsed: tuple[Zone, ...]
    forbids: tuple[Zone, ...]
    wall: Zone | None
    nearest: Near | None


def wall_ruling(rule: Rule, place: Place, site: Site, first: datetime, last: datetime) -> WallRuling | None:
    """What the site's map says of a sign of `rule` on a wall, seen from `first` to `last`.

    `None` when the rule has no word for walls, or the place lies where nothing may be recorded.
    """
    if rule.on_walls is None:
        return None
    found = site.zones.membership(cloud(place.lon_deg, place.lat_deg, total_cov_m2(place)))

    def rows(kind: ZoneKind, *, at: Sequence[datetime], valid: bool = True) -> list[int]:
        return [
            row
            for row, zone in enumerate(found.zones)
            if zone.kind is kind
            and any(zone.validity.is_valid(when, site.timezone, site.holidays) for when in at) == valid
        ]

    if _share(found, rows(ZoneKind.PRIVACY_EXCLUSION, at=[last])).mean() >= _PRIVATE_SHARE:
        return None
    filings = rows(ZoneKind.SIGN_REGISTRY, at=[first, last])
    forbidding = rows(ZoneKind.NO_SIGNAGE, at=[last])
    in_filing, forbidden = _share(found, filings), _share(found, forbidding)
    share = float(in_filing.mean())
    density = rule.density_of(ZoneKind.SIGN_REGISTRY)
    p_filed = density * share / (density * share + 1.0 - share)
    unfiled = np.where(forbidden, rule.priors.get(ZoneKind.NO_SIGNAGE, rule.on_walls.prior), rule.on_walls.prior)
    # Of what is left when it is not the filed sign, only the error outside the filings counts.
    v_unfiled = float(unfiled[~in_filing].mean()) if share < 1.0 else rule.on_walls.prior
    held = [row for row in filings if found.holds_centre[row]]
    least = rule.granted_prior
    probability = least if held else p_filed * least + (1.0 - p_filed) * v_unfiled
    likeliest = sorted(held or filings, key=lambda row: -int(found.inside[row].sum()))
    return WallRuling(
        probability=probability,
        filed=found.zones[likeliest[0]] if likeliest and (held or p_filed >= _PRIVATE_SHARE) else None,
        lapsed=tuple(found.zones[row] for row in rows(ZoneKind.SIGN_REGISTRY, at=[first, last], valid=False)),
        forbids=tuple(found.zones[row] for row in forbidding),
        wall=_wall(place, site),
        nearest=site.zones.nearest(place.lon_deg, place.lat_deg, (ZoneKind.SIGN_REGISTRY,), NEAR_M),
    )


def _share(found: Membership, rows: Sequence[int]) -> NDArray[np.bool_]:
    """Which points of the position error lie in any of some zones."""
    return np.asarray(found.inside[np.array(rows, np.int64)].any(axis=0), np.bool_)


def _wall(place: Place, site: Site) -> Zone | None:
    for kind in (ZoneKind.SHOP_FRONTAGE, ZoneKind.BUILDING):
        near = site.zones.nearest(place.lon_deg, place.lat_deg, (kind,), NAMED_WITHIN_M)
        if near is not None:
            return near.zone
    return None
