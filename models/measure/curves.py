"""Precision and recall of one cue as a picture: against each other, and over the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.measure.average import precision_recall, rank
from models.measure.detect import Matches
from models.measure.plotting import figure_file, label, plain

_STEPS = np.linspace(0.01, 0.99, 99)


def draw_curves(matches: Sequence[Matches], min_confidence: float, path: Path) -> None:
    """Write a PNG: left precision over recall, right both over the confidence, one colour per source and split.

    Args:
        matches: One cue on one or several sets of pictures; each is a line of its own, never pooled.
        min_confidence: The cue's threshold, marked in both.
        path: The file.

    Raises:
        TrainExtraMissing: matplotlib is not installed.
    """
    with figure_file(path, 900, 380) as figure:
        left, right = figure.subplots(1, 2)
        for index, each in enumerate(matches):
            _draw(left, right, each, f"C{index}", min_confidence)
        precision, recall = label("精度", "precision"), label("召回", "recall")
        left.set(xlabel=recall, ylabel=precision, xlim=(0, 1), ylim=(0, 1.02), title=matches[0].cue)
        right.axvline(min_confidence, color="0.5", linewidth=1)
        threshold = label("阈值", "threshold")
        right.set(xlabel=label("置信度", "confidence"), xlim=(0, 1), ylim=(0, 1.02))
        right.set(title=f"{threshold} {min_confidence:.2f}")
        right.plot([], [], color="0.2", label=precision)
        right.plot([], [], color="0.2", linestyle="--", label=recall)
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8, loc="lower left")


def _draw(left: Any, right: Any, matches: Matches, colour: str, min_confidence: float) -> None:
    ranking = rank(matches.pictures)
    once: NDArray[np.float64] = np.ones((1, len(ranking.boxes)))
    found = np.arange(1, len(ranking.confidence) + 1)
    true = np.cumsum(ranking.hits[:, 0])
    name = f"{plain(matches.source)} {matches.split} ({matches.boxes} boxes)"
    left.plot(true / max(matches.boxes, 1), true / found, color=colour, linewidth=1.2, label=name)
    at = [tuple(float(v[0]) for v in precision_recall(ranking, once, step)) for step in (*_STEPS, min_confidence)]
    precision, recall = (np.array(values) for values in zip(*at, strict=True))
    left.plot(recall[-1:], precision[-1:], color=colour, marker="o", markersize=5)
    right.plot(_STEPS, precision[:-1], color=colour, linewidth=1.2)
    right.plot(_STEPS, recall[:-1], color=colour, linewidth=1.2, linestyle="--")
