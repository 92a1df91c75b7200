"""The forward model: against OpenCV's, by a table of directions, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.frame import Fix
from detector.geo.camera import CameraSigmas, DroneCamera, FixedHomography, FixedPose, Lens, VehicleCamera
from detector.geo.localise import locate
from detector.geo.plane import LocalPlane
from detector.geo.project import pixel_of, pixels_of
from tests.detector.things import MONDAY_10_LOCAL, make_track

ORIGIN = LocalPlane(117.19, 34.26)
LENS = Lens(1280, 720, 700.0, 705.0, 640.0, 355.0, (-0.12, 0.03, 0.001, -0.0005, 0.0))
PLAIN = Lens.from_fov(1280, 720, 80.0)
SIGMAS = CameraSigmas()


def vehicle(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, **more) -> VehicleCamera:
    mount = {"height_m": 1.6, "lever_right_m": 0.0, "lever_forward_m": 0.0, "lens": PLAIN, "sigmas": SIGMAS, **more}
    return VehicleCamera(camera_id="v", yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg, **mount)


def fix(heading_deg=0.0, **more) -> Fix:
    return Fix(117.19, 34.26, 1.0, MONDAY_10_LOCAL, heading_deg=heading_deg, sigma_heading_deg=1.0, **more)


def at(east_m: float, north_m: float) -> tuple[float, float]:
    lon, lat = ORIGIN.lon_lat_deg((east_m, north_m))[0].tolist()
    return lon, lat


CENTRE = (639.5, 359.5)


@pytest.mark.parametrize(
    ("camera", "where", "place", "u_side", "v_side"),
    [
        (vehicle(), fix(), (0, 10), 0, 1),  # north of a car that looks north: in the middle, below the horizon
        (vehicle(), fix(), (3, 10), 1, 1),  # a thing to the right appears to the right
        (vehicle(), fix(), (-3, 10), -1, 1),
        (vehicle(), fix(90.0), (10, -3), 1, 1),  # heading east, right is south
        (vehicle(yaw_deg=90.0), fix(), (10, 0), 0, 1),  # yaw 90 looks to the right
        (vehicle(yaw_deg=90.0), fix(), (10, 2), -1, 1),  # of a camera to the right, what lies ahead is left
        (vehicle(yaw_deg=-90.0), fix(), (-10, 2), 1, 1),
        (vehicle(pitch_deg=20.0), fix(), (0, 20), 0, 1),  # nose up: the ground sinks in the picture
        (vehicle(pitch_deg=-20.0), fix(), (0, 20), 0, -1),  # nose down: it rises above the middle
        (vehicle(), fix(pitch_deg=-20.0), (0, 20), 0, -1),
        (vehicle(roll_deg=10.0), fix(), (0, 10), 1, 1),  # right side down: what was straight below moves right
        (vehicle(), fix(roll_deg=10.0), (0, 10), 1, 1),
        (vehicle(yaw_deg=90.0), fix(roll_deg=20.0), (15, 0), 0, -1),  # lens to the right, leaning right: it looks down
    ],
)
def test_directions(camera, where, place, u_side, v_side):
    u, v = pixel_of(camera, where, *at(*place))
    for got, middle, side in ((u, CENTRE[0], u_side), (v, CENTRE[1], v_side)):
        if side == 0:
            assert got == pytest.approx(middle, abs=0.01)
        else:
            assert (got - middle) * side > 5.0


def test_height_lifts_a_point_in_the_picture():
    foot, eye_level, top = pixels_of(vehicle(), fix(), [at(0, 10)] * 3, [0.0, 1.6, 3.0])
    assert eye_level == pytest.approx(CENTRE, abs=1e-6)
    assert top[1] < eye_level[1] < foot[1]
    assert foot[1] - CENTRE[1] == pytest.approx(PLAIN.fy_px * 1.6 / 10.0)


@pytest.mark.parametrize(
    ("camera", "where", "place", "more"),
    [
        (vehicle(), fix(), (0, -10), {}),  # behind the camera
        (vehicle(), None, (0, 10), {}),  # no fix
        (vehicle(), fix(None), (0, 10), {}),  # no heading
        (vehicle(), fix(), (0, 10), {"frame_px": (640, 640)}),  # another shape
        (DroneCamera("d", PLAIN, SIGMAS), fix(), (0, 10), {}),  # a drone without its height
        (vehicle(lens=Lens(1280, 720, 700, 700, 640, 360, (-0.3, 0.0, 0.0, 0.0))), fix(), (30, 2), {}),  # folded back
    ],
)
def test_points_that_no_picture_shows(camera, where, place, more):
    assert pixel_of(camera, where, *at(*place), **more) is None


def test_a_scaled_picture_scales_the_pixel():
    u, v = pixel_of(vehicle(), fix(), *at(2, 9))
    half = pixel_of(vehicle(), fix(), *at(2, 9), frame_px=(640, 360))
    assert half == pytest.approx(((u + 0.5) / 2 - 0.5, (v + 0.5) / 2 - 0.5))


def test_a_two_wheelers_camera_sinks_and_swings_with_its_lean():
    """Leaning 20 degrees to the right over the wheels, 0.5 m above the antenna: 17 cm to the right, 10 cm lower."""
    lean = vehicle(profile="e_bike", lever_up_m=0.5)
    upright = vehicle(height_m=1.6 * np.cos(np.radians(20.0)), lever_right_m=0.5 * np.sin(np.radians(20.0)))
    where = fix(roll_deg=20.0)
    assert pixel_of(lean, where, *at(2, 9)) == pytest.approx(pixel_of(upright, where, *at(2, 9)))


angle = st.floats(-12.0, 12.0)


@st.composite
def cameras(draw):
    """Every kind of camera, rolled and with a bent lens, and where its carrier was."""
    lens = draw(st.sampled_from([LENS, PLAIN, Lens(1280, 720, 1100, 1100, 630, 370, (-0.28, 0.08, 1e-3, 1e-3))]))
    heading, roll = draw(st.floats(0.0, 359.9)), draw(angle)
    kind = draw(st.sampled_from(["fixed", "vehicle", "drone", "e_bike"]))
    if kind == "fixed":
        pitch = draw(st.floats(-40.0, -5.0))
        return FixedPose("c", 117.19, 34.26, draw(st.floats(2.0, 9.0)), heading, pitch, roll, lens, SIGMAS), None
    if kind == "drone":
        where = fix(heading, pitch_deg=draw(st.floats(-90.0, -30.0)), roll_deg=roll / 6,
                    above_ground_m=draw(st.floats(10.0, 40.0)))  # fmt: skip
        return DroneCamera("d", lens, SIGMAS), where
    body = fix(heading, pitch_deg=draw(angle) / 4, roll_deg=draw(angle))
    mount = vehicle(draw(st.floats(-180.0, 180.0)), draw(angle) - 8.0, roll / 2, lens=lens, lever_right_m=0.3,
                    lever_forward_m=0.8, lever_up_m=0.4, profile="e_bike" if kind == "e_bike" else "car")  # fmt: skip
    return mount, body


@settings(max_examples=150, deadline=None)
@given(cameras(), st.floats(40.0, 1240.0), st.floats(40.0, 700.0))
def test_a_pixel_on_the_ground_comes_back(seen, u, v):
    camera, where = seen
    foot = make_track("bicycle", [(u - 1e-3, v - 1e-3, u + 1e-3, v)], size_px=(1280, 720), fixes=[where])
    place = locate(foot, camera)
    if place is None:  # above the horizon, or too far: nothing to bring back
        return
    back = pixel_of(camera, where, place.lon_deg, place.lat_deg)
    # From straight above the place is the middle of the box, half a millipixel higher.
    assert back == pytest.approx((u, v), abs=2e-3)


@given(st.floats(40.0, 1240.0), st.floats(40.0, 700.0))
@settings(max_examples=50, deadline=None)
def test_a_pixel_comes_back_through_a_homography(u, v):
    matrix = ((0.01, -0.002, -6.0), (0.0005, -0.02, 22.0), (0.00001, 0.0015, -0.15))
    tied = FixedHomography("h", 117.19, 34.26, 4.0, 1280, 720, matrix, 0.05, SIGMAS)
    place = locate(make_track("x", [(u - 1e-3, v - 1e-3, u + 1e-3, v)], size_px=(1280, 720)), tied)
    if place is None:
        return
    assert pixel_of(tied, None, place.lon_deg, place.lat_deg) == pytest.approx((u, v), abs=1e-3)
    assert pixel_of(tied, None, place.lon_deg, place.lat_deg, height_m=1.0) is None


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 1279.0), st.floats(0.0, 719.0))
def test_a_bent_lens_bends_back(u, v):
    assert LENS.pixels(LENS.rays((u, v)))[0] == pytest.approx((u, v), abs=1e-5)
