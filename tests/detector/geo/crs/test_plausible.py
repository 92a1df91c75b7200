"""Coordinates that cannot be of the system named, and the likely cause in the message."""

from __future__ import annotations

import numpy as np
import pytest

from detector.geo.crs import BD09, CGCS2000, GCJ02, WGS84, from_wgs84, parse_crs
from detector.geo.crs.plausible import refuse_extent, refuse_numbers

ZONE_39, ZONE_40 = parse_crs("EPSG:4527"), parse_crs("EPSG:4528")
CM_117, CM_120 = parse_crs("EPSG:4548"), parse_crs("EPSG:4549")
XUZHOU = np.array([(117.188, 34.257), (117.192, 34.261)])
BBOX = (117.185, 34.256, 117.196, 34.264)
URUMQI = np.array([(87.61, 43.82), (87.62, 43.83)])
URUMQI_BOX = (87.5, 43.7, 87.7, 43.9)


@pytest.mark.parametrize("crs", [WGS84, GCJ02, BD09, CGCS2000, ZONE_39, CM_117])
def test_coordinates_of_the_system_are_taken(crs):
    points = from_wgs84(XUZHOU, crs)
    assert refuse_numbers(points, crs, 117.0) is None
    assert refuse_extent(points, crs, BBOX) is None


def test_no_points_are_no_fault():
    assert refuse_numbers(np.zeros((0, 2)), WGS84) is None
    assert refuse_extent(np.zeros((0, 2)), WGS84, BBOX) is None


@pytest.mark.parametrize(
    ("points", "claimed", "message"),
    [
        (XUZHOU[:, ::-1], WGS84, "(34.25700, 117.18800) has its axes swapped: write longitude first, then latitude"),
        (from_wgs84(XUZHOU, ZONE_39), WGS84, "they look like CGCS2000 / 3-degree Gauss-Kruger zone 39 (EPSG:4527)"),
        (from_wgs84(XUZHOU, CM_117), GCJ02, "in degrees; they look like CGCS2000 / 3-degree Gauss-Kruger CM 117E"),
        (np.array([(1.3e7, 4.06e6)]), WGS84, "are metres of a projection, but WGS-84 is in degrees; name its zone"),
        (np.array([(200.0, 95.0)]), WGS84, "(200.00000, 95.00000) is not on Earth as longitude, latitude"),
        (XUZHOU, CM_117, "are degrees, but CGCS2000 / 3-degree Gauss-Kruger CM 117E (EPSG:4548) is in metres"),
        (from_wgs84(XUZHOU, CM_117)[:, ::-1], CM_117, "has its axes swapped: a survey's X is the northing"),
        (from_wgs84(XUZHOU, ZONE_39)[:, ::-1], ZONE_39, "has its axes swapped: a survey's X is the northing"),
        (from_wgs84(XUZHOU, ZONE_40), ZONE_39, "begins with 40: it is CGCS2000 / 3-degree Gauss-Kruger zone 40"),
        (from_wgs84(XUZHOU, CM_117), ZONE_39, "has no zone number before it"),
        (from_wgs84(XUZHOU, ZONE_39), CM_117, "has a zone number before it"),
        (np.array([(500_000.0, 9_000_000.0)]), CM_117, "(500000.0, 9000000.0) is no easting, northing in CGCS2000"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be(points, claimed, message):
    assert message in str(refuse_numbers(points, claimed, 117.2))


@pytest.mark.parametrize(
    ("points", "claimed", "message"),
    [
        # a wrong zone is another province: 3 degrees to the side
        (from_wgs84(XUZHOU, CM_117), CM_120, "as CGCS2000 / 3-degree Gauss-Kruger CM 117E (EPSG:4548) it would lie"),
        (from_wgs84(XUZHOU, BD09), WGS84, "as BD-09 it would lie inside"),
        (XUZHOU + np.array([1.0, 0.0]), WGS84, "in no other system inside; mend the layer or the bbox"),
    ],
)
def test_a_layer_outside_the_site(points, claimed, message):
    said = str(refuse_extent(points, claimed, BBOX))
    assert said.startswith(f"given as {claimed} the layer lies about (")
    assert message in said


def test_swapped_axes_that_are_on_earth_either_way():
    # west of 90 degrees east a latitude could be a longitude: only the site's bbox tells
    assert refuse_numbers(URUMQI[:, ::-1], WGS84) is None
    assert "longitude and latitude are swapped" in str(refuse_extent(URUMQI[:, ::-1], WGS84, URUMQI_BOX))
