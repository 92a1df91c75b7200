"""The path of a vehicle: what velocity tells, what jumps do, headings held, and how a two-wheeler leans."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from detector.frame import Fix
from detector.geo.camera import CameraSigmas, VehicleCamera, profile_sigmas
from detector.geo.trajectory import hold_headings, lean_deg, path_of
from tests.detector.geo.street import LENS, ORIGIN
from tests.detector.things import MONDAY_10_LOCAL

CAR = VehicleCamera("v", 1.6, 90.0, -6.0, 0.0, 0.0, 0.0, LENS, CameraSigmas())
E_BIKE = VehicleCamera("e", 1.3, 90.0, -6.0, 0.0, 0.0, 0.0, LENS, profile_sigmas("e_bike"), profile="e_bike")


def drive(seconds: float, *, speed=6.0, heading=90.0, turn_deg_s=0.0, sigma_m=3.0, off=lambda _: (0.0, 0.0), **more):
    """Fixes at 5 Hz along an arc, their times, and the true path. `off`: error of the position by time."""
    times = np.arange(0.0, seconds, 0.2)
    headings = heading + turn_deg_s * times
    velocity = speed * np.column_stack((np.sin(np.radians(headings)), np.cos(np.radians(headings))))
    steps = (velocity[1:] + velocity[:-1]) / 2.0 * 0.2
    true = np.concatenate((np.zeros((1, 2)), np.cumsum(steps, axis=0)))
    fixes = []
    for k, at in enumerate(times):
        lon, lat = ORIGIN.lon_lat_deg(true[k] + off(at))[0].tolist()
        given = {"heading_deg": float(headings[k] % 360), "speed_m_s": speed, "sigma_heading_deg": 1.0, **more}
        fixes.append(Fix(lon, lat, sigma_m, MONDAY_10_LOCAL + timedelta(seconds=float(at)), **given))
    return fixes, times, true


def error(path, true) -> np.ndarray:
    return ORIGIN.east_north_m([(fix.lon_deg, fix.lat_deg) for fix in path.fixes]) - true


def wobble(at: float) -> tuple[float, float]:
    return 0.4 * np.sin(9.0 * at), 0.4 * np.cos(11.0 * at)


def test_the_path_is_smoother_than_the_fixes():
    fixes, times, true = drive(6.0, turn_deg_s=4.0, off=wobble)
    left = error(path_of(fixes, times, CAR), true)
    assert np.hypot(*(left - left.mean(axis=0)).T).max() < 0.2


@pytest.mark.parametrize("ramp_s", [0.0, 1.0])  # at once, or interpolated between two fixes a second apart
def test_a_jump_does_not_bend_the_path_but_widens_the_shift(ramp_s):
    def jump(at: float) -> tuple[float, float]:
        return 12.0 * float(np.clip((at - 4.0) / max(ramp_s, 1e-9), 0.0, 1.0)), 0.0

    fixes, times, true = drive(6.0, off=jump)
    path = path_of(fixes, times, CAR)
    left = error(path, true)
    assert np.hypot(*(left - left.mean(axis=0)).T).max() < 0.5
    # The majority is believed; how far the others lie off is in the shift.
    assert np.abs(left.mean(axis=0)).max() < 3.0
    assert path.shift_m2[0][0] > 9.0 + 20.0
    assert path.shift_m2[1][1] < 9.0 + 0.5


def test_a_real_turn_of_speed_is_no_jump():
    fixes, times, _ = drive(6.0)
    assert path_of(fixes, times, CAR).shift_m2 == pytest.approx(np.eye(2) * 9.0, abs=0.1)


def test_rtk_positions_are_followed_where_they_are_better_than_the_velocity():
    def drifting(at: float) -> tuple[float, float]:
        return 0.15 * at, 0.0  # the Doppler speed reads 0.15 m/s too little

    fixes, times, true = drive(6.0, sigma_m=0.02, off=drifting)
    there = true + [drifting(at) for at in times]
    assert np.hypot(*error(path_of(fixes, times, CAR), there).T).max() < 0.1


@pytest.mark.parametrize("lost", [{"speed_m_s": None}, {"heading_deg": None}], ids=["no speed", "no heading"])
def test_without_velocity_the_fixes_are_taken_as_they_are(lost):
    fixes, times, true = drive(4.0, off=wobble, **lost)
    assert error(path_of(fixes, times, CAR), true) == pytest.approx(np.array([wobble(at) for at in times]), abs=1e-6)


def test_drift_counts_from_the_middle_of_the_path():
    fixes, times, _ = drive(8.0)
    drift = path_of(fixes, times, CAR).drift_m2
    assert drift.sum() == pytest.approx(0.0, abs=1e-9)
    assert drift[0, 0] > drift[len(times) // 2, len(times) // 2] > 0.0
    assert np.linalg.eigvalsh(drift)[0] > -1e-12


@pytest.mark.parametrize(
    ("gap_s", "heading", "sigma"),
    [
        (0.0, 90.0, 1.0),
        (16.0, 90.0, np.hypot(1.0, 4.0)),
        (60.0, 90.0, np.hypot(1.0, np.sqrt(60.0))),
        (61.0, None, 180.0),
    ],
)
def test_a_standing_vehicle_keeps_its_heading_for_a_minute(gap_s, heading, sigma):
    known = Fix(117.19, 34.26, 3.0, MONDAY_10_LOCAL, heading_deg=90.0, sigma_heading_deg=1.0)
    still = Fix(117.19, 34.26, 3.0, MONDAY_10_LOCAL, speed_m_s=0.0)
    if gap_s == 0.0:
        still = known
    _, held = hold_headings([known, still], np.array([0.0, gap_s]))
    assert held.heading_deg == heading
    assert held.sigma_heading_deg == pytest.approx(sigma)
    before, _ = hold_headings([still, known], np.array([-gap_s, 0.0]))  # and it had it before it set off
    assert before.heading_deg == heading


def test_a_vehicle_that_never_moved_has_no_heading_to_hold():
    still = Fix(117.19, 34.26, 3.0, MONDAY_10_LOCAL, speed_m_s=0.0)
    assert hold_headings([still, still], np.array([0.0, 1.0])) == (still, still)


@pytest.mark.parametrize(("turn_deg_s", "roll"), [(20.0, 10.1), (-20.0, -10.1), (0.0, 0.0)])
def test_a_two_wheeler_leans_into_its_turn(turn_deg_s, roll):
    """5 m/s and 20 degrees a second to the right: atan(5 * 0.349 / 9.81) = 10.1 degrees, right side down."""
    fixes, times, _ = drive(4.0, speed=5.0, turn_deg_s=turn_deg_s, heading=350.0)
    assert lean_deg(fixes, times) == pytest.approx([roll] * len(times), abs=0.1)
    path = path_of(fixes, times, E_BIKE)
    assert path.leant
    assert path.fixes[5].roll_deg == pytest.approx(roll, abs=0.1)


def test_a_car_and_a_bike_with_a_sensor_are_left_alone():
    fixes, times, _ = drive(4.0, turn_deg_s=10.0)
    assert not path_of(fixes, times, CAR).leant
    measured, times, _ = drive(4.0, turn_deg_s=10.0, roll_deg=3.0)
    path = path_of(measured, times, E_BIKE)
    assert not path.leant
    assert {fix.roll_deg for fix in path.fixes} == {3.0}


@pytest.mark.parametrize(("seconds", "more"), [(0.6, {}), (4.0, {"speed_m_s": None})], ids=["too short", "no speed"])
def test_no_lean_without_a_second_of_speed_and_course(seconds, more):
    fixes, times, _ = drive(seconds, turn_deg_s=10.0, **more)
    assert lean_deg(fixes, times) is None


def test_a_degree_of_noise_in_the_course_leans_no_bike():
    rng = np.random.default_rng(4)
    fixes, times, _ = drive(5.0, speed=5.0)
    rolls = []
    for _ in range(20):
        noisy = [Fix(f.lon_deg, f.lat_deg, 3.0, f.at, heading_deg=90.0 + rng.normal(), speed_m_s=5.0) for f in fixes]
        rolls.append(lean_deg(noisy, times))
    assert np.std(rolls) < 1.0
