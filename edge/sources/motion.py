"""Did anything move before a camera that stands? Told from the brightness alone, cheaply enough for every picture.

The luma plane of the decoded picture (Y of YUV, there before any conversion to BGR) is thinned and averaged over
coarse cells. A cell has changed when its mean is off from what it lately was; a change of the whole picture at once
(a cloud, the exposure) is taken out first. The reference follows within about a second, by time and not by pictures, so
a slow walker adds up in it until he is told, and a thing that was put down is told for a moment and then belongs to
the scene.

On a vehicle everything moves, and the share means nothing.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

COLUMNS: Final = 64
"""Cells across the picture: 30 px wide at 1080p, less than half of a bicycle at 20 m."""
SAMPLES: Final = 5
"""Pixels taken along each side of a cell: 25 in all make sensor noise five times smaller."""
CHANGED_LEVELS: Final = 8.0
"""Of 255, by which a cell's mean must be off. Noise of a night picture (8 per pixel) stays five sigma below."""
FOLLOW_S: Final = 1.0
"""Time constant with which the reference follows the picture."""


class MotionMeter:
    """Tells for every picture of one camera how much of it moved. Not thread-safe; one for each camera."""

    def __init__(self) -> None:
        self._reference: NDArray[np.float32] | None = None
        self._at_s = 0.0

    def update(self, luma: NDArray[np.uint8], at_s: float) -> float:
        """Share of the picture's cells that changed, 0 to 1; 1 for the first picture and after a change of shape.

        Args:
            luma: (H, W) uint8, any strides; a view into the decoder's own buffer will do, nothing is kept of it.
            at_s: when it was taken, seconds on a clock that never goes back.
        """
        cells = coarse_cells(luma)
        reference, seconds = self._reference, at_s - self._at_s
        self._at_s = at_s
        if reference is None or reference.shape != cells.shape:
            self._reference = cells
            return 1.0
        off = cells - reference
        reference += off * np.float32(-math.expm1(-max(0.0, seconds) / FOLLOW_S))
        # The middle one, not `np.median`, which takes longer than all the rest.
        whole = np.partition(off.ravel(), off.size // 2)[off.size // 2]
        return float(np.count_nonzero(np.abs(off - whole) > CHANGED_LEVELS) / off.size)


def coarse_cells(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean brightness of square cells, float32 (rows, columns), `COLUMNS` across where the picture is wide enough.

    What is left over at the right and lower edge, less than a cell, is not looked at.
    """
    height_px, width_px = luma.shape
    cell_px = max(1, min(width_px // COLUMNS, height_px))
    step_px = max(1, cell_px // SAMPLES)
    samples = max(1, cell_px // step_px)
    rows, columns = height_px // (samples * step_px), width_px // (samples * step_px)
    thin = np.ascontiguousarray(luma[: rows * samples * step_px : step_px, : columns * samples * step_px : step_px])
    down = thin.reshape(rows, samples, columns * samples).sum(axis=1, dtype=np.uint32).reshape(rows, columns, samples)
    # Adding whole slices is five times as fast as a sum over so short an axis.
    across = down[:, :, 0].copy()
    for i in range(1, samples):
        across += down[:, :, i]
    return across.astype(np.float32) / np.float32(samples * samples)
