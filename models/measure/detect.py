"""Runs a detector over labelled pictures and notes what hit, picture by picture.

Everything after this step is arithmetic on the notes: thresholds, curves and intervals need no second run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.model.bundle import Bundle
from detector.model.session import OnnxSession
from detector.model.yolo import Detector
from models.dataset import Sample
from models.errors import DatasetError
from models.measure.matching import match

LOWEST_CONFIDENCE = 0.001
MOST_PER_CUE = 300
"""Detections of one cue that count in one picture."""
_MOST_IN_ALL = 3000  # the card's own bound: cues must not take each other's places in the list


@dataclass(frozen=True)
class PictureMatches:
    """One cue in one picture.

    Attributes:
        image: The picture.
        place: Where it was taken; empty when nobody knows.
        found_xyxy: (N, 4) px, best first. confidence: (N,), falling. hits: (N, 10), see ``matching.match``.
        wanted_xyxy: (M, 4) px, the labelled boxes.
    """

    image: Path
    place: str
    found_xyxy: NDArray[np.float32] = field(repr=False)
    confidence: NDArray[np.float32] = field(repr=False)
    hits: NDArray[np.bool_] = field(repr=False)
    wanted_xyxy: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True)
class Matches:
    """One cue over the pictures of one split of one source in which it was reviewed."""

    cue: str
    source: str
    split: str
    pictures: tuple[PictureMatches, ...]

    @property
    def boxes(self) -> int:
        """Labelled boxes in all pictures."""
        return sum(len(picture.wanted_xyxy) for picture in self.pictures)


def measuring_detector(bundle: Bundle, threads: int = 1) -> Detector:
    """The bundle's detector with every threshold near zero, since average precision needs the faint boxes too."""
    cues = tuple(cue.model_copy(update={"min_confidence": LOWEST_CONFIDENCE}) for cue in bundle.card.cues)
    model = bundle.card.model.model_copy(update={"max_detections": _MOST_IN_ALL})
    card = bundle.card.model_copy(update={"cues": cues, "model": model})
    return Detector(replace(bundle, card=card), OnnxSession(bundle.model, threads=threads))


def find_matches(
    detector: Detector,
    samples: Sequence[Sample],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Matches]:
    """Run the detector over every picture in which one of its cues was reviewed.

    Args:
        detector: See :func:`measuring_detector`.
        samples: Pictures with labels; a reviewed cue's boxes are the whole truth of the picture.
        on_progress: Called with (pictures done, pictures in all).

    Returns:
        One ``Matches`` per cue, source and split, sorted.

    Raises:
        DatasetError: a picture does not decode; the readers of ``models.dataset`` let no such picture through.
    """
    found: dict[tuple[str, str, str], list[PictureMatches]] = {}
    wanted = [sample for sample in samples if sample.reviewed & set(detector.cue_names)]
    for done, sample in enumerate(wanted, start=1):
        image: Any = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
        if image is None:
            raise DatasetError(f"cannot read {sample.image}: it does not decode")
        for cue, matches in _compare(detector, image, sample).items():
            found.setdefault((sample.source, sample.split, cue), []).append(matches)
        on_progress(done, len(wanted))
    return [Matches(cue, source, split, tuple(found[source, split, cue])) for source, split, cue in sorted(found)]


def _compare(detector: Detector, image: Any, sample: Sample) -> dict[str, PictureMatches]:
    height_px, width_px = image.shape[:2]
    detections = detector.detect(image)
    results: dict[str, PictureMatches] = {}
    for index, cue in enumerate(detector.cue_names):
        if cue not in sample.reviewed:
            continue
        rows = np.flatnonzero(detections.cue == index)[:MOST_PER_CUE]
        xyxy, confidence = detections.xyxy[rows], detections.confidence[rows]
        corners = [
            (b.cx - b.w / 2, b.cy - b.h / 2, b.cx + b.w / 2, b.cy + b.h / 2) for b in sample.boxes if b.cue == cue
        ]
        scale = np.array([width_px, height_px, width_px, height_px], np.float32)
        truth = np.array(corners, np.float32).reshape(-1, 4) * scale
        results[cue] = PictureMatches(sample.image, sample.place, xyxy, confidence, match(xyxy, truth), truth)
    return results
