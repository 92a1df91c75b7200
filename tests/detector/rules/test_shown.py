"""Lines marked in a standing camera's picture: where they decide, and where the map must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapely import Polygon

from detector.geo.camera import CameraSigmas, DroneCamera, FixedHomography, FixedPose, Lens
from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneIndex, ZoneKind
from detector.rules.law import rule_at
from detector.rules.shown import ground_gap_m, shown_by_track, shown_zones
from detector.site.model import MarkedZone
from detector.vocabulary import Kind, Text
from tests.detector.rules.test_judge import SITE, place
from tests.detector.things import make_track

LENS = Lens.from_fov(640, 480, 60.0)
CAMERA = FixedPose("cam", 117.19, 34.26, 4.0, 0.0, -20.0, 0.0, LENS, CameraSigmas(pixel_px=2.0))
LINE_V = 300.0
"""The shop's line in the picture: its goods may stand above it."""
MARK = MarkedZone("shop", ((0.0, 100.0), (640.0, 100.0), (640.0, LINE_V), (0.0, LINE_V)))


def site(kind: ZoneKind = ZoneKind.SHOP_FRONTAGE, tolerance_m: float = 0.0, marks=(MARK,)):
    zones = [z for z in SITE.zones.zones if z.zone_id != "shop"]
    shop = next(z for z in SITE.zones.zones if z.zone_id == "shop")
    zones.append(replace(shop, kind=kind, tolerance_m=tolerance_m))
    return replace(SITE, zones=ZoneIndex.build(zones), marked={"cam": tuple(marks)})


def table(foot_v: float, size_px=(640, 480), shift_u: float = 0.0):
    """A table 60 x 40 px in a 640 x 480 picture whose foot is at `foot_v`; its own error is 1.2 px, the camera's 2."""
    k = size_px[0] / 640
    box = tuple(k * edge for edge in (300.0 + shift_u, foot_v - 40.0, 360.0 + shift_u, foot_v))
    return make_track("table", [box] * 5, size_px=size_px)


SIGMA_PX = float(np.hypot(2.0, 1.2))


@pytest.mark.parametrize(
    ("foot_v", "expected"),
    [
        (250.0, True),
        (LINE_V - 2.1 * SIGMA_PX, True),
        (LINE_V - 1.9 * SIGMA_PX, None),  # too near to the line: the map decides
        (LINE_V, None),
        (LINE_V + 1.9 * SIGMA_PX, None),
        (LINE_V + 2.1 * SIGMA_PX, False),
        (470.0, False),
    ],
)
@pytest.mark.parametrize("size_px", [(640, 480), (1280, 960), (320, 240)])
def test_the_picture_decides_beside_the_line_and_not_on_it(foot_v, expected, size_px):
    # The corner of pixel centres: a picture of another size shows the same point half a pixel off.
    moved = foot_v + 0.5 - 0.5 * 640 / size_px[0]
    answer = shown_zones(table(moved, size_px), CAMERA, site())
    assert answer == ({} if expected is None else {"shop": expected})


def test_the_sides_of_the_area_count_too():
    marks = [replace(MARK, pixels=((0.0, 100.0), (280.0, 100.0), (280.0, 300.0), (0.0, 300.0)))]
    assert shown_zones(table(250.0), CAMERA, site(marks=marks)) == {"shop": False}
    assert shown_zones(table(250.0, shift_u=-150.0), CAMERA, site(marks=marks)) == {"shop": True}


def on_ground(v: float) -> float:
    """Metres straight ahead of the camera at which row `v` of the middle column shows the ground."""
    down = np.radians(20.0) + np.arctan((v - LENS.cy_px) / LENS.fy_px)
    return 4.0 / float(np.tan(down))


def test_metres_between_two_pixels():
    for camera in (CAMERA, HOMOGRAPHY):
        gap = ground_gap_m(camera, (LENS.cx_px, 300.0), (LENS.cx_px, 320.0))
        assert gap == pytest.approx(on_ground(300.0) - on_ground(320.0), rel=1e-6)
    assert ground_gap_m(CAMERA, (320.0, 300.0), (320.0, 20.0)) is None  # the sky
    assert ground_gap_m(HOMOGRAPHY, (320.0, 300.0), (320.0, 20.0)) is None


def _homography() -> FixedHomography:
    """The same camera, tied to the ground by a matrix."""
    tilt = np.radians(-20.0)
    basis = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    to_ray = np.array([[1, 0, -LENS.cx_px], [0, 0, LENS.fx_px], [0, -1, LENS.cy_px]]) / LENS.fx_px
    ray = basis @ to_ray  # (u, v, 1) to east, north, up
    rows = np.vstack((4.0 * ray[:2], -ray[2]))
    matrix = tuple(tuple(row) for row in rows.tolist())
    return FixedHomography("cam", 117.19, 34.26, 4.0, 640, 480, matrix, 0.1, CAMERA.sigmas)


HOMOGRAPHY = _homography()


@pytest.mark.parametrize("camera", [CAMERA, HOMOGRAPHY], ids=["pose", "homography"])
@pytest.mark.parametrize(
    ("kind", "beyond_m", "expected"),
    [
        (ZoneKind.SHOP_FRONTAGE, 0.15, {"shop": True}),  # half a metre of tolerance widens what permits
        (ZoneKind.SHOP_FRONTAGE, 0.5, {}),  # at the moved line
        (ZoneKind.SHOP_FRONTAGE, 1.0, {"shop": False}),
        (ZoneKind.NO_VENDING, 0.15, {"shop": False}),
        (ZoneKind.NO_VENDING, -0.5, {}),  # and narrows what forbids
        (ZoneKind.NO_VENDING, -1.0, {"shop": True}),
    ],
)
def test_tolerance_counts_in_the_citizens_favour(camera, kind, beyond_m, expected):
    near_m = on_ground(LINE_V) - beyond_m
    foot_v = LENS.cy_px + LENS.fy_px * float(np.tan(np.arctan(4.0 / near_m) - np.radians(20.0)))
    assert shown_zones(table(foot_v), camera, site(kind, tolerance_m=0.5)) == expected


def test_what_says_nothing():
    crop = make_track("table", [(300.0, 100.0, 360.0, 250.0)] * 3, size_px=(640, 272))
    hidden = make_track("table", [(10.0, 1.0, 400.0, 480.0)] * 3, size_px=(640, 480))  # its foot is out of the picture
    drone = DroneCamera("cam", LENS, CameraSigmas())
    elsewhere = replace(CAMERA, camera_id="other")
    assert shown_zones(crop, CAMERA, site()) == {}
    assert shown_zones(hidden, CAMERA, site()) == {}
    assert shown_zones(table(250.0), drone, site()) == {}
    assert shown_zones(table(250.0), elsewhere, site()) == {}
    tracks = [table(250.0), replace(table(300.0), track_id="s/0/1"), replace(table(400.0), track_id="s/0/2")]
    assert shown_by_track(tracks, CAMERA, site()) == {"s/0/0": {"shop": True}, "s/0/2": {"shop": False}}


def test_the_picture_outweighs_the_map():
    """A table half a metre before the line on a map that is a metre off: by the map inside, by the picture outside."""
    plane = LocalPlane(117.19, 34.26)
    corners = plane.lon_lat_deg([(-10, 10), (0, 10), (0, 30), (-10, 30)])
    shop = Zone("shop", ZoneKind.SHOP_FRONTAGE, Text("店", "shop"), Polygon(corners), owner="12 Demo Street")
    others = [z for z in SITE.zones.zones if z.zone_id == "footway"]
    here = replace(SITE, zones=ZoneIndex.build([shop, *others]))
    rule, track = here.rules[Kind.OUT_OF_STORE], table(400.0)
    args = (rule, place(-5, 10.4, 0.5), here, track.first_seen_at, track.last_seen_at)
    by_map, by_picture = rule_at(*args), rule_at(*args, shown={"shop": False})
    assert by_map.granted is shop
    assert by_map.probability < rule.unsure_min
    assert by_picture.granted is None
    assert by_picture.probability > rule.violation_min
    inside = rule_at(rule, place(-5, 9.0, 0.5), here, track.first_seen_at, track.last_seen_at, shown={"shop": True})
    assert inside.granted is shop
