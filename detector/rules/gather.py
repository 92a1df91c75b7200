"""Verdicts on all tracks of a stretch: single ones, then what belongs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detector.geo.camera import ObservedBy
from detector.geo.localise import Unplaced
from detector.hit import Hit, Place, SeenBefore
from detector.rules.capacity import over_capacity
from detector.rules.claims import free_pitches
from detector.rules.distinct import ABSENT_S
from detector.rules.judge import NOTHING_EARLIER, NOTHING_SHOWN, judge_all
from detector.rules.looks import PERSON, companion_ids
from detector.rules.rows import gather_hits
from detector.site.model import Site
from detector.tracks import Track
from detector.vocabulary import Kind


def judge_tracks(
    tracks: Sequence[Track],
    places: Mapping[str, Place | Unplaced | None],
    site: Site,
    observed_by: ObservedBy,
    *,
    earlier: Mapping[str, SeenBefore] = NOTHING_EARLIER,
    shown: Mapping[str, Mapping[str, bool]] = NOTHING_SHOWN,
) -> tuple[Hit, ...]:
    """Verdicts on all tracks of one pass (or one stretch of a standing camera), in the order of their ordinals.

    Besides `judge` on each track: the rider of a bike and the seller at a stall are no passers-by; a bay, pitch or
    market that holds more than it may is one hit for those too many; umbrella, table and cart side by side are one
    stall; a pitch for one stall that has its stall leaves less room for the next; a row of bikes or stalls is one hit
    with its count.

    Args:
        places: by track id; a track that is not in it has no place.
        earlier: by track id, what the box remembers of the thing from earlier passes.
        shown: by track id, what the picture itself shows of the lines of zones; see `judge`.
    """
    ordered = sorted(tracks, key=lambda track: track.ordinal)
    judged = judge_all(ordered, places, site, observed_by, earlier=earlier, shown=shown)
    hits = _without_attached_people([hit for hit in judged if hit is not None])
    linger_s = 0.0 if observed_by == "fixed" else ABSENT_S
    free = free_pitches(hits, site, linger_s)
    if free:
        claiming = [hit.track for hit in hits if hit.track.track_id in free]
        again = judge_all(claiming, places, site, observed_by, earlier=earlier, shown=shown, free=free)
        told = {hit.track.track_id: hit for hit in again if hit is not None}
        hits = [told.get(hit.track.track_id, hit) for hit in hits]
    hits, gathered = over_capacity(hits, site, linger_s)
    for kind in Kind:
        gathered += gather_hits([hit for hit in hits if hit.kind is kind], site.rules[kind].gather, linger_s)
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
