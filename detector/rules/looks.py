"""What the boxes alone tell: who rides, who sells, what belongs together. Pixels, no map."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from detector.site.rulebook import Group
from detector.tracks import Box, Companion, Observation, Track

PERSON = "person"
RIDDEN_SHARE = 0.5
"""A rider is there in at least this share of the observations; somebody walking past is not."""
RIDDEN_DRIFT = 0.6
"""And he keeps his place on the bike to within this part of its width; somebody walking past sweeps over it."""
SEAT_SHARE = 0.15
"""A rider's box reaches at least this part of the bike's height below its top: a saddle lies a tenth of it below
the handlebar on a bicycle, a third on a scooter, and where the bike hides his legs his box ends there."""
FEET_SHARE = 0.12
"""And ends no lower than this part of the height below the wheels: somebody nearer to the camera does."""
TOGETHER_SHARE = 0.4
"""Things belong together when seen side by side in this share of the observations."""
LOOKS = 3
"""Frames of one track resemble each other, so a track is worth at most this many independent looks."""


def cue_probability(track: Track) -> float:
    """P(the thing is what the model calls it), from the confidences of its better half.

    ``1 - (1 - c)^n`` with n independent looks, n the number of frames up to `LOOKS`.
    """
    confidences = sorted((seen.confidence for seen in track.observations), reverse=True)
    better = confidences[: (len(confidences) + 1) // 2]
    mean = sum(better) / len(better)
    return 1.0 - (1.0 - mean) ** min(track.frame_count, LOOKS)


def is_ridden(track: Track) -> bool:
    """Whether somebody sits or stands on this bike: riding, or a stopped cyclist astride it."""
    offsets = [offset for seen in track.observations if (offset := _rider_offset(seen)) is not None]
    if len(offsets) < RIDDEN_SHARE * len(track.observations):
        return False
    offsets.sort()
    return _quantile(offsets, 0.9) - _quantile(offsets, 0.1) <= RIDDEN_DRIFT


def _quantile(ordered: Sequence[float], share: float) -> float:
    """As `numpy.quantile`, which takes a hundred times longer on a handful of numbers."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def rides(person: Box, bike: Box) -> bool:
    """Whether a person box sits on a bike box.

    The head is above the bike, the box ends between the saddle and a little below the wheels (lower is somebody in
    front of it, nearer to the camera), and half the narrower of the two lies over the other from left to right.
    """
    height = bike[3] - bike[1]
    shared = min(person[2], bike[2]) - max(person[0], bike[0])
    return (
        shared >= 0.5 * min(person[2] - person[0], bike[2] - bike[0])
        and person[1] < bike[1] + 0.25 * height
        and bike[1] + SEAT_SHARE * height < person[3] <= bike[3] + FEET_SHARE * height
    )


def _rider_offset(seen: Observation) -> float | None:
    """Where the rider is along the bike, in bike widths from its middle; `None` without a rider."""
    width = seen.xyxy[2] - seen.xyxy[0]
    offsets = [
        (other.xyxy[0] + other.xyxy[2] - seen.xyxy[0] - seen.xyxy[2]) / (2.0 * width)
        for other in seen.companions
        if other.cue == PERSON and rides(other.xyxy, seen.xyxy)
    ]
    return min(offsets, key=abs) if offsets else None


def has_beside(track: Track, cues: Collection[str]) -> bool:
    """Whether one of these cues is beside the track in `TOGETHER_SHARE` of its observations."""
    hits = 0
    for seen in track.observations:
        for other in seen.companions:
            if other.cue in cues:
                hits += 1
                break
    return hits >= TOGETHER_SHARE * len(track.observations)


def group_of(track: Track, groups: tuple[Group, ...]) -> Group | None:
    """The first group that the track leads with all its other parts beside it."""
    for group in groups:
        if track.cue in group.lead and all(has_beside(track, cues) for cues in group.with_any):
            return group
    return None


def unattended_group(track: Track, groups: tuple[Group, ...]) -> Group | None:
    """The first group that lacks nothing but the person."""
    for group in groups:
        things = [cues for cues in group.with_any if PERSON not in cues]
        if (
            track.cue in group.lead
            and len(things) < len(group.with_any)
            and all(has_beside(track, cues) for cues in things)
        ):
            return group
    return None


def companion_ids(track: Track, cues: Collection[str] | None = None) -> frozenset[str]:
    """Tracks that stay beside this one in `TOGETHER_SHARE` of its observations, of some cues or of any."""
    counts: dict[str, int] = {}
    for seen in track.observations:
        for other in seen.companions:
            if _counts(other, cues) and other.track_id is not None:
                counts[other.track_id] = counts.get(other.track_id, 0) + 1
    return frozenset(name for name, count in counts.items() if count >= TOGETHER_SHARE * len(track.observations))


def _counts(other: Companion, cues: Collection[str] | None) -> bool:
    return cues is None or other.cue in cues
