"""Bays, pitches and markets that hold more than they may: those too many go to a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneKind
from detector.hit import Hit, Reason
from detector.rules.distinct import Thing, most_at_once
from detector.rules.rows import joined, single_things
from detector.rules.sentences import fill
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.vocabulary import Kind, Outcome, Text, vocabulary

COUNTED = frozenset({ZoneKind.BIKE_BAY, ZoneKind.VENDING_PITCH, ZoneKind.MARKET})
"""Kinds of zone that hold a number of things."""

_CLAIMED = Text(
    zh="“{zone}”可容{capacity}个摊点，现有{count}个：这个离中心约{far_m}米，最近的一个约{near_m}米",
    en="“{zone}” holds {capacity}, and {count} stalls claim it: this one about {far_m} m from its middle, "
    "the nearest about {near_m} m",
)


def over_capacity(hits: Sequence[Hit], site: Site, linger_s: float) -> tuple[list[Hit], list[Hit]]:
    """The hits that stay as they are, and one unsure hit for each zone that holds too many at one time.

    Counted are distinct things (`detector.rules.distinct`), for a moving camera over what it saw of the zone while it
    passed. Too many are, in a bay, the last to come; of stalls, those farthest from the middle.

    Args:
        linger_s: see `detector.rules.distinct.most_at_once`.
    """
    held: dict[tuple[str, Kind], list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit.outcome is Outcome.ALLOWED and hit.zone_ids and hit.place is not None:
            held[hit.zone_ids[0], hit.kind].append(hit)
    over: list[Hit] = []
    surplus: set[str] = set()
    for (zone_id, kind), members in held.items():
        zone = site.zones.zone(zone_id)
        if zone is None or zone.capacity is None or zone.kind not in COUNTED:
            continue
        hit = _too_many(zone, members, site.rules[kind], linger_s)
        if hit is not None:
            over.append(hit)
            surplus.update(hit.member_track_ids)
    return [hit for hit in hits if hit.track.track_id not in surplus], over


def _too_many(zone: Zone, members: Sequence[Hit], rule: Rule, linger_s: float) -> Hit | None:
    capacity = zone.capacity or 0
    together = most_at_once(single_things(members, rule.gather), linger_s)
    if len(together) <= capacity:
        return None
    if zone.kind is ZoneKind.BIKE_BAY:
        late = together[capacity:]
        reason = _bay_reason(zone, rule, late, len(together))
    else:
        by_middle = sorted(together, key=lambda thing: (_from_middle_m(zone, thing), thing[0].track.ordinal))
        late = by_middle[capacity:]
        reason = _claimed_reason(zone, by_middle)
    return replace(
        joined(late, linger_s),
        outcome=Outcome.UNSURE,
        probability=rule.unsure_min,
        look_alike=None,
        reasons=(reason,),
        count=len(late),
    )


def _bay_reason(zone: Zone, rule: Rule, late: Sequence[Thing], count: int) -> Reason:
    code = "over_capacity"
    fields = {"zone": zone.name, "capacity": str(zone.capacity), "count": str(count)}
    thing = vocabulary().cues[late[-1][-1].track.cue]
    return Reason(code, fill(rule.reasons.get(code, rule.reasons["unzoned"]), {"thing": thing, **fields}))


def _claimed_reason(zone: Zone, by_middle: Sequence[Thing]) -> Reason:
    far_m, near_m = (_from_middle_m(zone, by_middle[row]) for row in (-1, 0))
    fields: dict[str, str | Text] = {
        "zone": zone.name,
        "capacity": str(zone.capacity),
        "count": str(len(by_middle)),
        "far_m": f"{far_m:.1f}",
        "near_m": f"{near_m:.1f}",
    }
    return Reason("over_capacity", fill(_CLAIMED, fields))


def _from_middle_m(zone: Zone, thing: Thing) -> float:
    """Metres of a thing from the middle of a zone."""
    middle = zone.polygon.centroid
    places = [(hit.place.lon_deg, hit.place.lat_deg) for hit in thing if hit.place is not None]
    metres = LocalPlane(middle.x, middle.y).east_north_m(places)
    return float(np.hypot(*metres.mean(axis=0)))
