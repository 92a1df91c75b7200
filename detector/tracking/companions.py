"""The other boxes of a frame that bear on the verdict about one: a rider on a bike, a table by an umbrella."""

from __future__ import annotations

import numpy as np

from detector.boxes import intersections
from detector.detections import Detections
from detector.tracking.associate import grow
from detector.tracks import Box, Companion

NEAR_SIZES = 0.25
"""A box is near when it reaches into the subject grown by this part of its size on every side."""
MAX_COMPANIONS = 16


def companions(detections: Detections, index: int, track_ids: dict[int, str]) -> tuple[Companion, ...]:
    """Boxes that overlap or lie near box `index`, the largest overlap first, at most `MAX_COMPANIONS`.

    Args:
        detections: all boxes of the frame.
        index: the subject.
        track_ids: track id by index of the box, where it has one.
    """
    xyxy = detections.xyxy.astype(np.float64)
    subject = xyxy[index : index + 1]
    near = intersections(grow(subject, NEAR_SIZES), xyxy)[0]
    near[index] = 0.0
    others = np.flatnonzero(near > 0)
    order = others[np.lexsort((others, -near[others], -intersections(subject, xyxy)[0][others]))]
    return tuple(_companion(detections, i, track_ids.get(i)) for i in order[:MAX_COMPANIONS].tolist())


def _companion(detections: Detections, i: int, track_id: str | None) -> Companion:
    cue = detections.cue_names[int(detections.cue[i])]
    return Companion(cue, as_box(detections, i), float(detections.confidence[i]), track_id)


def as_box(detections: Detections, i: int) -> Box:
    """Box `i` as plain numbers."""
    left, top, right, bottom = (float(v) for v in detections.xyxy[i])
    return (left, top, right, bottom)
