"""Drones: oblique by the foot, from above by the outline, and what a wrong height does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from detector.frame import Fix
from detector.geo.camera import CameraSigmas, DroneCamera, Lens
from detector.geo.localise import Unplaced, locate, place_of
from detector.geo.project import pixel_of
from tests.detector.geo.street import ORIGIN
from tests.detector.things import MONDAY_10_LOCAL, make_track

SIZE_PX = (1920, 1080)
SIGMAS = CameraSigmas(heading_deg=2.0, pitch_deg=0.5, roll_deg=0.5, ground_m=0.15)
DRONE = DroneCamera("d", Lens.from_fov(*SIZE_PX, 70.0), SIGMAS)


def hovering(pitch_deg=-45.0, **more) -> Fix:
    given = {"heading_deg": 30.0, "pitch_deg": pitch_deg, "above_ground_m": 40.0, "sigma_above_ground_m": 0.5, **more}
    return Fix(ORIGIN.lon_deg, ORIGIN.lat_deg, 1.5, MONDAY_10_LOCAL, **given)


def box_of(fix: Fix, east_m: float, north_m: float, size_px=(0.02, 0.02)):
    """A box whose lower edge's middle is on the ground there."""
    u, v = pixel_of(DRONE, fix, *ORIGIN.lon_lat_deg((east_m, north_m))[0])
    return u - size_px[0] / 2, v - size_px[1], u + size_px[0] / 2, v


def offset_of(place):
    return ORIGIN.east_north_m((place.lon_deg, place.lat_deg))[0]


def seen(fix: Fix, east_m: float, north_m: float):
    return make_track("stall", [box_of(fix, east_m, north_m)], size_px=SIZE_PX, fixes=[fix])


@pytest.mark.parametrize("pitch_deg", [-35.0, -60.0, -90.0])
def test_a_thing_is_found_where_it_stands(pitch_deg):
    ahead = 40.0 / np.tan(np.radians(-pitch_deg)) if pitch_deg > -89 else 0.0
    target = (ahead + 3.0) * np.array([np.sin(np.radians(30.0)), np.cos(np.radians(30.0))])
    place = locate(seen(hovering(pitch_deg), *target), DRONE)
    assert offset_of(place) == pytest.approx(target, abs=0.02)
    assert place.method == "drone_ground"
    assert DRONE.observed_by == "drone"


@pytest.mark.parametrize(("pitch_deg", "at"), [(-90.0, "middle"), (-75.0, "middle"), (-70.0, "foot")])
def test_from_nearly_above_the_outline_counts_and_aslant_the_foot(pitch_deg, at):
    fix = hovering(pitch_deg, heading_deg=0.0)
    left, top, right, bottom = box_of(fix, 0.0, 6.0, size_px=(80.0, 80.0))
    v = {"middle": (top + bottom) / 2.0, "foot": bottom}[at]
    point = make_track("stall", [(959.0, v - 1e-3, 960.0, v)], size_px=SIZE_PX, fixes=[fix])
    whole = make_track("stall", [(left, top, right, bottom)], size_px=SIZE_PX, fixes=[fix])
    assert offset_of(locate(whole, DRONE)) == pytest.approx(offset_of(locate(point, DRONE)), abs=0.05)


def test_a_wrong_height_scales_the_offset_and_counts_as_own():
    sure = replace(DRONE, sigmas=CameraSigmas(pixel_px=0.01, heading_deg=1e-3, pitch_deg=1e-3, roll_deg=1e-3,
                                              ground_m=1e-3))  # fmt: skip
    fix = hovering(-45.0, heading_deg=0.0, sigma_above_ground_m=2.0)
    place = locate(seen(fix, 0.0, 30.0), sure)
    # 30 m ahead from 40 m up: 2 m of height are 1.5 m along the ray, nothing across, nothing in what the pass shares.
    assert np.sqrt(place.cov_own_m2[1][1]) == pytest.approx(2.0 * 30.0 / 40.0, rel=0.01)
    assert place.cov_own_m2[0][0] < 0.01
    assert place.pass_shift_m2 == ((pytest.approx(2.25), 0.0), (0.0, pytest.approx(2.25)))


def test_the_heading_of_the_gimbal_is_a_lever_and_a_log_without_its_error_adds_none():
    plain = locate(seen(hovering(), 20.0, 30.0), DRONE)
    assert plain.sigma_heading_rad == pytest.approx(np.radians(2.0))
    told = locate(seen(hovering(sigma_heading_deg=1.5), 20.0, 30.0), DRONE)
    assert told.sigma_heading_rad == pytest.approx(np.radians(2.5))
    assert plain.heading_lever_m == pytest.approx((30.0, -20.0), abs=0.05)


@pytest.mark.parametrize(
    ("fix", "code"),
    [
        (None, "no_fix"),
        (hovering(heading_deg=None), "no_heading"),
        (hovering(above_ground_m=None), "no_height"),
        (hovering(above_ground_m=0.0), "no_height"),
    ],
)
def test_a_drone_without_its_pose_has_no_place(fix, code):
    track = make_track("stall", [(900, 500, 960, 560)], size_px=SIZE_PX, fixes=[fix])
    assert place_of(track, DRONE) == Unplaced(code)


def test_a_drone_that_flies_by_triangulates():
    target, boxes, fixes = (25.0, 30.0), [], []
    for k in range(8):
        lon, lat = ORIGIN.lon_lat_deg((4.0 * k, 0.0))[0].tolist()
        fix = replace(hovering(-50.0, heading_deg=20.0), lon_deg=lon, lat_deg=lat, speed_m_s=4.0,
                      at=MONDAY_10_LOCAL + timedelta(seconds=k))  # fmt: skip
        boxes.append(box_of(fix, *target))
        fixes.append(fix)
    track = make_track("stall", boxes, size_px=SIZE_PX, fixes=fixes, step_s=1.0)
    place = locate(track, DRONE)
    assert place.method == "triangulated"
    assert offset_of(place) == pytest.approx(target, abs=0.3)
    single = locate(replace(track, observations=track.observations[:1]), DRONE)
    assert np.trace(place.cov_own_m2) < np.trace(single.cov_own_m2)
