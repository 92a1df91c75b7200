"""Ground points against OpenCV's projection, and their covariance against chance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detector.frame import Fix
from detector.geo.camera import CameraSigmas, FixedHomography, FixedPose, Lens, VehicleCamera
from detector.geo.localise import Unplaced, locate, place_of
from detector.geo.plane import LocalPlane
from detector.hit import Place
from tests.detector.things import MONDAY_10_LOCAL, make_track

ORIGIN = LocalPlane(117.19, 34.26)
LENS = Lens(1280, 720, 900.0, 905.0, 640.0, 355.0, (-0.12, 0.03, 0.001, -0.0005, 0.0))
SIGMAS = CameraSigmas(pixel_px=2.0, heading_deg=1.0, pitch_deg=1.0, roll_deg=1.0, ground_m=0.15, position_m=0.4)
TINY_BOX = 2.0
"""Width and height of test boxes, px: their own jitter then counts for nothing."""


def fixed(**changes) -> FixedPose:
    pose = {"height_m": 3.0, "heading_deg": 35.0, "pitch_deg": -12.0, "roll_deg": 2.0, "lens": LENS, "sigmas": SIGMAS}
    return FixedPose(camera_id="c", lon_deg=117.19, lat_deg=34.26, **{**pose, **changes})


def vehicle(**changes) -> VehicleCamera:
    mount = {"height_m": 1.6, "yaw_deg": 30.0, "pitch_deg": -6.0, "roll_deg": 1.0, "lever_right_m": 0.3,
             "lever_forward_m": 0.8, "lens": LENS, "sigmas": SIGMAS}  # fmt: skip
    return VehicleCamera(camera_id="v", **{**mount, **changes})


def fix(**changes) -> Fix:
    base = {"lon_deg": 117.19, "lat_deg": 34.26, "sigma_m": 2.5, "at": MONDAY_10_LOCAL, "heading_deg": 80.0,
            "sigma_heading_deg": 1.5}  # fmt: skip
    return Fix(**{**base, **changes})


def box_at(uv) -> tuple[float, float, float, float]:
    return (uv[0] - TINY_BOX / 2, uv[1] - TINY_BOX, uv[0] + TINY_BOX / 2, uv[1])


def world_to_camera(*turns) -> np.ndarray:
    """Rotation from east, north, up to OpenCV's camera axes, built turn by turn about named axes with Rodrigues."""
    axes = np.eye(3)  # rows: right, forward, up of a body that looks north, level
    for heading, pitch, roll in reversed(turns):
        right, forward, up = np.eye(3)
        turn = cv2.Rodrigues(-np.radians(heading) * up)[0]
        tilt = cv2.Rodrigues(np.radians(pitch) * right)[0]
        lean = cv2.Rodrigues(np.radians(roll) * forward)[0]
        axes = turn @ tilt @ lean @ axes
    right, forward, up = axes.T
    return np.array([right, -up, forward])


def project(ground_en, rotation, camera_en, height_m) -> np.ndarray:
    """Where OpenCV sees a point on the ground."""
    point = np.array([[ground_en[0], ground_en[1], 0.0]])
    position = np.array([camera_en[0], camera_en[1], height_m])
    uv, _ = cv2.projectPoints(point, cv2.Rodrigues(rotation)[0], -rotation @ position, LENS.matrix(),
                              np.array(LENS.distortion))  # fmt: skip
    return uv.reshape(2)


def offset_of(place: Place) -> np.ndarray:
    return ORIGIN.east_north_m((place.lon_deg, place.lat_deg))[0]


@pytest.mark.parametrize("target", [(4.0, 9.0), (9.0, 9.0), (6.0, 16.0), (14.0, 20.0)])
def test_fixed_camera_finds_what_opencv_projected(target):
    camera = fixed()
    uv = project(target, world_to_camera((35.0, -12.0, 2.0)), (0, 0), 3.0)
    place = locate(make_track("bicycle", [box_at(uv)], size_px=(1280, 720)), camera)
    assert place is not None
    assert offset_of(place) == pytest.approx(target, abs=0.01)
    assert place.range_m == pytest.approx(np.hypot(*target), abs=0.01)
    assert place.method == "fixed_ground"


@pytest.mark.parametrize(
    ("body_pitch", "body_roll", "target"), [(0.0, 0.0, (3.0, -6.0)), (2.0, -4.0, (5.0, -7.0)), (-1.0, 6.0, (2.0, -9.0))]
)
def test_vehicle_camera_finds_what_opencv_projected(body_pitch, body_roll, target):
    # Heading 80, camera yaw 30: it looks at bearing 110. The lever is 0.3 right and 0.8 forward of the antenna.
    ahead, right = np.radians(80.0), np.radians(170.0)
    camera_en = 0.8 * np.array([np.sin(ahead), np.cos(ahead)]) + 0.3 * np.array([np.sin(right), np.cos(right)])
    rotation = world_to_camera((80.0, body_pitch, body_roll), (30.0, -6.0, 1.0))
    shifted = camera_en + np.array([10.0, 2.0]) + np.array(target)
    uv = project(shifted, rotation, camera_en, 1.6)
    seen = fix(pitch_deg=body_pitch, roll_deg=body_roll)
    place = locate(make_track("bicycle", [box_at(uv)], size_px=(1280, 720), fixes=[seen]), vehicle())
    assert place is not None
    assert offset_of(place) == pytest.approx(shifted, abs=0.01)
    assert place.method == "vehicle_ground"


def test_scaled_pictures_give_the_same_place_and_other_shapes_none():
    uv = project((6.0, 12.0), world_to_camera((35.0, -12.0, 2.0)), (0, 0), 3.0)
    half = (uv + 0.5) / 2 - 0.5
    place = locate(make_track("bicycle", [box_at(half)], size_px=(640, 360)), fixed())
    assert place is not None
    assert offset_of(place) == pytest.approx((6.0, 12.0), abs=0.02)
    assert place_of(make_track("bicycle", [box_at(half)], size_px=(640, 640)), fixed()) == Unplaced("frame_size")


def test_own_covariance_matches_monte_carlo():
    camera, rng = fixed(), np.random.default_rng(7)
    uv = project((6.0, 12.0), world_to_camera((35.0, -12.0, 2.0)), (0, 0), 3.0)
    place = locate(make_track("bicycle", [box_at(uv)], size_px=(1280, 720)), camera)
    assert place is not None
    points = []
    for _ in range(600):
        heading, pitch, roll = np.array((35.0, -12.0, 2.0)) + rng.normal(0, 1.0, 3)
        shaken = fixed(heading_deg=heading, pitch_deg=pitch, roll_deg=roll, height_m=3.0 + rng.normal(0, 0.15))
        moved = locate(make_track("bicycle", [box_at(uv + rng.normal(0, 2.0, 2))], size_px=(1280, 720)), shaken)
        assert moved is not None
        points.append(offset_of(moved))
    assert np.array(place.cov_own_m2) == pytest.approx(np.cov(np.array(points).T), rel=0.2, abs=0.05)
    assert place.cov_pass_m2 == ((pytest.approx(0.16), 0.0), (0.0, pytest.approx(0.16)))
    assert place.sigma_heading_rad == 0.0


def test_pass_covariance_of_a_vehicle_matches_monte_carlo():
    rng = np.random.default_rng(11)
    uv = (700.0, 520.0)

    def seen(lon_lat, heading):
        track = make_track("bicycle", [box_at(uv)], size_px=(1280, 720),
                           fixes=[fix(lon_deg=lon_lat[0], lat_deg=lon_lat[1], heading_deg=heading % 360)])  # fmt: skip
        place = locate(track, vehicle())
        assert place is not None
        return place

    place = seen((117.19, 34.26), 80.0)
    sigma_heading_deg = np.hypot(1.5, 1.0)  # the fix's and the mounting's
    points = [
        offset_of(seen(ORIGIN.lon_lat_deg(rng.normal(0, 2.5, 2))[0], 80.0 + rng.normal(0, sigma_heading_deg)))
        for _ in range(600)
    ]
    assert np.array(place.cov_pass_m2) == pytest.approx(np.cov(np.array(points).T), rel=0.2, abs=0.4)
    assert place.sigma_heading_rad == pytest.approx(np.radians(sigma_heading_deg))


def test_heading_lever_and_shift_make_up_the_pass_covariance():
    track = make_track("bicycle", [box_at((700.0, 520.0))], size_px=(1280, 720), fixes=[fix()])
    place = locate(track, vehicle())
    assert place is not None
    lever = np.array(place.heading_lever_m)
    whole = np.array(place.pass_shift_m2) + np.outer(lever, lever) * place.sigma_heading_rad**2
    assert whole == pytest.approx(np.array(place.cov_pass_m2))
    # One radian of heading moves the point by its distance from the antenna, at right angles to it.
    assert np.hypot(*lever) == pytest.approx(np.hypot(*offset_of(place)), rel=1e-6)
    assert lever @ offset_of(place) == pytest.approx(0.0, abs=1e-6)


def test_many_frames_average_pixels_but_not_the_mounting():
    uv = project((6.0, 12.0), world_to_camera((35.0, -12.0, 2.0)), (0, 0), 3.0)
    one = locate(make_track("bicycle", [box_at(uv)], size_px=(1280, 720)), fixed())
    many = locate(make_track("bicycle", [box_at(uv)] * 12, size_px=(1280, 720)), fixed())
    blind = fixed(sigmas=CameraSigmas(pixel_px=1e-6, heading_deg=1.0, pitch_deg=1.0, roll_deg=1.0, ground_m=0.15))
    floor = locate(make_track("bicycle", [box_at(uv)], size_px=(1280, 720)), blind)
    assert one is not None
    assert many is not None
    assert floor is not None
    assert np.trace(floor.cov_own_m2) * 0.99 < np.trace(many.cov_own_m2) < np.trace(one.cov_own_m2)


def test_an_outlier_among_the_frames_is_pulled_in():
    uv = project((6.0, 12.0), world_to_camera((35.0, -12.0, 2.0)), (0, 0), 3.0)
    boxes = [box_at(uv)] * 6 + [box_at(uv + np.array((0.0, 90.0)))]
    place = locate(make_track("bicycle", boxes, size_px=(1280, 720)), fixed())
    assert place is not None
    assert np.hypot(*(offset_of(place) - (6.0, 12.0))) < 1.0


@pytest.mark.parametrize(
    ("box", "changes", "code"),
    [
        ((600, 100, 640, 150), {}, "above_horizon"),  # a sign up on the wall
        ((600, 150, 640, 173.0), {}, "too_far"),  # just below the horizon
        ((600, 10, 800, 719), {}, "cut_off"),  # fills the picture, its foot is out of view
    ],
)
def test_things_without_a_place(box, changes, code):
    assert place_of(make_track("signboard", [box], size_px=(1280, 720)), fixed(roll_deg=0.0, **changes)) == Unplaced(
        code
    )


@pytest.mark.parametrize(
    ("seen", "code"), [(None, "no_fix"), (fix(heading_deg=None), "no_heading")], ids=["no fix", "fix without heading"]
)
def test_a_vehicle_without_fix_or_heading_has_no_place(seen, code):
    track = make_track("bicycle", [box_at((700.0, 520.0))], size_px=(1280, 720), fixes=[seen])
    assert place_of(track, vehicle()) == Unplaced(code)
    assert locate(track, vehicle()) is None


def test_a_sign_above_the_horizon_is_known_even_without_a_fix():
    track = make_track("signboard", [(600, 10, 700, 60)], size_px=(1280, 720), fixes=[None])
    assert place_of(track, vehicle()) == Unplaced("above_horizon")


def test_a_box_cut_off_at_the_lower_edge_is_less_certain():
    whole = locate(make_track("bicycle", [(600, 560, 700, 716)], size_px=(1280, 720)), fixed())
    cut = locate(make_track("bicycle", [(600, 563, 700, 719)], size_px=(1280, 720)), fixed())
    assert whole is not None
    assert cut is not None
    assert np.trace(cut.cov_own_m2) > np.trace(whole.cov_own_m2)


def test_homography_gives_the_place_of_the_pose_it_was_measured_with():
    plain = Lens(1280, 720, 900.0, 900.0, 639.5, 359.5)
    camera = fixed(lens=plain)
    pixels = np.array([[100, 700], [1200, 700], [300, 330], [1000, 340], [640, 500]], np.float64)
    ground = []
    for uv in pixels:
        place = locate(make_track("x", [box_at(uv)], size_px=(1280, 720)), camera)
        assert place is not None
        ground.append(offset_of(place))
    matrix, _ = cv2.findHomography(pixels, np.array(ground))
    tied = FixedHomography("h", 117.19, 34.26, 3.0, 1280, 720, tuple(map(tuple, matrix.tolist())), 0.05, SIGMAS)
    track = make_track("bicycle", [(480, 300, 560, 450)], size_px=(1280, 720))
    by_pose, by_points = locate(track, camera), locate(track, tied)
    assert by_pose is not None
    assert by_points is not None
    assert offset_of(by_points) == pytest.approx(offset_of(by_pose), abs=0.01)
    assert by_points.method == "fixed_homography"
    assert place_of(make_track("signboard", [(480, 20, 560, 60)], size_px=(1280, 720)), tied) == Unplaced(
        "above_horizon"
    )


@pytest.mark.parametrize(("pitch_deg", "contact_row"), [(-90.0, 300.0), (-75.0, 300.0), (-70.0, 340.0)])
def test_from_straight_above_the_middle_of_the_box_is_the_place(pitch_deg, contact_row):
    """A parasol from above stands at its middle, not at its lower edge; a slanting view keeps the lower edge."""
    lens = Lens.from_fov(640, 640, 11.0)
    camera = fixed(height_m=100.0, pitch_deg=pitch_deg, heading_deg=0.0, roll_deg=0.0, lens=lens)
    parasol = make_track("stall", [(200.0, 260.0, 280.0, 340.0)], size_px=(640, 640))
    foot = make_track("stall", [(239.0, contact_row - 1.0, 241.0, contact_row + 1.0)], size_px=(640, 640))
    off = 1.0 if pitch_deg > -75.0 else 0.0  # the lower edge of the tiny box lies one pixel under its middle
    per_px = 2.0 * 100.0 * np.tan(np.radians(5.5)) / 640.0
    gap_m = np.hypot(*(offset_of(locate(parasol, camera)) - offset_of(locate(foot, camera))))
    assert gap_m <= (off + 0.01) * per_px * 1.3


def test_from_above_a_cut_off_outline_is_less_certain():
    lens, sigmas = Lens.from_fov(640, 640, 11.0), CameraSigmas(pitch_deg=0.05, roll_deg=0.05, heading_deg=0.05)
    camera = fixed(height_m=100.0, pitch_deg=-90.0, heading_deg=0.0, roll_deg=0.0, lens=lens, sigmas=sigmas)
    sizes = [
        np.trace(locate(make_track("stall", [box], size_px=(640, 640)), camera).cov_own_m2)
        for box in [(300.0, 200.0, 380.0, 280.0), (300.0, 0.0, 380.0, 80.0), (0.0, 200.0, 80.0, 280.0)]
    ]
    assert sizes[1] > 1.5 * sizes[0]
    assert sizes[2] > 1.5 * sizes[0]
