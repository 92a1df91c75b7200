"""Tracks made for tests: plain boxes at plain times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from detector.frame import Fix
from detector.tracks import Box, Companion, Observation, Track

MONDAY_10_LOCAL = datetime(2026, 5, 18, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai."""


def make_track(
    cue: str,
    boxes: Sequence[Box],
    *,
    ordinal: int = 0,
    start: datetime = MONDAY_10_LOCAL,
    step_s: float = 0.2,
    fixes: Sequence[Fix | None] | None = None,
    companions: Sequence[tuple[Companion, ...]] | None = None,
    size_px: tuple[int, int] = (640, 272),
    moving: bool = False,
    seen_with: tuple[str, ...] = (),
    confidence: float = 0.8,
) -> Track:
    """A track with one observation per box."""
    observations = tuple(
        Observation(
            frame_id=f"f:{index}",
            seq=index,
            captured_at=start + timedelta(seconds=step_s * index),
            xyxy=box,
            confidence=confidence,
            cue=cue,
            fix=fixes[index] if fixes else None,
            frame_width_px=size_px[0],
            frame_height_px=size_px[1],
            companions=companions[index] if companions else (),
        )
        for index, box in enumerate(boxes)
    )
    return Track(f"s/0/{ordinal}", ordinal, 0, cue, observations, len(observations), seen_with, moving)
