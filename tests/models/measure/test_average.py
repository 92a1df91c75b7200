from __future__ import annotations

import numpy as np
import pytest

from models.measure.average import average_precision, precision_recall, rank
from models.measure.detect import PictureMatches
from tests.models.measure.pictures import picture

ONCE = np.ones((1, 1))
RIGHT, WRONG = True, False


@pytest.mark.parametrize(
    ("found", "boxes", "expected"),
    [
        ([(0.9, RIGHT)], 1, 1.0),
        ([], 1, 0.0),
        ([(0.9, WRONG)], 1, 0.0),
        ([(0.9, WRONG), (0.8, RIGHT)], 1, 0.5),  # precision 1/2 at every level of recall
        ([(0.9, RIGHT), (0.8, WRONG)], 1, 1.0),  # a wrong box below everything right costs nothing
        ([(0.9, RIGHT)], 2, 51 / 101),  # the levels 0.00 to 0.50
        # Recall 1/2 at precision 1, recall 1 at precision 2/3: 51 levels of 1, 50 levels of 2/3.
        ([(0.9, RIGHT), (0.8, WRONG), (0.7, RIGHT)], 2, (51 + 50 * 2 / 3) / 101),
        # The dip in the middle is lifted to the best precision beyond it: 3/4, not 1/2.
        ([(0.9, WRONG), (0.8, RIGHT), (0.7, RIGHT), (0.6, RIGHT)], 3, 3 / 4),
    ],
)
def test_known_average_precisions(found: list[tuple[float, bool]], boxes: int, expected: float) -> None:
    ap = average_precision(rank((picture("a", found, boxes),)), ONCE)
    assert ap.shape == (1, 10)
    assert ap == pytest.approx(np.full((1, 10), expected))


def test_nothing_to_find_is_not_a_number() -> None:
    assert np.isnan(average_precision(rank((picture("a", [(0.9, WRONG)], 0),)), ONCE)).all()


def test_each_overlap_has_its_own_hits() -> None:
    coarse = picture("a", [(0.9, RIGHT)], 1)
    coarse.hits[:, 5:] = False
    (ap,) = average_precision(rank((coarse,)), ONCE)
    assert ap.tolist() == [1.0] * 5 + [0.0] * 5


@pytest.fixture
def street() -> tuple[PictureMatches, ...]:
    generator = np.random.default_rng(7)
    pictures = []
    for number in range(6):
        confidence = np.sort(generator.random(8))[::-1]
        pictures.append(picture(f"p{number}", [(float(c), bool(generator.random() < c)) for c in confidence], 9))
    return tuple(pictures)


def test_a_weight_is_a_picture_seen_that_often(street: tuple[PictureMatches, ...]) -> None:
    """The bootstrap's shortcut equals measuring the drawn pictures themselves."""
    weights = np.array([[2, 0, 1, 3, 0, 0], [1, 1, 1, 1, 1, 1]], float)
    drawn = tuple(each for each, times in zip(street, (2, 0, 1, 3, 0, 0), strict=True) for _ in range(times))
    fast = average_precision(rank(street), weights)
    assert fast[0] == pytest.approx(average_precision(rank(drawn), np.ones((1, len(drawn))))[0])
    precision, recall = precision_recall(rank(street), weights, 0.5)
    slow = precision_recall(rank(drawn), np.ones((1, len(drawn))), 0.5)
    assert (precision[0], recall[0]) == (pytest.approx(slow[0][0]), pytest.approx(slow[1][0]))


@pytest.mark.parametrize(
    ("min_confidence", "precision", "recall"),
    [(0.75, 1.0, 0.25), (0.5, 2 / 3, 0.5), (0.45, 2 / 3, 0.5), (0.1, 0.5, 0.5)],
)
def test_precision_and_recall_at_a_threshold(min_confidence: float, precision: float, recall: float) -> None:
    found = [(0.8, RIGHT), (0.7, WRONG), (0.5, RIGHT), (0.2, WRONG)]  # 0.5 itself is above a threshold of 0.5
    got = precision_recall(rank((picture("a", found, 4),)), ONCE, min_confidence)
    assert [float(value[0]) for value in got] == pytest.approx([precision, recall])


def test_nothing_found_has_no_precision() -> None:
    precision, recall = precision_recall(rank((picture("a", [], 2),)), ONCE, 0.5)
    assert np.isnan(precision[0])
    assert recall[0] == 0.0


@pytest.mark.train
@pytest.mark.filterwarnings("default")
def test_close_to_the_trainer_librarys_average(street: tuple[PictureMatches, ...]) -> None:
    from models.trainer_env import ultralytics

    ultralytics()
    from ultralytics.utils.metrics import ap_per_class

    ranking = rank(street)
    classes = np.zeros(len(ranking.confidence)), np.zeros(int(ranking.boxes.sum()))
    theirs = ap_per_class(ranking.hits, ranking.confidence, *classes)[5][0]
    ours = average_precision(ranking, np.ones((1, len(street))))[0]
    # They draw straight lines between hits, COCO's own code makes steps.
    assert ours == pytest.approx(theirs, abs=0.02)
