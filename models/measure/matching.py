"""Which detection hits which labelled box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix

IOUS = np.linspace(0.5, 0.95, 10)
"""The overlaps that average precision is averaged over; column 0 is AP50."""


def match(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which detections hit a labelled box, (N, 10) by IoU threshold; see :func:`assign`."""
    return assign(found, wanted) >= 0


def assign(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.int64]:
    """The labelled box of each detection: in falling confidence each takes the free box it overlaps most.

    Args:
        found: (N, 4), best first. wanted: (M, 4). Corners in px.

    Returns:
        (N, 10), one column per IoU threshold of ``IOUS``: row in ``wanted``, or -1.
    """
    taken = np.full((len(found), len(IOUS)), -1, np.int64)
    if not len(wanted):
        return taken
    free = np.ones((len(wanted), len(IOUS)), bool)
    columns = np.arange(len(IOUS))
    for row, overlaps in enumerate(iou_matrix(found, wanted)):
        open_to_it = np.where(free, overlaps[:, None], 0.0)
        best = open_to_it.argmax(axis=0)
        hits = open_to_it[best, columns] >= IOUS
        taken[row, hits] = best[hits]
        free[best[hits], columns[hits]] = False
    return taken
