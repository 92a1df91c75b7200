"""Exact intervals and tests against published figures and against counting."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.audit.chance import binomial_p, holm, poisson_interval


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood 1936; as in Pearson and Hartley, Biometrika Tables, table 40.
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (30, 20.241, 42.827),
     (100, 81.364, 121.627)],
)  # fmt: skip
def test_poisson_intervals_of_the_tables(count: int, low: float, high: float) -> None:
    assert poisson_interval(count) == pytest.approx((low, high), abs=6e-4)


@settings(max_examples=60, deadline=None)
@given(of=st.integers(1, 40), share=st.integers(1, 9), data=st.data())
def test_the_binomial_test_is_exact(of: int, share: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    part = Fraction(share, 10)
    chances = [comb(of, k) * part**k * (1 - part) ** (of - k) for k in range(of + 1)]
    expected = float(sum(chance for chance in chances if chance <= chances[count]))
    assert binomial_p(count, of, share / 10) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("count", "of", "share"), [(0, 0, 0.5), (3, 9, 0.0), (9, 9, 1.0)])
def test_where_there_is_nothing_to_compare(count: int, of: int, share: float) -> None:
    assert binomial_p(count, of, share) == 1.0


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_audit_in_twenty_at_most_flags_a_fair_city() -> None:
    rng = np.random.default_rng(4)
    km = np.array([3.0, 1.0, 0.4, 6.0, 2.0, 0.2])
    flagged = 0
    for _ in range(300):
        counts = rng.poisson(2.0 * km)
        p_values = [
            binomial_p(int(c), int(counts.sum()), float(way / km.sum())) for c, way in zip(counts, km, strict=True)
        ]
        flagged += min(holm(p_values)) < 0.05
    assert flagged / 300 <= 0.05
