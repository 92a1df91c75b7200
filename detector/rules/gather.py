"""Verdicts on all tracks of a stretch: single ones, then what belongs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import ObservedBy
from detector.geo.localise import Unplaced
from detector.geo.plane import LocalPlane
from detector.hit import Hit, Place, Reason, SeenBefore
from detector.rules.judge import NOTHING_EARLIER, fill, judge
from detector.rules.looks import PERSON, companion_ids
from detector.site.model import Site
from detector.site.rulebook import Gather, Rule
from detector.tracks import Track
from detector.vocabulary import Kind, Outcome, vocabulary

SAME_THING_M = 0.6
"""Two tracks never seen together and nearer than this are one thing that the tracker lost and found again."""


def judge_tracks(
    tracks: Sequence[Track],
    places: Mapping[str, Place | Unplaced | None],
    site: Site,
    observed_by: ObservedBy,
    *,
    earlier: Mapping[str, SeenBefore] = NOTHING_EARLIER,
) -> tuple[Hit, ...]:
    """Verdicts on all tracks of one pass (or one stretch of a standing camera), in the order of their ordinals.

    Besides `judge` on each track: the rider of a bike and the seller at a stall are no passers-by; a bay that holds
    more bikes than it may is one hit for those too many; a row of bikes is one hit with its count; umbrella, table
    and cart side by side are one stall.

    Args:
        places: by track id; a track that is not in it has no place.
        earlier: by track id, what the box remembers of the thing from earlier passes.
    """
    ordered = sorted(tracks, key=lambda track: track.ordinal)
    hits = [
        hit
        for track in ordered
        if (hit := judge(track, places.get(track.track_id), site, observed_by, earlier=earlier)) is not None
    ]
    hits = _without_attached_people(hits)
    hits = _over_capacity(hits, site)
    gathered: list[Hit] = []
    for kind in Kind:
        gathered += _gather([hit for hit in hits if hit.kind is kind], site.rules[kind])
    return tuple(sorted(gathered, key=lambda hit: hit.track.ordinal))


def _without_attached_people(hits: list[Hit]) -> list[Hit]:
    """Drops people who are part of another hit: riders and sellers are not passers-by."""
    attached: set[str] = set()
    for hit in hits:
        if hit.track.cue != PERSON and hit.look_alike not in ("passer_by", "moving_vehicle"):
            attached |= companion_ids(hit.track, (PERSON,)) if _has_people(hit) else set()
    return [hit for hit in hits if hit.track.cue != PERSON or hit.track.track_id not in attached]


def _has_people(hit: Hit) -> bool:
    return hit.look_alike == "ridden_bike" or hit.kind is Kind.STREET_STALL


def _over_capacity(hits: list[Hit], site: Site) -> list[Hit]:
    """One unsure hit for each bay with more bikes at one time than it holds; the last to come are those too many."""
    in_bay: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        if hit.look_alike == "bike_in_bay" and hit.zone_ids:
            in_bay[hit.zone_ids[0]].append(hit)
    for zone_id, members in in_bay.items():
        bay = site.zones.zone(zone_id)
        if bay is None or bay.capacity is None:
            continue
        together = _most_at_once(members)
        surplus = _distinct(together) - bay.capacity
        if surplus <= 0:
            continue
        late = sorted(together, key=lambda hit: (hit.track.first_seen_at, hit.track.ordinal))[-surplus:]
        rule = site.rules[late[-1].kind]
        count = {"zone": bay.name, "capacity": str(bay.capacity), "count": str(bay.capacity + surplus)}
        code = "over_capacity"
        sentence = rule.reasons.get(code, rule.reasons["unzoned"])
        reason = Reason(code, fill(sentence, {"thing": vocabulary().cues[late[-1].track.cue], **count}))
        over = replace(
            late[-1],
            outcome=Outcome.UNSURE,
            probability=rule.unsure_min,
            look_alike=None,
            reasons=(reason,),
            count=surplus,
            member_track_ids=tuple(hit.track.track_id for hit in late),
        )
        hits = [over if hit is late[-1] else hit for hit in hits if hit is late[-1] or hit not in late]
    return hits


def _most_at_once(hits: list[Hit]) -> list[Hit]:
    """The largest set of hits whose times share one moment."""
    moments = [hit.track.first_seen_at for hit in hits]
    sets = [[h for h in hits if h.track.first_seen_at <= at <= h.track.last_seen_at] for at in moments]
    return max(sets, key=len)


def _gather(hits: list[Hit], rule: Rule) -> list[Hit]:
    """Violations, and unsure hits, that stand together become one hit each; the rest stays as it is."""
    if rule.gather is None:
        return hits
    single = [h for h in hits if h.outcome is Outcome.ALLOWED or h.place is None or h.count > 1]
    for outcome in (Outcome.VIOLATION, Outcome.UNSURE):
        placed = [h for h in hits if h.outcome is outcome and h not in single]
        for cluster in _clusters(placed, rule.gather):
            single.append(_joined(cluster, rule.gather))
    return single


def _clusters(hits: list[Hit], gather: Gather) -> list[list[Hit]]:
    """Single linkage: chains of neighbours in place and time, each in the order of `hits`."""
    linked = _links(hits, gather)
    left = list(range(len(hits)))
    clusters: list[list[Hit]] = []
    while left:
        chain, reached = {left[0]}, [left[0]]
        while reached:
            near = [row for row in left if row not in chain and linked[reached[-1], row]]
            reached = reached[:-1] + near
            chain.update(near)
        left = [row for row in left if row not in chain]
        clusters.append([hits[row] for row in sorted(chain)])
    return clusters


def _links(hits: list[Hit], gather: Gather) -> NDArray[np.bool_]:
    """Which hits are neighbours, bool (N, N)."""
    places = [hit.place for hit in hits if hit.place is not None]
    if not places:
        return np.zeros((len(hits), len(hits)), np.bool_)
    plane = LocalPlane(places[0].lon_deg, places[0].lat_deg)
    metres = plane.east_north_m([(place.lon_deg, place.lat_deg) for place in places])
    apart_m = np.hypot(*(metres[:, None] - metres[None, :]).transpose(2, 0, 1))
    first = np.array([hit.track.first_seen_at.timestamp() for hit in hits])
    last = np.array([hit.track.last_seen_at.timestamp() for hit in hits])
    gap_s = np.maximum(first[:, None], first) - np.minimum(last[:, None], last)
    linked = np.asarray((apart_m <= gather.within_m) & (gap_s <= gather.gap_s), np.bool_)
    if gather.gather_as == "parts":
        beside = [companion_ids(hit.track) for hit in hits]
        linked |= np.array([[a.track.track_id in names for a in hits] for names in beside], np.bool_)
        linked |= linked.T
    return linked


def distance_m(a: Hit, b: Hit) -> float:
    """Metres between the places of two hits; infinite when one has none."""
    if a.place is None or b.place is None:
        return float("inf")
    plane = LocalPlane(a.place.lon_deg, a.place.lat_deg)
    return float(np.hypot(*plane.east_north_m((b.place.lon_deg, b.place.lat_deg))[0]))


def _joined(cluster: list[Hit], gather: Gather) -> Hit:
    lead = max(cluster, key=lambda hit: (hit.probability, hit.track.frame_count, -hit.track.ordinal))
    members = tuple(h.track.track_id for h in sorted(cluster, key=lambda h: h.track.ordinal))
    zones = tuple(dict.fromkeys(zone for hit in (lead, *cluster) for zone in hit.zone_ids))
    count = _distinct(cluster) if gather.gather_as == "row" else 1
    return replace(lead, count=count, member_track_ids=members, zone_ids=zones)


def _distinct(hits: Sequence[Hit]) -> int:
    """How many things the hits are: a track lost and found again is one."""
    kept: list[Hit] = []
    for hit in hits:
        same = any(
            distance_m(hit, other) < SAME_THING_M
            and hit.track.track_id not in other.track.seen_with
            and other.track.track_id not in hit.track.seen_with
            for other in kept
        )
        if not same:
            kept.append(hit)
    return len(kept)
