"""The way along a log of fixes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from detector.frame import Fix
from edge.gnss.odometer import Odometer, way_between_m

START = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
DEG_PER_M = 1.0 / 110_900.0


def fix(at_s: float, speed_m_s: float | None, north_m: float = 0.0) -> Fix:
    return Fix(
        lon_deg=117.2,
        lat_deg=34.26 + north_m * DEG_PER_M,
        sigma_m=3.0,
        at=START + timedelta(seconds=at_s),
        speed_m_s=speed_m_s,
    )


def way(odometer: Odometer, at_s: float) -> float | None:
    return odometer.way_m(START + timedelta(seconds=at_s))


def test_it_adds_up_speeds_and_knows_between_the_fixes() -> None:
    odometer = Odometer([fix(0, 4.0), fix(1, 6.0), fix(2, 6.0)])
    assert [way(odometer, at) for at in (0, 1, 1.5, 2)] == [0.0, 5.0, 8.0, 11.0]


def test_positions_that_wander_are_no_way() -> None:
    wander = [fix(i, 0.1, north_m=0.2 * (i % 2)) for i in range(60)]
    assert way(Odometer(wander), 59) == 0.0
    assert way(Odometer([replace(f, speed_m_s=None) for f in wander]), 59) == 0.0


def test_without_speeds_it_takes_the_positions() -> None:
    assert way_between_m(fix(0, None), fix(1, None, north_m=6.0)) == pytest.approx(6.0, rel=1e-3)


@pytest.mark.parametrize("at_s", [-0.1, 1.5, 20.0])
def test_before_after_and_in_a_gap_nobody_knows(at_s: float) -> None:
    assert way(Odometer([fix(0, 5.0), fix(1, 5.0), fix(9, 5.0)]), at_s) is None


def test_after_a_gap_it_goes_on() -> None:
    odometer = Odometer([fix(0, 5.0), fix(1, 5.0), fix(9, 5.0), fix(10, 5.0)])
    assert way(odometer, 9.5) == pytest.approx(47.5)


def test_no_fixes() -> None:
    assert way(Odometer([]), 0.0) is None
