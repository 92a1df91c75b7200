"""Signs on walls: boxes made by the forward model come back to their wall, and what is doubtful has no place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detector.frame import Fix
from detector.geo.camera import Camera, CameraSigmas, FixedHomography, FixedPose, Lens, VehicleCamera
from detector.geo.localise import Unplaced, place_of
from detector.geo.on_wall import WALL_SIGMA_M, place_on_wall, sign_place
from detector.geo.plane import LocalPlane
from detector.geo.project import pixels_of
from detector.geo.walls import Walls
from detector.geo.zones import Zone, ZoneIndex, ZoneKind
from detector.hit import PassOffset, Place
from detector.tracks import Observation, Track
from detector.vocabulary import Text
from tests.detector.geo.town import MIDDLE, area

SIZE = (1280, 720)
LENS = Lens.from_fov(*SIZE, 80.0)
SIGMAS = CameraSigmas(pixel_px=1.0, heading_deg=0.3, pitch_deg=0.3, roll_deg=0.3)
POLE = FixedPose("pole", *MIDDLE, 3.0, 0.0, 0.0, 0.0, LENS, SIGMAS)
CAR = VehicleCamera("car", 1.6, -60.0, 5.0, 0.0, 0.0, 0.0, LENS, SIGMAS)
PLANE = LocalPlane(*MIDDLE)
START = datetime(2026, 5, 20, 2, tzinfo=UTC)
TERRACE = area(-40, 15, 40, 25)


def walls(*polygons) -> Walls:
    return Walls.of(
        ZoneIndex.build([Zone(f"b{i}", ZoneKind.BUILDING, Text("楼", "house"), p) for i, p in enumerate(polygons)])
    )


def box_of(camera: Camera, fix: Fix | None, east: float, north: float, low: float, high: float, half: float = 1.0):
    """The box of a sign facing south, `low` to `high` metres above the ground."""
    corners = PLANE.lon_lat_deg([(east - half, north), (east + half, north)] * 2)
    pixels = pixels_of(camera, fix, corners, np.array([low, low, high, high]))
    assert np.isfinite(pixels).all()
    return (*pixels.min(axis=0).tolist(), *pixels.max(axis=0).tolist())


def track(boxes: Sequence[tuple[float, ...]], fixes: Sequence[Fix | None] = ()) -> Track:
    looks = [
        Observation(
            frame_id=f"f{i}",
            seq=i,
            captured_at=START + timedelta(seconds=0.5 * i),
            xyxy=(box[0], box[1], box[2], box[3]),
            confidence=0.8,
            cue="signboard",
            fix=fixes[i] if fixes else None,
            frame_width_px=SIZE[0],
            frame_height_px=SIZE[1],
        )
        for i, box in enumerate(boxes)
    ]
    return Track("t", 0, 0, "signboard", tuple(looks), len(looks))


def drive(count: int = 8, sigma_m: float = 0.5, north: float = 0.0) -> list[Fix]:
    """Eastward at 4 m/s, twice a second, ending at the origin."""
    found = []
    for i in range(count):
        ((lon, lat),) = PLANE.lon_lat_deg([(2.0 * (i - count + 1), north)]).tolist()
        when = START + timedelta(seconds=0.5 * i)
        found.append(Fix(lon, lat, sigma_m, when, heading_deg=90.0, sigma_heading_deg=1.0, speed_m_s=4.0))
    return found


def off(place: Place | Unplaced) -> tuple[float, float]:
    assert isinstance(place, Place), place
    east, north = PLANE.east_north_m([(place.lon_deg, place.lat_deg)])[0].tolist()
    return east, north


def sigma_m(place: Place | Unplaced) -> tuple[float, float]:
    """One sigma east (along the terrace) and north (across)."""
    assert isinstance(place, Place), place
    cov = np.array(place.cov_own_m2) + np.array(place.cov_pass_m2)
    return float(np.sqrt(cov[0, 0])), float(np.sqrt(cov[1, 1]))


@pytest.mark.parametrize("east", [-9.0, -2.0, 0.0, 6.0])
@pytest.mark.parametrize(("low", "high"), [(3.5, 4.5), (2.4, 3.0), (1.2, 2.0)])
def test_a_sign_before_a_standing_camera_comes_back_to_its_wall(east, low, high):
    place = place_on_wall(track([box_of(POLE, None, east, 15.0, low, high)]), POLE, walls(TERRACE))
    assert off(place) == pytest.approx((east, 15.0), abs=0.02)
    assert isinstance(place, Place)
    assert place.method == "wall"
    assert place.above_ground_m == pytest.approx((low + high) / 2, abs=0.05)
    assert place.range_m == pytest.approx(np.hypot(east, 15.0), abs=0.05)
    assert sigma_m(place)[1] == pytest.approx(WALL_SIGMA_M, abs=0.01)


def test_a_sign_seen_on_a_drive_comes_back_to_its_wall():
    fixes = drive()
    boxes = [box_of(CAR, fix, 5.0, 15.0, 3.0, 4.0) for fix in fixes]
    place = place_on_wall(track(boxes, fixes), CAR, walls(TERRACE))
    assert off(place) == pytest.approx((5.0, 15.0), abs=0.1)
    along, across = sigma_m(place)
    assert across == pytest.approx(WALL_SIGMA_M, abs=0.05)
    assert 0.5 < along < 1.2


def test_one_box_that_was_anothers_does_not_pull():
    fixes = drive()
    boxes = [box_of(CAR, fix, 5.0, 15.0, 3.0, 4.0) for fix in fixes]
    boxes[3] = box_of(CAR, fixes[3], 12.0, 15.0, 3.0, 4.0)
    assert off(place_on_wall(track(boxes, fixes), CAR, walls(TERRACE))) == pytest.approx((5.0, 15.0), abs=0.3)


def test_the_error_along_the_wall_is_what_it_says():
    # bearings wrong by 0.3 degrees: 15 m x 0.0052 / sin(incidence)
    box = box_of(POLE, None, 9.0, 15.0, 3.5, 4.5)
    place = place_on_wall(track([box]), POLE, walls(TERRACE))
    assert isinstance(place, Place)
    turned = FixedPose("pole", *MIDDLE, 3.0, 1.0, 0.0, 0.0, LENS, SIGMAS)
    moved = off(place_on_wall(track([box]), turned, walls(TERRACE)))[0] - off(place)[0]
    per_degree = np.hypot(9.0, 15.0) ** 2 / 15.0 * np.radians(1.0)
    assert moved == pytest.approx(per_degree, rel=0.05)
    own = np.sqrt(np.array(place.cov_own_m2)[0, 0] - WALL_SIGMA_M**2)
    assert 0.3 * per_degree < own < 0.8 * per_degree


def test_a_shift_of_the_pass_slides_the_place_along_the_wall_and_its_covariance_knows():
    fixes = drive(sigma_m=3.0)
    boxes = [box_of(CAR, fix, 5.0, 15.0, 3.0, 4.0) for fix in fixes]
    seen = track(boxes, fixes)
    place = place_on_wall(seen, CAR, walls(TERRACE))
    assert isinstance(place, Place)
    shift = np.array(place.pass_shift_m2)
    assert shift[1, 1] == pytest.approx(0.0, abs=1e-3)
    for east, north in ((1.0, 0.0), (0.0, 1.0)):
        offset = PassOffset(east, north, ((0.01, 0.0), (0.0, 0.01)), 9)
        moved = place_on_wall(seen, CAR, walls(TERRACE), offset)
        assert isinstance(moved, Place)
        assert moved.offset == offset
        assert off(moved)[1] == pytest.approx(15.0, abs=0.01)
        assert sigma_m(moved)[0] < sigma_m(place)[0]
    # a camera 1 m nearer sees the sign by its slanting ray less far along
    nearer = off(place_on_wall(seen, CAR, walls(TERRACE), PassOffset(0.0, 1.0, ((0.01, 0.0), (0.0, 0.01)), 9)))
    assert nearer[0] < off(place)[0]


def test_the_heading_lever_is_how_the_place_turns():
    fixes = drive(count=1)
    box = box_of(CAR, fixes[0], 9.0, 15.0, 3.0, 4.0)
    place = place_on_wall(track([box], fixes), CAR, walls(TERRACE))
    assert isinstance(place, Place)
    turned = [
        Fix(f.lon_deg, f.lat_deg, f.sigma_m, f.at, heading_deg=90.5, sigma_heading_deg=1.0, speed_m_s=4.0)
        for f in fixes
    ]
    moved = off(place_on_wall(track([box], turned), CAR, walls(TERRACE)))[0] - off(place)[0]
    assert place.heading_lever_m[0] * np.radians(0.5) == pytest.approx(moved, rel=0.03)
    assert place.heading_lever_m[1] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("wall", "code"),
    [
        pytest.param(area(-40, 80, 40, 90), "no_wall", id="none within reach"),
        pytest.param(area(-40, -20, 40, -10), "no_wall", id="behind the camera"),
        # 20 m of wall that begins right where the sight line ends, with nothing before the next one
        pytest.param(area(0.03, 15, 20, 25), "no_wall", id="the corner may be missed"),
    ],
)
def test_no_wall_to_hang_on(wall, code):
    place = place_on_wall(track([box_of(POLE, None, 0.0, 15.0, 3.5, 4.5)]), POLE, walls(wall))
    assert place == Unplaced(code)


def test_a_wall_seen_along_its_face_is_refused():
    beside = area(1.5, -10, 12, 50)
    box = box_of(POLE, None, 1.5, 25.0, 3.5, 4.5, half=0.2)
    assert place_on_wall(track([box]), POLE, walls(beside)) == Unplaced("no_wall")


def test_two_walls_that_the_error_cannot_tell_apart_are_refused():
    # the near house ends where the sign is seen; with GNSS 5 m off it may as well hang on the far one
    near, behind = area(-30, 10, 5.5, 14), area(-40, 30, 60, 40)
    for sigma, placed in ((0.3, True), (5.0, False)):
        fixes = drive(sigma_m=sigma)
        boxes = [box_of(CAR, fix, 4.0, 10.0, 3.0, 4.0) for fix in fixes]
        found = place_on_wall(track(boxes, fixes), CAR, walls(near, behind))
        assert isinstance(found, Place) == placed


def test_a_terrace_of_houses_is_one_wall():
    houses = [area(-40 + 8 * i, 15, -32 + 8 * i, 25) for i in range(10)]
    fixes = drive(sigma_m=4.0)
    boxes = [box_of(CAR, fix, 5.0, 15.0, 3.0, 4.0) for fix in fixes]
    assert off(place_on_wall(track(boxes, fixes), CAR, walls(*houses))) == pytest.approx((5.0, 15.0), abs=0.1)


@pytest.mark.parametrize("north", [6.0, 10.0])
def test_a_board_on_the_ground_before_the_wall_stays_where_it_stands(north):
    seen = track([box_of(POLE, None, 1.0, north, 0.0, 1.4)])
    assert place_on_wall(seen, POLE, walls(TERRACE)) == Unplaced("on_ground")
    ground = place_of(seen, POLE)
    assert sign_place(seen, POLE, ground, walls(TERRACE)) is ground
    assert off(ground) == pytest.approx((1.0, north), abs=0.1)


def test_a_sign_that_seems_to_stand_behind_the_wall_hangs_on_it():
    seen = track([box_of(POLE, None, 1.0, 15.0, 1.2, 2.4)])
    ground = place_of(seen, POLE)
    assert off(ground)[1] > 20.0
    assert off(sign_place(seen, POLE, ground, walls(TERRACE))) == pytest.approx((1.0, 15.0), abs=0.05)


def test_a_sign_above_the_horizon_has_no_place_on_the_ground_and_one_on_the_wall():
    seen = track([box_of(POLE, None, 1.0, 15.0, 3.5, 4.5)])
    ground = place_of(seen, POLE)
    assert ground == Unplaced("above_horizon")
    assert off(sign_place(seen, POLE, ground, walls(TERRACE))) == pytest.approx((1.0, 15.0), abs=0.05)
    assert sign_place(seen, POLE, ground, walls(area(-40, 80, 40, 90))) == ground


@pytest.mark.parametrize(
    ("fix", "code"),
    [(None, "no_fix"), (Fix(*MIDDLE, 1.0, START), "no_heading")],
)
def test_without_fix_or_heading_there_is_no_sight_line(fix, code):
    assert place_on_wall(track([(600, 200, 680, 260)], [fix]), CAR, walls(TERRACE)) == Unplaced(code)


def test_a_picture_of_another_shape_has_no_sight_line():
    seen = track([(600, 200, 680, 260)])
    square = Observation("f", 0, START, (600, 200, 680, 260), 0.8, "signboard", None, 720, 720)
    odd = Track("t", 0, 0, "signboard", (square,), 1)
    assert isinstance(place_on_wall(seen, POLE, walls(TERRACE)), Place)
    assert place_on_wall(odd, POLE, walls(TERRACE)) == Unplaced("frame_size")


def test_marked_ground_points_tell_nothing_above_the_ground():
    camera = FixedHomography("h", *MIDDLE, 3.0, *SIZE, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), 0.1, SIGMAS)
    assert place_on_wall(track([(600, 200, 680, 260)]), camera, walls(TERRACE)) == Unplaced("no_wall")
