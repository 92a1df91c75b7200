"""How the error of the fixes changed, told by the receiver's own speed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from detector.frame import Fix
from detector.geo.registration.odometry import WAY_M2_PER_S, Odometry
from tests.detector.rules.test_judge import PLANE
from tests.detector.things import MONDAY_10_LOCAL


def fixes(
    errors_m, *, step_s: float = 1.0, speed_m_s: float | None = 5.0, heading_deg: float | None = 90.0
) -> list[Fix]:
    """Eastward at `speed_m_s`, each fix off by its error."""
    way_m = (speed_m_s or 5.0) * step_s if heading_deg is not None else 0.0
    made = []
    for number, error in enumerate(errors_m):
        ((lon, lat),) = PLANE.lon_lat_deg(np.array([way_m * number, 0.0]) + error).tolist()
        at = MONDAY_10_LOCAL + timedelta(seconds=step_s * number)
        made.append(Fix(lon, lat, 3.0, at, heading_deg=heading_deg, sigma_heading_deg=2.0, speed_m_s=speed_m_s))
    return made


START_S = MONDAY_10_LOCAL.timestamp()


@pytest.mark.parametrize(
    ("errors_m", "from_s", "to_s", "expected_m"),
    [
        pytest.param([(2, 1)] * 6, 0, 5, (0, 0), id="a constant error does not change"),
        pytest.param([(0, 0)] * 3 + [(12, -4)] * 3, 0, 5, (12, -4), id="a step is the difference"),
        pytest.param([(0, 0)] * 3 + [(12, -4)] * 3, 3, 5, (0, 0), id="after the step"),
        pytest.param([(0, 0)] * 3 + [(12, -4)] * 3, 2, 2.5, (6, -2), id="half-way through it, as fixes interpolate"),
        pytest.param([(0, n) for n in range(6)], 1, 4, (0, 3), id="a drift"),
    ],
)
def test_the_change_is_what_the_speed_does_not_explain(errors_m, from_s, to_s, expected_m):
    change = Odometry(fixes(errors_m)).change(START_S + from_s, START_S + to_s)
    assert change.east_north_m == pytest.approx(expected_m, abs=0.01)
    assert change.variance_m2 == pytest.approx(WAY_M2_PER_S * (to_s - from_s), abs=1e-4)
    assert change.blind_s == pytest.approx(0.0, abs=1e-6)


def test_a_standing_vehicle_is_known_to_stand():
    change = Odometry(fixes([(0, 0), (0, 3)], speed_m_s=0.1, heading_deg=None)).change(START_S, START_S + 1)
    assert change.east_north_m == pytest.approx((0, 3), abs=0.01)
    assert change.variance_m2 == pytest.approx(WAY_M2_PER_S + 0.01, rel=0.01)


@pytest.mark.parametrize(
    ("log", "blind_s"),
    [
        pytest.param(fixes([(0, 0), (9, 0), (0, 0)], speed_m_s=None), 2.0, id="no speed"),
        pytest.param(fixes([(0, 0)] * 3, speed_m_s=6.0, heading_deg=None), 2.0, id="no course at speed"),
        pytest.param(fixes([(0, 0), (9, 0)], step_s=2.6), 2.0, id="too far apart"),
        pytest.param([], 2.0, id="no fixes"),
        pytest.param(fixes([(0, 0)]), 2.0, id="one fix"),
        pytest.param(fixes([(0, 0), (0, 0)]), 1.0, id="beyond the log"),
    ],
)
def test_what_the_speed_does_not_cover_is_blind(log, blind_s):
    change = Odometry(log).change(START_S, START_S + 2)
    assert change.blind_s == pytest.approx(blind_s, abs=1e-6)
    assert change.east_north_m == pytest.approx((0, 0), abs=0.01)


def test_the_order_of_the_fixes_does_not_matter():
    log = fixes([(0, 0), (1, 0), (5, 5)])
    there, back = (Odometry(order).change(START_S, START_S + 2) for order in (log, [*log[::-1], log[0]]))
    assert there.east_north_m.tolist() == back.east_north_m.tolist()
