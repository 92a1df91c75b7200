"""Measures a bundle as it will run: its own ONNX file, pre-processing and suppression, on pictures it never saw.

Average precision is the trainer library's own (101 points); precision and recall are those at the cue's threshold in
the card, which is what a reviewer will meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from detector.model.bundle import Bundle, load_bundle
from detector.model.session import OnnxSession
from detector.model.signers import Trust
from detector.model.yolo import Detector
from models.dataset import Sample
from models.errors import DatasetError
from models.trainer_env import ultralytics

IOUS = np.linspace(0.5, 0.95, 10)
_LOWEST_CONFIDENCE = 0.001


@dataclass(frozen=True)
class CueMetrics:
    """How one cue did on one split of one source.

    ``places`` is what counts: fifty pictures of one street are one street. Precision and recall are at
    ``min_confidence``, IoU 0.5; precision is None when nothing was found.
    """

    cue: str
    source: str
    split: str
    images: int
    places: int
    boxes: int
    ap50: float
    ap50_95: float
    min_confidence: float
    precision: float | None
    recall: float


@dataclass(frozen=True)
class _Found:
    """Detections of one cue in one picture, best first, with their hits: bool (N, 10), one column per IoU of IOUS."""

    confidence: NDArray[np.float32]
    hits: NDArray[np.bool_]
    boxes: int


def evaluate(
    bundle_dir: Path,
    samples: Sequence[Sample],
    *,
    threads: int = 1,
    trust: Trust | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[CueMetrics]:
    """Measure every cue on every (source, split) where people labelled it.

    Only hand labels count, and only in pictures where the cue was reviewed; a cue without any box there is left out.

    Args:
        bundle_dir: The bundle.
        samples: Pictures with labels.
        threads: The network's CPU budget.
        trust: Whose bundles are loaded; None takes the shipped list alone.
        on_progress: Called with (pictures done, pictures in all).

    Raises:
        BundleError: the bundle is not whole.
        DatasetError: a picture cannot be read.
        TrainExtraMissing: torch or ultralytics is not installed.
    """
    ultralytics()
    bundle = load_bundle(bundle_dir, trust)
    thresholds = {cue.name: cue.min_confidence for cue in bundle.card.cues}
    detector = Detector(_without_thresholds(bundle), OnnxSession(bundle.model, threads=threads))
    found: dict[tuple[str, str, str], list[tuple[Sample, _Found]]] = {}
    for done, sample in enumerate(samples, start=1):
        for cue, result in _compare(detector, sample).items():
            found.setdefault((cue, sample.source, sample.split), []).append((sample, result))
        on_progress(done, len(samples))
    rows = [_metrics(key, results, thresholds[key[0]]) for key, results in found.items()]
    return sorted((row for row in rows if row.boxes), key=lambda row: (row.source, row.split, row.cue))


def _without_thresholds(bundle: Bundle) -> Bundle:
    """The same bundle with every threshold near zero: average precision needs the faint boxes too."""
    cues = tuple(cue.model_copy(update={"min_confidence": _LOWEST_CONFIDENCE}) for cue in bundle.card.cues)
    return replace(bundle, card=bundle.card.model_copy(update={"cues": cues}))


def _compare(detector: Detector, sample: Sample) -> dict[str, _Found]:
    image: Any = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"cannot read {sample.image}")
    height_px, width_px = image.shape[:2]
    detections = detector.detect(image)
    results: dict[str, _Found] = {}
    for index, cue in enumerate(detector.cue_names):
        if cue not in sample.reviewed:
            continue
        of_cue = detections.select(detections.cue == index)
        truth = [box for box in sample.boxes if box.cue == cue and box.origin == "hand"]
        corners = [(b.cx - b.w / 2, b.cy - b.h / 2, b.cx + b.w / 2, b.cy + b.h / 2) for b in truth]
        scale = np.array([width_px, height_px, width_px, height_px], np.float32)
        wanted = np.array(corners, np.float32).reshape(-1, 4) * scale
        results[cue] = _Found(of_cue.confidence, match(of_cue.xyxy, wanted), len(truth))
    return results


def match(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which detections hit a labelled box: in falling confidence each takes the free box it overlaps most.

    Args:
        found: (N, 4), best first. wanted: (M, 4). Corners in px.

    Returns:
        (N, 10), one column per IoU threshold of ``IOUS``.
    """
    hits = np.zeros((len(found), len(IOUS)), bool)
    if not len(wanted):
        return hits
    free = np.ones((len(wanted), len(IOUS)), bool)
    columns = np.arange(len(IOUS))
    for row, overlaps in enumerate(iou_matrix(found, wanted)):
        open_to_it = np.where(free, overlaps[:, None], 0.0)
        best = open_to_it.argmax(axis=0)
        hits[row] = open_to_it[best, columns] >= IOUS
        free[best[hits[row]], columns[hits[row]]] = False
    return hits


def _metrics(key: tuple[str, str, str], results: list[tuple[Sample, _Found]], min_confidence: float) -> CueMetrics:
    from ultralytics.utils.metrics import ap_per_class

    cue, source, split = key
    boxes = sum(found.boxes for _, found in results)
    hits = np.concatenate([found.hits for _, found in results])
    confidence = np.concatenate([found.confidence for _, found in results])
    ap = np.zeros(len(IOUS))
    if boxes and len(confidence):
        one_class = np.zeros(len(confidence)), np.zeros(boxes)
        ap = ap_per_class(hits, confidence, *one_class)[5][0]
    sure = confidence >= min_confidence
    true = int(hits[sure, 0].sum())
    return CueMetrics(
        cue=cue,
        source=source,
        split=split,
        images=len(results),
        places=len({sample.place for sample, _ in results}),
        boxes=boxes,
        ap50=round(float(ap[0]), 3),
        ap50_95=round(float(ap.mean()), 3),
        min_confidence=min_confidence,
        precision=round(true / int(sure.sum()), 3) if sure.any() else None,
        recall=round(true / boxes, 3) if boxes else 0.0,
    )
