"""Made-up results: detections that are right or wrong by decree, for tests whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.measure.detect import Matches, PictureMatches
from models.measure.matching import IOUS


def picture(place: str, found: Sequence[tuple[float, bool]], boxes: int, image: Path | None = None) -> PictureMatches:
    """A picture with ``boxes`` labelled things and detections of (confidence, right at every IoU), best first."""
    side = np.array([0, 0, 10, 10], np.float32)
    return PictureMatches(
        image=image or Path(f"{place}.png"),
        place=place,
        found_xyxy=np.tile(side, (len(found), 1)),
        confidence=np.array([confidence for confidence, _ in found], np.float32),
        hits=np.repeat(np.array([[right] for _, right in found], bool).reshape(-1, 1), len(IOUS), axis=1),
        wanted_xyxy=np.tile(side, (boxes, 1)),
    )


def matches(*pictures: PictureMatches, cue: str = "signboard", source: str = "s", split: str = "test") -> Matches:
    """One cue over pictures."""
    return Matches(cue, source, split, pictures)
