"""The confidence from which a learnt cue is reported, chosen on validation places only.

Rule: the lowest confidence at which at least 80 % of the reports are right. A wrong report costs a reviewer's time; a
miss mostly costs nothing, because the next frame shows the thing again; so precision is fixed first, and as much is
seen as that allows. Where no confidence reaches 80 %, the one with the best F1 is taken, and the card shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.measure.average import Ranking, precision_recall

MIN_PRECISION = 0.80
MIN_BOXES = 20
"""Fewer labelled boxes cannot choose: one box more or less would move the threshold."""
MIN_FOUND = 10
"""A precision over fewer detections than this is chance."""
_GRID = [step / 100 for step in range(10, 96)]


@dataclass(frozen=True)
class Choice:
    """A threshold, and why: ``precision`` (the rule was met) or ``f1`` (it could not be)."""

    min_confidence: float
    reason: Literal["precision", "f1"]


def choose_threshold(rankings: Sequence[Ranking]) -> Choice | None:
    """The threshold of one cue.

    Args:
        rankings: Its detections on the validation pictures, one entry per source. Sources are never pooled: each
            chooses, and the most careful choice holds for all.

    Returns:
        None when no source holds enough boxes.
    """
    choices = [_choose(ranking) for ranking in rankings if ranking.boxes.sum() >= MIN_BOXES]
    found = [choice for choice in choices if choice is not None]
    return max(found, key=lambda choice: choice.min_confidence, default=None)


def _choose(ranking: Ranking) -> Choice | None:
    everything = np.ones((1, len(ranking.boxes)))
    best, best_f1 = None, 0.0
    for min_confidence in _GRID:
        if int((ranking.confidence >= np.float32(min_confidence)).sum()) < MIN_FOUND:
            break
        precision, recall = (float(values[0]) for values in precision_recall(ranking, everything, min_confidence))
        if precision >= MIN_PRECISION:
            return Choice(min_confidence, "precision")
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        if f1 >= best_f1 and f1 > 0:
            best, best_f1 = Choice(min_confidence, "f1"), f1
    return best
