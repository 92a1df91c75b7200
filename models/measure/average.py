"""Average precision, and precision and recall at a threshold, for any weighting of the pictures.

A weighting says how often each picture counts: all ones is the measurement itself, a row of drawn counts is one
resample of the bootstrap. Sorting and matching are done once for all of them.

Average precision is COCO's (pycocotools ``COCOeval.accumulate``): the highest precision at or beyond each of 101
levels of recall, averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.measure.detect import PictureMatches
from models.measure.matching import IOUS

_LEVELS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, eq=False)
class Ranking:
    """All detections of one cue over a list of pictures, best first.

    Attributes:
        confidence: (N,), falling. hits: (N, 10). picture: (N,), index of the picture.
        boxes: (P,), labelled boxes of each picture.
    """

    confidence: NDArray[np.float32]
    hits: NDArray[np.bool_]
    picture: NDArray[np.int64]
    boxes: NDArray[np.int64]


def rank(pictures: tuple[PictureMatches, ...]) -> Ranking:
    """Sort the detections of all pictures by confidence; equals stay in the order of the pictures."""
    counts = [len(picture.confidence) for picture in pictures]
    confidence = np.concatenate([np.zeros(0, np.float32), *(picture.confidence for picture in pictures)])
    hits = np.concatenate([np.zeros((0, len(IOUS)), bool), *(picture.hits for picture in pictures)])
    order = np.argsort(-confidence, kind="stable")
    owner = np.repeat(np.arange(len(pictures)), counts)
    boxes = np.array([len(picture.wanted_xyxy) for picture in pictures], np.int64)
    return Ranking(confidence[order], hits[order], owner[order], boxes)


def average_precision(ranking: Ranking, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average precision at each IoU of ``IOUS``.

    Args:
        ranking: The detections.
        weights: (R, P), how often each picture counts in each of R measurements.

    Returns:
        (R, 10); not a number where a measurement holds no labelled box.
    """
    total = weights @ ranking.boxes
    result = np.zeros((len(weights), len(IOUS)))
    for column in range(len(IOUS)):
        result[:, column] = _average_precision(ranking, weights, total, column)
    result[total == 0] = np.nan
    return result


def precision_recall(
    ranking: Ranking, weights: NDArray[np.float64], min_confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall, each (R,), of the detections from ``min_confidence`` on, at IoU 0.5.

    Not a number where nothing was found (precision) or nothing was there (recall).
    """
    sure = ranking.confidence >= np.float32(min_confidence)
    size = len(ranking.boxes)
    found = weights @ np.bincount(ranking.picture[sure], minlength=size)
    true = weights @ np.bincount(ranking.picture[sure & ranking.hits[:, 0]], minlength=size)
    return _ratio(true, found), _ratio(true, weights @ ranking.boxes)


def _average_precision(
    ranking: Ranking, weights: NDArray[np.float64], total: NDArray[np.float64], column: int
) -> NDArray[np.float64]:
    # Precision is highest right after a hit, so only the hits are looked at: R x hits instead of R x detections.
    at = np.flatnonzero(ranking.hits[:, column])
    if not len(at):
        return np.zeros(len(weights))
    size, hits = len(ranking.boxes), len(at)
    step = np.searchsorted(at, np.arange(len(ranking.confidence)))  # the first hit at or after each detection
    found = np.zeros((size, hits + 1))
    np.add.at(found, (ranking.picture, step), 1.0)
    true = np.zeros((size, hits))
    true[ranking.picture[at], np.arange(hits)] = 1.0
    true_so_far = np.cumsum(weights @ true, axis=1)
    found_so_far = np.cumsum(weights @ found[:, :-1], axis=1)
    precision = np.divide(true_so_far, found_so_far, out=np.zeros_like(true_so_far), where=found_so_far > 0)
    best_beyond = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best_beyond = np.concatenate([best_beyond, np.zeros((len(weights), 1))], axis=1)
    recall = true_so_far / np.maximum(total, 1.0)[:, None]
    return np.array(
        [beyond[np.searchsorted(reached, _LEVELS)].mean() for beyond, reached in zip(best_beyond, recall, strict=True)]
    )


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
