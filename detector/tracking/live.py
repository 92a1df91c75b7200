"""One track while it is being followed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.tracking.kalman import BoxFilter
from detector.tracking.standing import Standing
from detector.tracking.standstill import Standstill
from detector.tracks import Observation, Track

MAX_OBSERVATIONS = 64
MAX_SEEN_WITH = 512


class ThinnedObservations:
    """Keeps the first, the last and evenly thinned observations between: at most `MAX_OBSERVATIONS`."""

    def __init__(self) -> None:
        self._kept: list[Observation] = []
        self._last: Observation | None = None
        self._stride = 1
        self.count = 0

    def append(self, observation: Observation) -> None:
        """Take one in; every second one goes when the room is full, and from then on only every second comes in."""
        if self.count % self._stride == 0:
            self._kept.append(observation)
        self._last = observation
        self.count += 1
        if len(self._kept) >= MAX_OBSERVATIONS:
            self._kept = self._kept[::2]
            self._stride *= 2

    def all(self) -> tuple[Observation, ...]:
        """In time order."""
        last = self._last
        if last is None or self._kept[-1] is last:
            return tuple(self._kept)
        return (*self._kept, last)


@dataclass(slots=True, eq=False)
class LiveTrack:
    """A track that may still be seen again.

    Attributes:
        confirmed: seen often and surely enough to be reported.
        last_at_s: when it was last seen, on the source's clock.
        lost: it was not seen in the frame before this one.
        misses: frames looked at since it was last seen.
        looks: frames looked at since it was first seen, that one included.
        seen_at_look: how many they were when it was last seen.
        standing: its place, where a vehicle's motion is known.
        seen_with: ordinals seen in one frame with it; a dict because it keeps the order.
    """

    track_id: str
    ordinal: int
    scene: int
    box: BoxFilter
    standstill: Standstill
    last_at_s: float
    confirmed: bool = False
    lost: bool = False
    misses: int = 0
    looks: int = 0
    seen_at_look: int = 0
    standing: Standing | None = None
    observations: ThinnedObservations = field(default_factory=ThinnedObservations)
    confidence_by_cue: dict[int, float] = field(default_factory=dict[int, float])
    seen_with: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def hits(self) -> int:
        """In how many frames it was seen."""
        return self.observations.count

    @property
    def cue(self) -> int:
        """Cue index with the largest summed confidence, the lower index where two are equal."""
        return min(self.confidence_by_cue, key=lambda cue: (-self.confidence_by_cue[cue], cue))

    def see(self, xyxy: NDArray[np.float64], cue: int, confidence: float, at_s: float) -> None:
        """Take in the box (4,) px of this frame."""
        self.box.correct(xyxy)
        self.confidence_by_cue[cue] = self.confidence_by_cue.get(cue, 0.0) + confidence
        self.last_at_s = at_s
        self.lost = False
        self.misses = 0
        self.seen_at_look = self.looks

    def meet(self, other: LiveTrack) -> None:
        """Remember that `other` was seen in the same frame; the oldest meeting is forgotten when the room is full."""
        self.seen_with.setdefault(other.ordinal, other.track_id)
        if len(self.seen_with) > MAX_SEEN_WITH:
            del self.seen_with[next(iter(self.seen_with))]

    def finish(self, cue_names: tuple[str, ...]) -> Track:
        """The track as it is handed on."""
        return Track(
            track_id=self.track_id,
            ordinal=self.ordinal,
            scene=self.scene,
            cue=cue_names[self.cue],
            observations=self.observations.all(),
            frame_count=self.observations.count,
            seen_with=tuple(self.seen_with[ordinal] for ordinal in sorted(self.seen_with)),
            moving=self.standstill.moving(),
            look_count=self.seen_at_look,
        )
