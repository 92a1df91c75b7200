"""Fusing and comparing positions, against figures worked out by hand."""

from __future__ import annotations

import itertools
import math

import pytest

from server.cases.estimate import FLOOR_M2, Estimate, agreement, fuse

HERE = Estimate(117.0, 34.0, 4.0 - FLOOR_M2, 0.0, 4.0 - FLOOR_M2)


def moved(east_m: float, north_m: float, variance_m2: float = 4.0) -> Estimate:
    # One degree at 34 N on WGS-84: 92 385 m east, 110 922 m north (NGA's calculator).
    return Estimate(
        117.0 + east_m / 92_385, 34.0 + north_m / 110_922, variance_m2 - FLOOR_M2, 0.0, variance_m2 - FLOOR_M2
    )


def test_agreement_of_two_points_four_metres_apart() -> None:
    found = agreement(HERE, moved(4, 0))
    assert found.distance_m == pytest.approx(4.0, abs=0.01)
    assert found.mahalanobis2 == pytest.approx(16 / 8, rel=0.01)
    assert found.density_per_m2 == pytest.approx(math.exp(-1) / (2 * math.pi * 8), rel=0.01)


def test_fusing_weighs_by_information() -> None:
    fused = fuse([HERE, moved(4, 0, variance_m2=12.0)])
    # 1 m and 3 m² for normal errors (4 m * 4 / (4 + 12), 1 / (1/4 + 1/12)); jumps that nobody declared are possible.
    assert agreement(HERE, fused).distance_m == pytest.approx(1.1, abs=0.1)
    assert 3.0 < fused.cov_ee_m2 < 5.0


def test_a_pass_that_jumped_is_outvoted() -> None:
    fused = fuse([HERE, moved(1, 0), moved(0, 1), moved(25, 0)])
    assert agreement(HERE, fused).distance_m < 1.5


def test_order_does_not_matter() -> None:
    points = [moved(0, 0), moved(3, 1, 9.0), moved(-2, 2, 1.0)]
    results = {
        (round(f.lon_deg, 9), round(f.lat_deg, 9), round(f.cov_ee_m2, 6))
        for f in (fuse(order) for order in itertools.permutations(points))
    }
    assert len(results) == 1


@pytest.mark.parametrize("lat_deg", [0.0, 60.0, 89.9, 90.0])
def test_date_line_and_poles_hold(lat_deg: float) -> None:
    west, east = Estimate(-179.99999, lat_deg, 1, 0, 1), Estimate(179.99999, lat_deg, 1, 0, 1)
    assert agreement(west, east).distance_m < 3
    assert abs(abs(fuse([west, east]).lon_deg) - 180) < 1e-6


def test_certain_points_do_not_divide_by_zero() -> None:
    certain = Estimate(117.0, 34.0, 0, 0, 0)
    assert FLOOR_M2 / 2 < fuse([certain, certain]).cov_ee_m2 < FLOOR_M2
    assert agreement(certain, moved(500, 0)).density_per_m2 == 0.0


@pytest.mark.parametrize("across", [1.0, -1.0])
def test_the_widest_error_a_report_may_give_still_has_an_inverse(across: float) -> None:
    """Along one line only: no float can invert it as it comes."""
    line = Estimate(117.2, 34.2, 1e15, across * 1e15, 1e15)
    good = Estimate(117.2, 34.2, 1.0, 0.0, 1.0)
    assert agreement(line, line).mahalanobis2 == 0.0
    fused = fuse([line, good])
    assert 0.0 < fused.cov_ee_m2 < 1e3
    again = fuse([fused, line, line])
    assert math.isfinite(again.cov_ee_m2)
    assert agreement(again, good).distance_m < 50.0
