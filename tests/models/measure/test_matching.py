from __future__ import annotations

import numpy as np
import pytest

from models.measure.matching import IOUS, match

TENS = [0.0, 0.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("found", "wanted", "at_50", "columns"),
    [
        ([], [TENS], [], []),
        ([TENS], [], [False], [0]),
        ([TENS], [TENS], [True], [10]),  # equal: a hit at every IoU
        ([[0, 0, 10, 7.2]], [TENS], [True], [5]),  # IoU 0.72: hits .50 to .70
        ([[0, 0, 10, 4]], [TENS], [False], [0]),
        ([TENS, TENS], [TENS], [True, False], [10, 0]),  # a box is hit once, by the more confident
        ([[0, 0, 10, 6.2], TENS], [TENS], [True, False], [3, 7]),  # at high IoU only the second one fits
        ([[0, 0, 10, 9.2]], [[0, 0, 10, 6], TENS], [True], [9]),  # takes the box it overlaps most
    ],
)
def test_match(found: list[list[float]], wanted: list[list[float]], at_50: list[bool], columns: list[int]) -> None:
    def boxes(rows: list[list[float]]) -> np.ndarray:
        return np.array(rows, np.float32).reshape(-1, 4)

    hits = match(boxes(found), boxes(wanted))
    assert hits.shape == (len(found), len(IOUS))
    assert hits[:, 0].tolist() == at_50
    assert hits.sum(axis=1).tolist() == columns
