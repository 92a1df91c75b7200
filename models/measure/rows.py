"""One row of figures per cue, source and split. Sources are never pooled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.measure.average import average_precision, precision_recall, rank
from models.measure.bootstrap import Interval, Unit, interval, resample, unit_of
from models.measure.detect import Matches


@dataclass(frozen=True)
class Scores:
    """Figures of one network on one set of pictures, 0..1, rounded to 0.001.

    ``ap50`` and ``ap50_95`` are COCO's average precision; ``precision`` (None when nothing was found) and ``recall``
    are those at the cue's threshold and IoU 0.5.
    """

    ap50: float
    ap50_95: float
    precision: float | None
    recall: float


@dataclass(frozen=True)
class Intervals:
    """95 % bootstrap intervals of the figures in ``Scores``; ``unit`` is what was drawn again."""

    unit: Unit
    ap50: Interval | None
    ap50_95: Interval | None
    precision: Interval | None
    recall: Interval | None


@dataclass(frozen=True)
class CueMetrics:
    """How one cue did on one split of one source.

    ``places`` is what counts: fifty pictures of one street are one street; None when the places are not known.
    ``start_weights`` are the start weights' figures on the same pictures, None for a cue they do not know.
    """

    cue: str
    source: str
    split: str
    images: int
    places: int | None
    boxes: int
    min_confidence: float
    scores: Scores
    intervals: Intervals
    start_weights: Scores | None = None


def measured_rows(
    matches: Iterable[Matches], thresholds: Mapping[str, float], start: Iterable[Matches] = ()
) -> list[CueMetrics]:
    """The rows of everything that holds at least one labelled box, by source, split and cue.

    Args:
        matches: What the bundle found.
        thresholds: Confidence by cue.
        start: What the start weights found on the same pictures.
    """
    of_start = {(each.source, each.split, each.cue): each for each in start}
    return [
        _row(each, thresholds[each.cue], of_start.get((each.source, each.split, each.cue)))
        for each in sorted(matches, key=lambda m: (m.source, m.split, m.cue))
        if each.boxes
    ]


def row_content(row: CueMetrics) -> dict[str, Any]:
    """A row as it stands in the card and in the JSON report (``models.measure.report`` tells the fields)."""
    return {
        "cue": row.cue,
        "source": row.source,
        "split": row.split,
        "images": row.images,
        "places": row.places,
        "boxes": row.boxes,
        "min_confidence": row.min_confidence,
        **_figures(row.scores),
        "intervals": {"unit": row.intervals.unit, **_figures(row.intervals)},
        "start_weights": None if row.start_weights is None else _figures(row.start_weights),
    }


def _figures(scores: Scores | Intervals) -> dict[str, Any]:
    figures = {
        "AP50": scores.ap50,
        "AP50-95": scores.ap50_95,
        "precision": scores.precision,
        "recall": scores.recall,
    }
    return {name: list(value) if isinstance(value, tuple) else value for name, value in figures.items()}


def _row(matches: Matches, min_confidence: float, start: Matches | None) -> CueMetrics:
    places = [picture.place for picture in matches.pictures]
    ranking = rank(matches.pictures)
    weights = resample(places)
    ap = average_precision(ranking, weights)
    precision, recall = precision_recall(ranking, weights, min_confidence)
    return CueMetrics(
        cue=matches.cue,
        source=matches.source,
        split=matches.split,
        images=len(matches.pictures),
        places=len(set(places)) if all(places) else None,
        boxes=matches.boxes,
        min_confidence=min_confidence,
        scores=_scores(matches, min_confidence),
        intervals=Intervals(
            unit_of(places), interval(ap[:, 0]), interval(ap.mean(axis=1)), interval(precision), interval(recall)
        ),
        start_weights=None if start is None else _scores(start, min_confidence),
    )


def _scores(matches: Matches, min_confidence: float) -> Scores:
    ranking = rank(matches.pictures)
    once: NDArray[np.float64] = np.ones((1, len(ranking.boxes)))
    (ap,) = average_precision(ranking, once)
    (precision,), (recall,) = precision_recall(ranking, once, min_confidence)
    found = bool(np.isfinite(precision))
    return Scores(
        ap50=round(float(ap[0]), 3),
        ap50_95=round(float(ap.mean()), 3),
        precision=round(float(precision), 3) if found else None,
        recall=round(float(recall), 3),
    )


def unmeasured(cues: Sequence[str], rows: Iterable[CueMetrics], seen_in_training: Iterable[str] = ()) -> list[str]:
    """The cues without a row on held-out places of a source that no training saw.

    Args:
        cues: All cues of the bundle.
        rows: What was measured.
        seen_in_training: Sources on which the network that gives a cue was trained: their rows do not count.
    """
    seen = set(seen_in_training)
    measured = {row.cue for row in rows if row.split == "test" and row.source not in seen}
    return [cue for cue in cues if cue not in measured]
