"""The ground a camera sees well enough, against what the forward model of the geometry says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from detector.frame import Fix
from detector.geo.camera import CameraSigmas, DroneCamera, FixedHomography, VehicleCamera
from detector.geo.project import pixels_of
from edge.coverage.footprint import RANGE_MAX_M, SIGMA_MAX_M, THING_M, THING_PX, Ring, footprint
from tests.edge.coverage.rides import LENS, PLANE, RIDING, SIGMAS, SIZE_PX, STANDING, fix


def _metres(ring: Ring | None) -> shapely.Polygon:
    assert ring is not None
    return shapely.Polygon(PLANE.east_north_m(list(ring)))


def test_a_vehicle_looks_ahead() -> None:
    seen = _metres(footprint(RIDING, fix(0.0), SIZE_PX))
    west, south, east, north = seen.bounds
    assert seen.is_valid
    # The lower edge looks down 10 + 18 degrees: the nearest ground is 2 m / tan(28 deg) ahead.
    assert west == pytest.approx(2.0 / np.tan(np.radians(10.0 + 17.99)), abs=0.2)
    assert north == pytest.approx(-south, abs=0.3)
    # The farthest is where half a degree of pitch moves a thing by 5 m.
    assert np.hypot(east, 2.0) == pytest.approx(np.sqrt(SIGMA_MAX_M * 2.0 / np.radians(0.5)), rel=0.06)


def test_a_better_mounting_sees_as_far_as_a_stall_is_large_enough() -> None:
    exact = replace(RIDING, sigmas=replace(SIGMAS, pitch_deg=0.02))
    _, _, east, _ = _metres(footprint(exact, fix(0.0), SIZE_PX)).bounds
    assert east == pytest.approx(LENS.fx_px * THING_M / THING_PX, rel=0.06)
    assert east < RANGE_MAX_M


def test_swaying_sees_less_far() -> None:
    swaying = replace(RIDING, sigmas=replace(SIGMAS, sway_pitch_deg=2.0))
    assert (
        _metres(footprint(swaying, fix(0.0), SIZE_PX)).area < 0.5 * _metres(footprint(RIDING, fix(0.0), SIZE_PX)).area
    )


@pytest.mark.parametrize("camera", [RIDING, replace(RIDING, yaw_deg=40.0, roll_deg=5.0), STANDING])
def test_what_lies_in_it_is_in_the_picture(camera: VehicleCamera) -> None:
    where = fix(3.0, 4.0, heading_deg=60.0)
    ring = footprint(camera, where, SIZE_PX)
    seen = _metres(ring)
    inner = seen.buffer(-0.3)
    rng = np.random.default_rng(1)
    west, south, east, north = seen.bounds
    points = np.column_stack((rng.uniform(west, east, 300), rng.uniform(south, north, 300)))
    points = points[shapely.contains_xy(inner, points)]
    uv = pixels_of(camera, where, PLANE.lon_lat_deg(points))
    assert len(uv) > 50
    assert ((uv >= 0) & (uv <= np.array(SIZE_PX))).all()


def test_a_drone_looks_down() -> None:
    drone = DroneCamera("drone", LENS, CameraSigmas())
    down = Fix(117.2, 34.26, 1.0, fix(0).at, heading_deg=0.0, pitch_deg=-90.0, above_ground_m=25.0)
    seen = _metres(footprint(drone, down, SIZE_PX))
    wide_m = 2 * 25.0 * np.tan(np.radians(30.0))
    assert seen.area == pytest.approx(wide_m * wide_m * 360 / 640, rel=0.02)
    assert shapely.distance(seen.centroid, shapely.Point(0, 0)) < 0.3
    # From 60 m a stall is 14 px wide: nothing of it is looked at.
    assert footprint(drone, replace(down, above_ground_m=60.0), SIZE_PX) is None


def test_a_marked_ground() -> None:
    # Looks down on 32 x 18 m of ground, 20 px for each metre, north up.
    matrix = ((0.05, 0.0, -16.0), (0.0, -0.05, 9.0), (0.0, 0.0, 1.0))
    camera = FixedHomography("yard", 117.2, 34.26, 8.0, 640, 360, matrix, 0.1, CameraSigmas())
    seen = _metres(footprint(camera, None, SIZE_PX))
    assert seen.area == pytest.approx(32 * 18, rel=0.02)
    # Half as many pixels for each metre: a stall is 15 px wide.
    coarse = tuple(tuple(2 * v for v in row) for row in matrix[:2])
    assert footprint(replace(camera, matrix=(*coarse, matrix[2])), None, SIZE_PX) is None


@pytest.mark.parametrize(
    ("camera", "where", "size_px"),
    [
        (RIDING, None, SIZE_PX),
        (RIDING, fix(0.0, heading_deg=None), SIZE_PX),
        (RIDING, fix(0.0), (480, 480)),
        (replace(RIDING, pitch_deg=40.0), fix(0.0), SIZE_PX),
        (DroneCamera("drone", LENS, CameraSigmas()), fix(0.0), SIZE_PX),
    ],
    ids=["no fix", "no heading", "another shape", "looks into the sky", "no height"],
)
def test_no_ground_is_known(camera: VehicleCamera, where: Fix | None, size_px: tuple[int, int]) -> None:
    assert footprint(camera, where, size_px) is None


def test_a_scaled_picture_shows_the_same_ground_less_far() -> None:
    exact = replace(RIDING, sigmas=replace(SIGMAS, pitch_deg=0.02))
    large = _metres(footprint(exact, fix(0.0), SIZE_PX))
    half = _metres(footprint(exact, fix(0.0), (320, 180)))
    assert half.bounds[2] == pytest.approx(large.bounds[2] / 2, rel=0.06)
    assert large.buffer(0.5).contains(half)
