from __future__ import annotations

import numpy as np
import pytest

from models.measure.average import precision_recall, rank
from models.measure.bootstrap import interval, resample, unit_of
from tests.models.measure.pictures import picture


@pytest.mark.parametrize(
    ("places", "unit"),
    [
        (["a", "b", "c", "d", "e", "a"], "place"),
        (["a", "b", "c", "d", "a", "b"], "picture"),  # four places are too few to draw from
        (["a", "b", "c", "d", "e", ""], "picture"),  # one picture from nobody knows where
        ([], "picture"),
    ],
)
def test_what_is_drawn(places: list[str], unit: str) -> None:
    assert unit_of(places) == unit


def test_pictures_of_a_place_are_drawn_together() -> None:
    places = ["a", "b", "c", "d", "e", "a", "b"]
    drawn = resample(places)
    assert drawn.shape == (1000, 7)
    assert (drawn[:, 0] == drawn[:, 5]).all()
    assert (drawn[:, [0, 1, 2, 3, 4]].sum(axis=1) == 5).all()
    assert not (drawn[:, 0] == drawn[:, 1]).all()


def test_pictures_are_drawn_where_places_are_few() -> None:
    drawn = resample(["a", "a", "b"])
    assert (drawn.sum(axis=1) == 3).all()
    assert not (drawn[:, 0] == drawn[:, 1]).all()


def test_the_same_seed_gives_the_same_draw() -> None:
    places = [f"p{number}" for number in range(9)]
    assert np.array_equal(resample(places), resample(places))
    assert not np.array_equal(resample(places), resample(places, seed=1))


def test_no_picture_gives_no_draw() -> None:
    assert resample([]).shape == (1000, 0)


def test_interval_of_a_share_is_the_textbooks() -> None:
    """100 independent pictures, 80 % right: 0.80 +- 1.96 * sqrt(0.8 * 0.2 / 100) = 0.72 to 0.88."""
    pictures = tuple(picture(f"p{number}", [(0.9, number % 5 > 0)], 1) for number in range(100))
    drawn = resample([each.place for each in pictures])
    low, high = interval(precision_recall(rank(pictures), drawn, 0.5)[0]) or (0.0, 0.0)
    assert low == pytest.approx(0.72, abs=0.015)
    assert high == pytest.approx(0.88, abs=0.015)


def test_ten_pictures_of_one_place_are_one_place() -> None:
    """The same shares, but all pictures of a place succeed or fail together: the interval is that of ten draws."""
    pictures = tuple(picture(f"p{number % 10}", [(0.9, number % 5 > 0)], 1) for number in range(100))
    drawn = resample([each.place for each in pictures])
    low, high = interval(precision_recall(rank(pictures), drawn, 0.5)[0]) or (0.0, 0.0)
    assert low == pytest.approx(0.5, abs=0.11)
    assert high == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.5, 0.5], (0.5, 0.5)), ([np.nan, 0.25], (0.25, 0.25)), ([np.nan, np.nan], None), ([], None)],
)
def test_interval_of_what_there_is(values: list[float], expected: tuple[float, float] | None) -> None:
    assert interval(np.array(values, float)) == expected
