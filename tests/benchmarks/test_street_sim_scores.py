"""What is counted, and the intervals around it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.street_sim.stats import by_group, calibration_error, chi2_quantile, nees_band, wilson
from benchmarks.verdict_pictures import risk_curve
from benchmarks.verdict_risk import Scored, rates
from detector.vocabulary import Outcome

V, A, U = Outcome.VIOLATION, Outcome.ALLOWED, Outcome.UNSURE


def hit(
    violation: bool, outcome: Outcome, plain: Outcome | None = A, probability: float = 0.5, pass_id: int = 0
) -> Scored:
    return Scored("pitch", pass_id, violation, not violation, outcome, probability, plain)


def test_unsure_counts_as_missed_but_not_as_wrong():
    found = rates([hit(True, V), hit(True, U), hit(True, A), hit(False, A), hit(False, U), hit(False, V)])
    assert found.hits == 6
    assert found.wrong == pytest.approx(2 / 4)
    assert found.unsure == pytest.approx(2 / 6)
    assert found.accused == pytest.approx(1 / 3)
    assert found.recall == pytest.approx(1 / 3)


def test_the_plain_way_is_unsure_only_without_a_place():
    found = rates([hit(True, A, plain=V), hit(False, V, plain=None)], plain=True)
    assert (found.wrong, found.unsure, found.recall) == (0.0, 0.5, 1.0)


def test_shares_of_nothing_are_no_number():
    assert np.isnan(rates([hit(True, V)]).accused)
    assert np.isnan(rates([hit(False, A)]).recall)


def test_risk_falls_as_the_least_sure_are_left_out():
    hits = [hit(True, V, probability=0.95), hit(False, A, probability=0.02), hit(True, U, probability=0.45)]
    coverage, risk = risk_curve(hits)
    assert coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert risk.tolist() == pytest.approx([0.0, 0.0, 1 / 3])


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 100, 0.0, 0.0370),  # nothing seen is not nothing there
        (5, 100, 0.0215, 0.1118),  # Wilson 1927, as in any table
        (100, 100, 0.9630, 1.0),
        (0, 0, 0.0, 1.0),  # no sample, no knowledge
    ],
)
def test_wilson(hits, of, low, high):
    assert wilson(hits, of) == pytest.approx((low, high), abs=2e-4)


@pytest.mark.parametrize(
    ("share", "freedom", "value"), [(0.95, 10, 18.307), (0.025, 20, 9.591), (0.975, 200, 241.06), (0.5, 100, 99.33)]
)
def test_chi_square_quantiles_against_the_tables(share, freedom, value):
    assert chi2_quantile(share, freedom) == pytest.approx(value, rel=2e-3)


def test_the_band_of_the_mean_closes_around_two():
    low, high = nees_band(1000)
    assert low < 2.0 < high
    assert high - low < 0.3


def test_the_bootstrap_draws_whole_passes():
    values = np.repeat([0.0, 1.0], 500)
    groups = np.repeat([0, 1], 500).tolist()
    low, high = by_group(groups, lambda rows: float(values[rows].mean()))
    assert (low, high) == (0.0, 1.0), "two passes are a sample of two, whatever they saw"
    low, high = by_group(list(range(1000)), lambda rows: float(values[rows].mean()))
    assert 0.45 < low < high < 0.55


def test_calibration_error_is_the_mean_gap():
    said = np.array([0.05, 0.05, 0.95, 0.95])
    error, bins = calibration_error(said, np.array([0.0, 0.0, 1.0, 0.0]))
    assert error == pytest.approx(0.5 * 0.05 + 0.5 * 0.45)
    assert bins == [(pytest.approx(0.05), 0.0, 2), (pytest.approx(0.95), 0.5, 2)]
    assert calibration_error(np.array([1.0]), np.array([1.0]))[0] == 0.0
