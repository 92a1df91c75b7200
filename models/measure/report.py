"""The result of ``kerbwatch models evaluate`` as JSON: a shape that other programs may rely on.

.. code-block:: text

    schema          "kerbwatch-evaluation/1"; a field is added without a new number, none is renamed or taken away
    bundle          name, version, model_sha256, input {height_px, width_px}
    cues            labelled: cues that the data labels
                    measured: those that the bundle knows and of which there was a box
                    not_in_bundle, not_labelled: why the others have no figures
    interval        level, resamples, seed of the bootstrap
    start_weights   file name of the start weights that were measured beside the bundle, or null
    rows            one per cue, source and split:
                    cue, source, split, images, places (null: not known), boxes, min_confidence,
                    AP50, AP50-95, precision (null: nothing found), recall,
                    intervals {unit: place | picture, AP50 [low, high], AP50-95, precision, recall},
                    start_weights {AP50, AP50-95, precision, recall}, or null
    problems        file (below the data folder), line ("": the whole file), kind, detail, and effect: what was done
                    about it (models/dataset/problems.py lists kinds and effects)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from detector.model.bundle import Bundle
from models.dataset import Problem
from models.measure.bootstrap import LEVEL, RESAMPLES, SEED
from models.measure.detect import Matches
from models.measure.rows import CueMetrics, row_content

SCHEMA = "kerbwatch-evaluation/1"


@dataclass(frozen=True)
class Evaluation:
    """What was measured, on what, and what could not be."""

    bundle: Bundle
    labelled: tuple[str, ...]
    rows: tuple[CueMetrics, ...]
    problems: tuple[Problem, ...]
    start_weights: str | None = None
    matches: tuple[Matches, ...] = field(default=(), repr=False)

    @property
    def measured(self) -> tuple[str, ...]:
        """The bundle's cues that have a row."""
        found = {row.cue for row in self.rows}
        return tuple(cue for cue in self.bundle.cue_names if cue in found)

    @property
    def not_in_bundle(self) -> tuple[str, ...]:
        """Labelled cues that the bundle does not know."""
        return _without(self.labelled, self.bundle.cue_names)

    @property
    def not_labelled(self) -> tuple[str, ...]:
        """The bundle's cues that the data does not label."""
        return _without(self.bundle.cue_names, self.labelled)


def content(evaluation: Evaluation) -> dict[str, Any]:
    """The JSON content; see the module's text."""
    bundle = evaluation.bundle
    size = bundle.card.model.input
    return {
        "schema": SCHEMA,
        "bundle": {
            "name": bundle.card.name,
            "version": bundle.card.version,
            "model_sha256": bundle.model_sha256,
            "input": {"height_px": size.height_px, "width_px": size.width_px},
        },
        "cues": {
            "labelled": list(evaluation.labelled),
            "measured": list(evaluation.measured),
            "not_in_bundle": list(evaluation.not_in_bundle),
            "not_labelled": list(evaluation.not_labelled),
        },
        "interval": {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "start_weights": evaluation.start_weights,
        "rows": [row_content(row) for row in evaluation.rows],
        "problems": [
            {"file": fault.file, "line": fault.line, "kind": fault.kind, "detail": fault.detail, "effect": fault.effect}
            for fault in evaluation.problems
        ],
    }


def _without(cues: Iterable[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(cue for cue in cues if cue not in others)
