"""A dirty, wet, fogged or covered lens, out of the pictures that are looked at anyway.

While the vehicle drives, every part of the picture shows something else from look to look. What stays is on the lens.
Over a window of looks each cell of a grid keeps how much coarse contrast and how much fine detail it ever showed (the
90th percentile of each):

- coarse contrast without fine detail: a drop or a smear; a blur wider than a few pixels lets the one through only;
- neither, dark, and always the same, though it was not before: something opaque;
- the first everywhere: fog, or grease all over.

Sky, road and long walls show neither and tell nothing; night pictures are left out. Clean pictures of five cameras have
a fine part of 0.11 of the coarse or more in 99 of 100 cells, blurred ones of 0.08 or less: benchmarks/alarms.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.frame import Image
from detector.vocabulary import Text

Array = NDArray[np.float32]
Kind = Literal["smeared", "covered", "fogged"]

_ROWS: Final = 9
_COLUMNS: Final = 16
_CELL_PX = 20
_BLOCK_PX = 4
_LOOKS_MIN: Final = 60
_LOOKS_MAX: Final = 120
_EVERY = 10
"""Looks between two judgements."""
_TWICE: Final = 2
"""Judgements in a row that must agree."""

_SPEED_MIN_M_S = 1.5
_DARK = 35.0
"""Grey level: a darker picture is of the night, and noise is all its detail."""
_COARSE_MIN = 4.0
"""Grey levels: cells that never showed more contrast tell nothing."""
_FINE_PART = 0.07
"""Of the coarse contrast: less is blurred."""
_STILL = 2.5
"""Grey levels, one standard deviation: the mean of an opaque cell varies by less."""
_ACTIVE_MIN = 0.2
"""Of the cells must tell something."""
_COVERED_DARK = 0.5
"""Of the picture's brightness."""
_SHARE_MIN = 0.013
_FOGGED_SHARE = 0.8

_WHERE_ROWS: Final = (Text("上", "top"), Text("中", "middle"), Text("下", "bottom"))
_WHERE_COLUMNS: Final = (Text("左", "left"), Text("中", "middle"), Text("右", "right"))


@dataclass(frozen=True, slots=True)
class LensFinding:
    """What lies on the lens. `share` of the picture, 0 to 1; `figure` for the alarm's text."""

    kind: Kind
    share: float
    figure: str


class LensWatch:
    """Watches one camera's looks; for one thread. It forgets when it is made anew."""

    def __init__(self) -> None:
        self._means: deque[Array] = deque(maxlen=_LOOKS_MAX)
        self._fine: deque[Array] = deque(maxlen=_LOOKS_MAX)
        self._coarse: deque[Array] = deque(maxlen=_LOOKS_MAX)
        self._since = 0
        self._agreed = 0
        self._was_active = np.zeros((_ROWS, _COLUMNS), bool)
        self._found: LensFinding | None = None

    def saw(self, image: Image, speed_m_s: float | None) -> LensFinding | None:
        """Take a look in; what lies on the lens as far as is known now.

        Args:
            image: BGR uint8 (H, W, 3), as looked at.
            speed_m_s: of the vehicle; a look while standing, or at nobody knows what speed, tells nothing.
        """
        if speed_m_s is None or speed_m_s < _SPEED_MIN_M_S:
            return self._found
        grey = _grey(image)
        mean = _cells(grey)
        if float(mean.mean()) < _DARK:
            return self._found
        self._means.append(mean)
        self._fine.append(_cells(np.abs(grey - cv2.blur(grey, (3, 3)))))
        self._coarse.append(_coarse(grey))
        self._since += 1
        if len(self._means) >= _LOOKS_MIN and self._since >= _EVERY:
            self._since = 0
            self._judge()
        return self._found

    def _judge(self) -> None:
        found = self._finding()
        if (found is None) == (self._found is None):
            self._found, self._agreed = found, 0
            return
        self._agreed += 1
        if self._agreed >= _TWICE:
            self._found, self._agreed = found, 0

    def _finding(self) -> LensFinding | None:
        means = np.stack(self._means)
        fine, coarse = (np.percentile(np.stack(kept), 90, axis=0) for kept in (self._fine, self._coarse))
        active = coarse >= _COARSE_MIN
        if active.mean() < _ACTIVE_MIN:
            return None
        smeared = active & (fine < _FINE_PART * coarse)
        if smeared.sum() > _FOGGED_SHARE * active.sum():
            return LensFinding("fogged", 1.0, "全画面 whole picture")
        dark = means.mean(axis=0) < _COVERED_DARK * float(means.mean())
        covered = self._was_active & (means.std(axis=0) < _STILL) & dark
        self._was_active |= active & ~smeared & (means.std(axis=0) > 2.0 * _STILL)
        patch = _largest_patch(smeared | covered)
        share = float(patch.mean())
        if share < _SHARE_MIN:
            return None
        kind: Kind = "covered" if (patch & covered).sum() > (patch & smeared).sum() else "smeared"
        where = _where(patch)
        return LensFinding(kind, share, f"{where.zh} {where.en} {share:.0%}")


def _grey(image: Image) -> Array:
    """(ROWS * CELL, COLUMNS * CELL) by taking single pixels: averaging would take the very detail away."""
    small = cv2.resize(image, (_COLUMNS * _CELL_PX, _ROWS * _CELL_PX), interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(small[:, :, 1], np.float32)


def _coarse(grey: Array) -> Array:
    """Contrast (ROWS, COLUMNS) between blocks of a cell: what is finer is averaged away."""
    across = _CELL_PX // _BLOCK_PX
    blocks = grey.reshape(_ROWS, across, _BLOCK_PX, _COLUMNS, across, _BLOCK_PX).mean(axis=(2, 5))
    return np.abs(blocks - blocks.mean(axis=(1, 3), keepdims=True)).mean(axis=(1, 3))


def _cells(values: Array) -> Array:
    return values.reshape(_ROWS, _CELL_PX, _COLUMNS, _CELL_PX).mean(axis=(1, 3))


def _largest_patch(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells that touch: dirt lies in one place, and the freak cell here and there does not."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros_like(cells)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _where(patch: NDArray[np.bool_]) -> Text:
    rows, columns = np.nonzero(patch)
    row = _WHERE_ROWS[int(3 * rows.mean() / _ROWS)]
    column = _WHERE_COLUMNS[int(3 * columns.mean() / _COLUMNS)]
    return Text(f"{column.zh}{row.zh}", f"{row.en} {column.en}")
