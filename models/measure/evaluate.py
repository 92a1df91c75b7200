"""Measures a bundle as it will run: its own ONNX file, pre-processing and suppression, on pictures it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from detector.model.bundle import Bundle
from models.dataset import Problem, Sample
from models.measure.baseline import baseline_detector
from models.measure.detect import find_matches, measuring_detector
from models.measure.report import Evaluation
from models.measure.rows import measured_rows

Progress = Callable[[int, int], None]


def evaluate(
    bundle: Bundle,
    samples: Sequence[Sample],
    *,
    start_weights: Path | None = None,
    problems: Sequence[Problem] = (),
    threads: int = 1,
    on_progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Measure every cue on every (source, split) where people labelled it, at the card's thresholds.

    Only pictures count in which the cue was reviewed; a cue without any box there has no row.

    Args:
        bundle: A checked bundle.
        samples: Pictures with labels.
        start_weights: Measured on the same pictures, for the cues they know; ``.pt`` or ``.onnx``.
        problems: What the reader of the pictures found wrong, to be told with the rest.
        threads: The network's CPU budget.
        on_progress: Called with (pictures done, pictures in all); a second round is the start weights'.

    Raises:
        BundleError: its network cannot be run.
        DatasetError: a picture does not decode.
        CheckpointError: the start weights cannot be used.
        TrainExtraMissing: start weights in a ``.pt`` file, and torch or ultralytics is not installed.
    """
    start = baseline_detector(bundle, start_weights, threads=threads) if start_weights else None
    matches = find_matches(measuring_detector(bundle, threads), samples, on_progress=on_progress)
    beside = find_matches(start, samples, on_progress=on_progress) if start else []
    thresholds = {cue.name: cue.min_confidence for cue in bundle.card.cues}
    labelled = tuple(sorted({cue for sample in samples for cue in sample.reviewed}))
    rows = measured_rows(matches, thresholds, beside)
    name = start_weights.name if start_weights else None
    return Evaluation(bundle, labelled, tuple(rows), tuple(problems), name, tuple(matches))
