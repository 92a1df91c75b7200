"""Ground that rises: where rays meet it, and what it does to places."""

from __future__ import annotations

import numpy as np
import pytest

from detector.geo.camera import CameraSigmas, FixedPose, Lens, VehicleCamera
from detector.geo.localise import Unplaced, locate, place_of
from detector.geo.plane import metres_per_degree
from detector.geo.project import pixel_of
from detector.geo.terrain import FINE_SIGMA_M, Terrain
from tests.detector.geo.street import LENS, ORIGIN, Pass, one_pass
from tests.detector.things import make_track

CELL_DEG = 1e-5
SIGMAS = CameraSigmas(pixel_px=0.01, heading_deg=0.01, pitch_deg=0.01, roll_deg=0.01, ground_m=0.15)


def sloping(east: float, north: float, *, base_m: float = 40.0, reach_m: float = 120.0, cell_deg=CELL_DEG) -> Terrain:
    """A plane that rises by so much per metre east and north, about the origin."""
    scale = np.array([float(v) for v in metres_per_degree(ORIGIN.lat_deg)])
    half = int(reach_m / (cell_deg * scale.min()))
    steps = np.arange(-half, half + 1) * cell_deg
    heights = base_m + north * steps[:, None] * scale[1] + east * steps[None, :] * scale[0]
    return Terrain(ORIGIN.lon_deg - half * cell_deg, ORIGIN.lat_deg - half * cell_deg, cell_deg, heights.astype("f4"))


def looking_north(**more) -> FixedPose:
    pose = {"height_m": 3.0, "heading_deg": 0.0, "pitch_deg": -8.0, "roll_deg": 0.0, "lens": LENS, "sigmas": SIGMAS}
    return FixedPose("c", ORIGIN.lon_deg, ORIGIN.lat_deg, **{**pose, **more})


def foot_of(camera, east_m, north_m, height_m, fix=None):
    lon, lat = ORIGIN.lon_lat_deg((east_m, north_m))[0]
    u, v = pixel_of(camera, fix, lon, lat, height_m)
    return make_track("stall", [(u - 0.01, v - 0.02, u + 0.01, v)], size_px=(1280, 720), fixes=[fix])


def offset_of(place):
    return ORIGIN.east_north_m((place.lon_deg, place.lat_deg))[0]


@pytest.mark.parametrize(("east", "north"), [(0.0, 0.05), (0.0, -0.05), (0.04, 0.03), (-0.08, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("target", [(0.0, 8.0), (3.0, 12.0), (-4.0, 25.0)])
def test_a_thing_on_a_slope_is_found_where_it_stands(east, north, target):
    terrain = sloping(east, north)
    track = foot_of(looking_north(), *target, east * target[0] + north * target[1])
    place = locate(track, looking_north(), terrain)
    assert offset_of(place) == pytest.approx(target, abs=0.03)
    rise = east * target[0] + north * target[1]
    if abs(rise) > 0.2:  # without the grid it is off by far more
        assert np.hypot(*(offset_of(locate(track, looking_north())) - target)) > 0.4


def test_only_differences_of_height_matter():
    track = foot_of(looking_north(), 2.0, 14.0, 0.7)
    places = [locate(track, looking_north(), sloping(0.0, 0.05, base_m=base)) for base in (0.0, 40.0)]
    assert offset_of(places[0]) == pytest.approx(offset_of(places[1]), abs=1e-3)


def test_off_the_grid_the_ground_is_flat():
    track = foot_of(looking_north(), 2.0, 14.0, 0.0)
    far = Terrain(118.0, 35.0, CELL_DEG, np.zeros((2, 2), np.float32))
    holes = sloping(0.0, 0.05)
    holes.height_m[:] = np.nan
    plain = locate(track, looking_north())
    for terrain in (far, holes):
        assert locate(track, looking_north(), terrain) == plain


def test_uphill_a_ray_above_the_horizon_meets_the_ground_and_downhill_a_ray_below_it_does_not():
    camera = looking_north(pitch_deg=0.0)
    uphill = foot_of(camera, 0.0, 40.0, 4.0)
    assert place_of(uphill, camera) == Unplaced("above_horizon")
    assert offset_of(locate(uphill, camera, sloping(0.0, 0.1))) == pytest.approx((0.0, 40.0), abs=0.1)
    downhill = foot_of(camera, 0.0, 60.0, 0.0)
    assert offset_of(locate(downhill, camera)) == pytest.approx((0.0, 60.0), abs=0.1)
    assert place_of(downhill, camera, sloping(0.0, -0.2)) == Unplaced("too_far")


@pytest.mark.parametrize(("cell_deg", "ground_m"), [(CELL_DEG, FINE_SIGMA_M), (1e-4, 0.15)])
def test_a_fine_grid_makes_surer_and_a_coarse_one_does_not(cell_deg, ground_m):
    track = foot_of(looking_north(), 0.0, 15.0, 0.0)
    place = locate(track, looking_north(), sloping(0.0, 0.0, cell_deg=cell_deg))
    # A step of the ground moves the point by step * range / height along the ray.
    assert np.sqrt(place.cov_own_m2[1][1]) == pytest.approx(ground_m * 15.0 / 3.0, rel=0.05)


def test_a_slope_carries_errors_farther_than_flat_ground():
    """Ground that falls away is met at a flatter angle."""
    sigmas = CameraSigmas(pixel_px=0.01, heading_deg=0.01, pitch_deg=0.5, roll_deg=0.01, ground_m=0.01)
    camera = looking_north(sigmas=sigmas)
    spreads = [
        np.sqrt(locate(foot_of(camera, 0.0, 15.0, slope * 15.0), camera, sloping(0.0, slope)).cov_own_m2[1][1])
        for slope in (-0.08, 0.0, 0.08)
    ]
    assert spreads[0] > spreads[1] > spreads[2]
    # The ray falls by (3 - rise) / 15 and meets ground of slope s: r^2 (1 + p^2) dp / (range * (p + s)).
    for slope, spread in zip((-0.08, 0.0, 0.08), spreads, strict=True):
        fall = (3.0 - slope * 15.0) / 15.0
        assert spread == pytest.approx(15.0 * (1 + fall**2) * np.radians(0.5) / (fall + slope), rel=0.05)


def test_straight_down_the_grid_changes_nothing():
    lens = Lens.from_fov(640, 640, 40.0)
    camera = looking_north(height_m=20.0, pitch_deg=-90.0, lens=lens)
    track = make_track("stall", [(319.4, 319.4, 319.6, 319.6)], size_px=(640, 640))
    assert offset_of(locate(track, camera, sloping(0.1, 0.1))) == pytest.approx((0.0, 0.0), abs=0.01)


def test_triangulation_stands_on_the_grid_too():
    """The same pass on a hill: told of the hill, the place is the same relative to the road."""
    seen = one_pass(Pass(gnss_sigma_m=0.01), seed=5, side_m=12.0)
    flat = place_of(seen.track, seen.camera)
    level = place_of(seen.track, seen.camera, sloping(0.0, 0.0))
    assert flat.method == level.method == "triangulated"
    assert offset_of(level) == pytest.approx(offset_of(flat), abs=0.3)
    assert np.trace(level.cov_own_m2) <= np.trace(flat.cov_own_m2)
    raised = place_of(seen.track, seen.camera, sloping(0.0, 0.05))
    assert isinstance(seen.camera, VehicleCamera)
    assert raised.method == "triangulated"
    assert offset_of(raised) != pytest.approx(offset_of(flat), abs=0.02)
