"""Whether a thing was there long enough to count, over this pass and what the box remembers of earlier ones.

A standing camera waits. One pass of a vehicle cannot: a stall seen twice, minutes apart, is evidence; seen once it may
be somebody who stopped for a moment. A vehicle or drone that stops and watches for as long as a standing camera would
have to has the same evidence as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import ceil
from typing import Final, Literal

from detector.geo.camera import ObservedBy
from detector.hit import SeenBefore
from detector.site.rulebook import Dwell
from detector.tracks import Track

PICTURES_PER_S: Final = 5.0
"""The pace of looking for which the rules' numbers of frames were written."""

Verdict = Literal["enough", "too_brief", "seen_once", "seen_too_soon"]
"""``too_brief`` is told in seconds; ``seen_once`` and ``seen_too_soon`` ask for another pass."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of a thing, this pass included.

    Attributes:
        first_seen_at, last_seen_at: UTC, of the earliest pass remembered and of this one.
        passes: how many passes, or stretches of a standing camera, saw it.
        verdict: whether that is what the rule asks for.
    """

    first_seen_at: datetime
    last_seen_at: datetime
    passes: int
    verdict: Verdict


def watched(dwell: Dwell, track: Track, earlier: SeenBefore | None, observed_by: ObservedBy) -> Watched:
    """What was seen of a track, and whether it is enough for a rule."""
    first = min(earlier.first_seen_at, track.first_seen_at) if earlier else track.first_seen_at
    passes = 1 + (earlier.passes if earlier else 0)
    since_s = (track.last_seen_at - first).total_seconds()
    return Watched(first, track.last_seen_at, passes, _verdict(dwell, track, since_s, passes, observed_by))


def _verdict(dwell: Dwell, track: Track, since_s: float, passes: int, observed_by: ObservedBy) -> Verdict:
    if observed_by == "fixed":
        return "enough" if since_s >= dwell.fixed_min_s else "too_brief"
    if not _seen_often(track, dwell.vehicle_min_observations):
        return "too_brief"
    stared = track.dwell_s >= max(dwell.fixed_min_s, dwell.vehicle_min_s)
    if stared or (passes >= dwell.min_passes and since_s >= dwell.vehicle_min_s):
        return "enough"
    if dwell.min_passes == 1:
        return "too_brief"
    return "seen_once" if passes == 1 else "seen_too_soon"


def _seen_often(track: Track, frames: int) -> bool:
    """Whether a track shows what so many frames show.

    Where looks are metres apart, fewer of them show as much: two or more over the time of so many pictures at
    `PICTURES_PER_S`, as long as the thing was found in half of the looks between.
    """
    if track.frame_count >= frames:
        return True
    lasted = track.dwell_s >= (frames - 1) / PICTURES_PER_S
    return (
        track.frame_count >= 2 and lasted and track.look_count is not None and track.look_count <= 2 * track.frame_count
    )


def fields(seen: Watched, dwell: Dwell, zone: tzinfo) -> dict[str, str]:
    """What the sentences on dwell may name: clock times in `zone`, the date with them when it is not the same day."""
    first, again = seen.first_seen_at.astimezone(zone), seen.last_seen_at.astimezone(zone)
    shape = "%H:%M" if first.date() == again.date() else "%Y-%m-%d %H:%M"
    enough = seen.verdict == "enough"
    return {
        "first_at": first.strftime(shape),
        "again_at": again.strftime(shape),
        "passes": str(seen.passes if enough else dwell.min_passes),
        "wait_min": str(ceil(dwell.vehicle_min_s / 60.0)),
    }
