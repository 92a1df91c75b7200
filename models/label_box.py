"""One labelled thing in one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelBox:
    """One labelled thing.

    ``cx, cy, w, h`` are fractions of the picture as people see it (YOLO order, EXIF orientation applied). ``origin`` is
    ``hand`` (a person drew it, or looked at it and let it stand) or ``teacher``; ``confidence`` is the teacher's, 1.0
    for a hand label. ``how`` tells hand labels apart: empty for the source's own, else the ``how`` of a correction
    (``teacher``, ``moved``, ``drawn``, ``source``; see ``models.dataset.corrections``).
    """

    cue: str
    cx: float
    cy: float
    w: float
    h: float
    origin: str
    confidence: float = 1.0
    how: str = ""
