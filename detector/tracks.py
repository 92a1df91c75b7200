"""One object over the frames of one source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from detector.frame import Fix

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels of the full frame."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The object in one frame."""

    frame_id: str
    seq: int
    captured_at: datetime
    xyxy: Box
    confidence: float
    cue: str
    fix: Fix | None
    frame_width_px: int
    frame_height_px: int
    companions: tuple[Companion, ...] = ()
    """Other boxes of the same frame that bear on the verdict (a rider on the bike, a table by the umbrella)."""


@dataclass(frozen=True, slots=True)
class Companion:
    """Another box seen in the same frame as an observation."""

    cue: str
    xyxy: Box
    confidence: float
    track_id: str | None


@dataclass(frozen=True, slots=True)
class Track:
    """One object over frames of one source.

    Attributes:
        track_id: deterministic within a patrol: ``{source}/{scene}/{ordinal}``.
        ordinal: order of first appearance within the source, from 0: the same input gives the same numbers. Things
            that were never confirmed leave gaps.
        scene: the scene (between hard cuts) in which it lives; a track never crosses scenes.
        cue: cue with the largest summed confidence.
        observations: in time order, thinned to a bound for long tracks; first and last always kept.
        frame_count: how many frames it was really seen in, before thinning.
        seen_with: track ids seen in one frame together with this one: they are other things.
        moving: it moves over the ground (ego-motion taken out), see `detector.tracking`.
        look_count: frames that were looked at from its first to its last; `None` when nobody counted.
    """

    track_id: str
    ordinal: int
    scene: int
    cue: str
    observations: tuple[Observation, ...]
    frame_count: int
    seen_with: tuple[str, ...] = ()
    moving: bool = False
    look_count: int | None = None

    @property
    def first_seen_at(self) -> datetime:
        """UTC time of the first observation."""
        return self.observations[0].captured_at

    @property
    def last_seen_at(self) -> datetime:
        """UTC time of the last observation."""
        return self.observations[-1].captured_at

    @property
    def dwell_s(self) -> float:
        """Seconds between first and last observation: by timestamps, never by frame counts."""
        return (self.last_seen_at - self.first_seen_at).total_seconds()
