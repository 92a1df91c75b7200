"""Conversions: known points, exact inverses, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import InputError
from detector.geo.crs import BD09, CGCS2000, GCJ02, WGS84, from_wgs84, parse_crs, to_wgs84
from detector.geo.crs.gcj import in_china_box
from detector.geo.plane import LocalPlane

ZONE_39, CM_117 = parse_crs("EPSG:4527"), parse_crs("EPSG:4548")
IN_CHINA = st.tuples(st.floats(73.5, 134.9), st.floats(18.1, 53.6))


def metres(a, b):
    """Largest distance between points (N, 2) in degrees."""
    return max(float(np.hypot(*LocalPlane(*p).east_north_m([q])[0])) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("wgs84", "gcj02", "bd09"),
    [
        ((117.19, 34.26), (117.195764501, 34.258768199), (117.202335445, 34.264530099)),  # Xuzhou
        ((117.97, 37.38), (117.975901103, 37.380646584), (117.98232499, 37.386884562)),  # Binzhou
        ((118.35, 35.05), (118.355737764, 35.049536248), (118.362278063, 35.055433892)),  # Linyi
        ((119.95, 31.78), (119.954700455, 31.777905332), (119.961251214, 31.783642221)),  # Changzhou
    ],
)
def test_an_independent_library_agrees(wgs84, gcj02, bd09):
    # made with prcoords 1.0.2 (PyPI)
    assert from_wgs84([wgs84], GCJ02)[0] == pytest.approx(gcj02, abs=2e-9)
    assert from_wgs84([wgs84], BD09)[0] == pytest.approx(bd09, abs=2e-9)


@given(st.lists(IN_CHINA, min_size=1, max_size=20), st.sampled_from([GCJ02, BD09, CGCS2000]))
def test_there_and_back_again_to_a_thousandth_of_a_millimetre(points, crs):
    back = to_wgs84(from_wgs84(points, crs), crs)
    assert np.abs(back - points).max() * 111_320.0 < 1e-6


@given(st.lists(IN_CHINA, min_size=1, max_size=20), st.sampled_from([GCJ02, BD09]))
def test_back_and_there_again(points, crs):
    again = from_wgs84(to_wgs84(points, crs), crs)
    assert np.abs(again - points).max() * 111_320.0 < 1e-6


@given(IN_CHINA)
def test_the_shift_of_a_web_map_is_some_hundred_metres(point):
    assert 50.0 < metres([point], from_wgs84([point], GCJ02)) < 900.0
    assert 200.0 < metres([point], from_wgs84([point], BD09)) < 1800.0


@given(st.floats(115.6, 118.4), st.floats(20.0, 50.0))
def test_gauss_kruger_there_and_back(lon_deg, lat_deg):
    for crs in (ZONE_39, CM_117):
        back = to_wgs84(from_wgs84([(lon_deg, lat_deg)], crs), crs)
        assert metres([(lon_deg, lat_deg)], back) < 1e-6


def test_gauss_kruger_zones_differ_by_the_number_before_the_easting():
    plain, prefixed = (from_wgs84([(117.19, 34.26)], crs) for crs in (CM_117, ZONE_39))
    assert prefixed - plain == pytest.approx(np.array([[39e6, 0.0]]))
    # on the central meridian the easting is the false easting, and the northing the meridian arc: 110.95 km a degree
    assert from_wgs84([(117.0, 34.26)], CM_117)[0] == pytest.approx((500_000.0, 3_792_400.0), abs=1500.0)


@pytest.mark.parametrize("crs", [GCJ02, BD09])
@pytest.mark.parametrize("point", [(13.4, 52.5), (-74.0, 40.7), (180.0, 90.0), (-180.0, -90.0), (140.0, 36.0)])
def test_outside_china_the_web_maps_are_not_shifted(crs, point):
    assert from_wgs84([point], crs).tolist() == [list(point)]
    assert to_wgs84([point], crs).tolist() == [list(point)]


def test_the_border_is_a_box_that_holds_more_than_china():
    seoul, ulaanbaatar, tokyo = (126.98, 37.57), (106.92, 47.92), (139.7, 35.7)
    assert in_china_box(np.array([seoul, ulaanbaatar, tokyo])).tolist() == [True, True, False]


@pytest.mark.parametrize("crs", [WGS84, GCJ02, BD09, CGCS2000, CM_117])
def test_no_points_are_no_points(crs):
    assert to_wgs84(np.zeros((0, 2)), crs).shape == (0, 2)
    assert from_wgs84([], crs).shape == (0, 2)


def test_the_input_is_left_alone():
    points = np.array([[117.19, 34.26]])
    for crs in (WGS84, GCJ02, BD09):
        to_wgs84(points, crs)[0, 0] = 0.0
    assert points.tolist() == [[117.19, 34.26]]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(1.0, 2.0, 3.0)], "coordinates have the shape (1, 3); they must be (N, 2)"),
        ([(117.0, float("nan"))], "point 0, [117.0, nan], is not finite"),
    ],
)
def test_what_is_no_coordinates(points, message):
    with pytest.raises(InputError) as raised:
        to_wgs84(points, GCJ02)
    assert message in str(raised.value)


def test_a_place_that_a_projection_cannot_show():
    with pytest.raises(InputError, match="has no place in CGCS2000 / 3-degree Gauss-Kruger CM 117E"):
        to_wgs84([(1e12, 1e12)], CM_117)


def test_the_projection_library_is_loaded_only_when_needed():
    code = (
        "import sys; from detector.geo.crs import GCJ02, to_wgs84; import detector.site\n"
        "to_wgs84([(117.19, 34.26)], GCJ02); sys.exit('loaded' if 'pyproj' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
