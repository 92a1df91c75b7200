"""What stands together: parts that make one stall, bikes and stalls that make one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.geo.plane import LocalPlane
from detector.hit import Hit
from detector.rules.distinct import Thing, most_at_once, things
from detector.rules.looks import PERSON, companion_ids
from detector.site.rulebook import Gather
from detector.vocabulary import Outcome

WHOLE_STALLS = ("stall", "cart", "tricycle")
"""One of these is a stall by itself; umbrellas, tables and goods are parts of one."""


def gather_hits(hits: Sequence[Hit], gather: Gather | None, linger_s: float) -> list[Hit]:
    """Violations, and unsure hits, that stand together become one hit each with a count; the rest stays as it is.

    Args:
        linger_s: see `detector.rules.distinct.most_at_once`.
    """
    if gather is None:
        return list(hits)
    kept = [hit for hit in hits if hit.outcome is Outcome.ALLOWED or hit.place is None]
    for outcome in (Outcome.VIOLATION, Outcome.UNSURE):
        placed = [hit for hit in hits if hit.outcome is outcome and hit.place is not None]
        kept += [joined(row, linger_s) for row in _rows(placed, gather)]
    return kept


def single_things(hits: Sequence[Hit], gather: Gather | None) -> list[Thing]:
    """Hits of one kind as single things: bikes, or stalls with all their parts."""
    if gather is None or gather.gather_as == "row":
        return things(hits)
    return [stall for cluster in _clusters(hits, gather) for stall in _stalls(cluster)]


def joined(row: Sequence[Thing], linger_s: float) -> Hit:
    """One hit for things that stand together: the most telling one speaks for all, and all tracks are members."""
    hits = sorted((hit for thing in row for hit in thing), key=lambda hit: hit.track.ordinal)
    lead = max(hits, key=lambda hit: (hit.probability, hit.track.frame_count, -hit.track.ordinal))
    zones = tuple(dict.fromkeys(zone for hit in (lead, *hits) for zone in hit.zone_ids))
    members = tuple(hit.track.track_id for hit in hits)
    return replace(lead, count=len(most_at_once(row, linger_s)), member_track_ids=members, zone_ids=zones)


def _rows(hits: Sequence[Hit], gather: Gather) -> list[list[Thing]]:
    """Things in rows: chains of neighbours."""
    single = single_things(hits, gather)
    within_m = gather.within_m if gather.gather_as == "row" else gather.row_within_m
    if within_m is None:
        return [[thing] for thing in single]
    flat = [hit for thing in single for hit in thing]
    thing_of = np.repeat(np.arange(len(single)), [len(thing) for thing in single])
    rows, columns = np.nonzero(_near(flat, within_m, gather.gap_s))
    linked = np.zeros((len(single), len(single)), np.bool_)
    linked[thing_of[rows], thing_of[columns]] = True
    return [[single[index] for index in chain] for chain in _chains(linked)]


def _clusters(hits: Sequence[Hit], gather: Gather) -> list[list[Hit]]:
    """Parts that stand together: near each other, or seen beside each other; each cluster in the order of `hits`."""
    linked = _near(hits, gather.within_m, gather.gap_s)
    for row, hit in enumerate(hits):
        beside = companion_ids(hit.track)
        for column, other in enumerate(hits):
            if other.track.track_id in beside:
                linked[row, column] = linked[column, row] = True
    return [[hits[index] for index in chain] for chain in _chains(linked)]


def _chains(linked: NDArray[np.bool_]) -> list[list[int]]:
    """Single linkage: the connected parts of a symmetric bool (N, N), each ascending, by their smallest index."""
    left = list(range(len(linked)))
    chains: list[list[int]] = []
    while left:
        chain, reached = {left[0]}, [left[0]]
        while reached:
            near = [row for row in left if row not in chain and linked[reached[-1], row]]
            reached = reached[:-1] + near
            chain.update(near)
        left = [row for row in left if row not in chain]
        chains.append(sorted(chain))
    return chains


def _near(hits: Sequence[Hit], within_m: float, gap_s: float) -> NDArray[np.bool_]:
    """Which hits are neighbours in place and time, bool (N, N)."""
    first = np.array([hit.track.first_seen_at.timestamp() for hit in hits])
    last = np.array([hit.track.last_seen_at.timestamp() for hit in hits])
    between_s = np.maximum(first[:, None], first) - np.minimum(last[:, None], last)
    return np.asarray((distances_m(hits) <= within_m) & (between_s <= gap_s), np.bool_)


def distances_m(hits: Sequence[Hit]) -> NDArray[np.float64]:
    """Metres between the places of hits (N, N); infinite where one has none."""
    metres = np.full((len(hits), 2), np.nan)
    placed = [row for row, hit in enumerate(hits) if hit.place is not None]
    places = [hit.place for hit in hits if hit.place is not None]
    if places:
        plane = LocalPlane(places[0].lon_deg, places[0].lat_deg)
        metres[placed] = plane.east_north_m([(place.lon_deg, place.lat_deg) for place in places])
    apart = np.hypot(*(metres[:, None] - metres[None, :]).transpose(2, 0, 1))
    return np.where(np.isnan(apart), np.inf, apart)


def _stalls(cluster: Sequence[Hit]) -> list[Thing]:
    """Parts that stand together as stalls: each part goes to the stall it is seen beside, else to the nearest."""
    leads = _leads(cluster)
    if len(leads) < 2:
        return [tuple(sorted(cluster, key=lambda hit: hit.track.ordinal))]
    lead_of = {hit.track.track_id: index for index, lead in enumerate(leads) for hit in lead}
    stalls: list[list[Hit]] = [[] for _ in leads]
    apart_m = distances_m(cluster)
    for row, hit in enumerate(cluster):
        beside = companion_ids(hit.track)

        def strangeness(other: int, row: int = row, beside: frozenset[str] = beside) -> tuple[bool, float, int]:
            track = cluster[other].track
            return track.track_id not in beside, float(apart_m[row, other]), track.ordinal

        candidates = [i for i, other in enumerate(cluster) if other.track.track_id in lead_of]
        nearest = cluster[row if row in candidates else min(candidates, key=strangeness)]
        stalls[lead_of[nearest.track.track_id]].append(hit)
    return [tuple(sorted(stall, key=lambda hit: hit.track.ordinal)) for stall in stalls]


def _leads(cluster: Sequence[Hit]) -> list[Thing]:
    """What makes each stall of a cluster a stall of its own: whole stalls, else umbrellas with a seller of their own.

    Several cues of one stall (a stall on a tricycle) are not several stalls: the cue with the most things counts.
    """
    by_cue = [things([hit for hit in cluster if hit.track.cue == cue]) for cue in WHOLE_STALLS]
    most = max(by_cue, key=len)
    if most:
        return most
    leads: list[Thing] = []
    claimed: set[str] = set()
    for umbrella in things([hit for hit in cluster if hit.track.cue == "umbrella"]):
        sellers = frozenset[str]().union(*(companion_ids(hit.track, (PERSON,)) for hit in umbrella))
        if sellers - claimed:
            leads.append(umbrella)
            claimed |= sellers
    return leads
