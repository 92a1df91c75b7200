from __future__ import annotations

import pytest

from models.measure.average import Ranking, rank
from models.measure.threshold import Choice, choose_threshold
from tests.models.measure.pictures import picture


def _ranking(shares: dict[float, tuple[int, int]], boxes: int = 40) -> Ranking:
    """Detections by confidence: (right, wrong) of each, all in one picture."""
    found = [(c, kind) for c in sorted(shares, reverse=True) for kind in [True] * shares[c][0] + [False] * shares[c][1]]
    return rank((picture("a", found, boxes),))


CLEAN = {0.9: (12, 0), 0.5: (8, 2), 0.3: (2, 20)}
"""Precision 1 from .51, 20/22 from .31, 22/44 below."""


@pytest.mark.parametrize(
    ("rankings", "expected"),
    [
        ([_ranking(CLEAN)], Choice(0.31, "precision")),  # the lowest that keeps 80 %, for the most recall
        ([_ranking({0.9: (10, 10), 0.4: (10, 10)})], Choice(0.4, "f1")),  # 80 % out of reach: best F1, highest such
        ([_ranking({0.9: (30, 0)})], Choice(0.1, "precision")),  # nothing wrong anywhere: the floor of the grid
        ([_ranking(CLEAN, boxes=19)], None),  # too few boxes to choose on
        ([_ranking({0.9: (9, 0)})], None),  # too few detections to speak of a precision
        ([], None),
        # Sources are not pooled: the more careful one holds. The tiny third has no vote.
        (
            [_ranking(CLEAN), _ranking({0.9: (10, 0), 0.6: (2, 30)}), _ranking({0.9: (1, 9)}, 5)],
            Choice(0.61, "precision"),
        ),
    ],
)
def test_choice(rankings: list[Ranking], expected: Choice | None) -> None:
    assert choose_threshold(rankings) == expected


def test_nothing_right_chooses_nothing() -> None:
    assert choose_threshold([_ranking({0.9: (0, 30)})]) is None
