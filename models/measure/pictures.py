"""The pictures of a card: curves and failures of every trained cue, and how the training went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from detector.model.yolo import Detector
from models.measure.curves import draw_curves
from models.measure.detect import Matches
from models.measure.failures import draw_failures, worst
from models.measure.training_curves import draw_training

TRAINING = "training.png"
_PATTERNS = ("curves-*.png", "failures-*.jpg", TRAINING)


def clear_pictures(folder: Path) -> None:
    """Take the pictures of an earlier measurement out of a bundle's folder."""
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            path.unlink()


def draw_pictures(
    folder: Path,
    matches: Iterable[Matches],
    thresholds: Mapping[str, float],
    *,
    may_show: Callable[[str], bool],
    people: Detector | None,
    results: Path | None,
) -> list[str]:
    """Draw everything there is to draw; returns the file names.

    Args:
        folder: Where the pictures go.
        matches: What was found, for the cues that are to be drawn.
        thresholds: Confidence by cue.
        may_show: Whether pictures of a source may be published: only these go on a sheet of failures.
        people: See :func:`models.measure.failures.draw_failures`.
        results: The trainer's ``results.csv``, if the run left one.

    Raises:
        TrainExtraMissing: matplotlib is not installed.
        DatasetError: ``results`` is not what the trainer writes.
    """
    by_cue: dict[str, list[Matches]] = {}
    for each in matches:
        if each.boxes:
            by_cue.setdefault(each.cue, []).append(each)
    names: list[str] = []
    for cue, of_cue in by_cue.items():
        names.append(f"curves-{cue}.png")
        draw_curves(of_cue, thresholds[cue], folder / names[-1])
        failures = [failure for each in _hardest(of_cue, may_show) for failure in worst(each, thresholds[cue])]
        if failures:
            names.append(f"failures-{cue}.jpg")
            draw_failures(failures, people, folder / names[-1])
    if results is not None:
        names.append(TRAINING)
        draw_training(results, folder / TRAINING)
    return names


def _hardest(of_cue: Sequence[Matches], may_show: Callable[[str], bool]) -> list[Matches]:
    """The test pictures that may be shown, else the validation pictures: the first such source alone, for one sheet."""
    shown = [each for each in of_cue if may_show(each.source)]
    return ([each for each in shown if each.split == "test"] or shown)[:1]
