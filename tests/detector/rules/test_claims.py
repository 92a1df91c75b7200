"""Things that claim one pitch: exact where claims form no loop, never surer than `FREE_LEAST`."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.rules.claims import FREE_LEAST, availability


def _exact(odds: np.ndarray, together: np.ndarray) -> np.ndarray:
    """P(thing i stands in pitch j) by going through every way to share out the pitches."""
    things, pitches = odds.shape
    total, of = 0.0, np.zeros(odds.shape)
    for way in product(range(pitches + 1), repeat=things):
        clash = any(
            way[a] == way[b] and way[a] < pitches and together[a, b] for a in range(things) for b in range(a)
        )  # fmt: skip
        if clash:
            continue
        weight = float(np.prod([odds[i, j] if j < pitches else 1.0 for i, j in enumerate(way)]))
        total += weight
        for i, j in enumerate(way):
            if j < pitches:
                of[i, j] += weight
    return of / total


def _marginals(odds: np.ndarray, free: np.ndarray) -> np.ndarray:
    drawn = odds * free
    return drawn / (1.0 + drawn.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    "odds",
    [
        [[0.8], [0.5]],  # two things, one pitch
        [[0.3], [0.9], [0.6]],
        [[0.5, 0.0], [0.4, 0.7], [0.0, 0.9]],  # a chain along a row
    ],
)
def test_without_a_loop_the_marginals_are_exact(odds: list[list[float]]) -> None:
    given_odds = np.array(odds)
    together = np.ones((len(odds), len(odds)), np.bool_)
    free = availability(given_odds, together)
    assert free.min() > FREE_LEAST  # else the bound would hide the comparison
    assert _marginals(given_odds, free) == pytest.approx(_exact(given_odds, together), abs=1e-4)


def test_a_loop_is_near() -> None:
    odds = np.array([[0.5, 0.3], [0.4, 0.6]])
    together = np.ones((2, 2), np.bool_)
    assert _marginals(odds, availability(odds, together)) == pytest.approx(_exact(odds, together), abs=0.05)


def test_alone_or_at_another_time_everything_is_free() -> None:
    odds = np.array([[5.0], [3.0]])
    assert availability(odds[:1], np.ones((1, 1), np.bool_)) == pytest.approx(np.ones((1, 1)))
    assert availability(odds, np.eye(2, dtype=np.bool_)) == pytest.approx(np.ones((2, 1)))


@given(arrays(np.float64, (4, 3), elements=st.floats(0.0, 1e6)))
def test_free_is_a_share_and_others_only_take(odds: np.ndarray) -> None:
    free = availability(odds, np.ones((4, 4), np.bool_))
    assert np.all((free >= FREE_LEAST) & (free <= 1.0))


def test_the_bound_holds_against_a_sure_claim() -> None:
    free = availability(np.array([[1e6], [0.5]]), np.ones((2, 2), np.bool_))
    assert free[1, 0] == FREE_LEAST
    assert free[0, 0] > 0.6
