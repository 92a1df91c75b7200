"""Layers that lie along the map only when read in another system, and honest ones."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from detector.geo.crs import BD09, GCJ02, WGS84, from_wgs84, parse_crs, to_wgs84
from detector.geo.crs.shifted import Agreement, Suspect, compare, compare_layers, suspects, thin_by_distance
from detector.geo.plane import LocalPlane
from detector.geo.zones import ZoneKind
from detector.vocabulary import Text
from tests.detector.geo.town import MIDDLE, area, bays, footways, index

TOWN = index(footways())
BESIDE, FAR = (tuple(LocalPlane(*MIDDLE).lon_lat_deg([p])[0].tolist()) for p in ((1400.0, 100.0), (9000.0, 0.0)))


def layer(polygons, forward=lambda points: points):
    """Polygons as read, in WGS-84 as the reader has it."""
    return np.asarray(shapely.transform(np.array(polygons, dtype=object), forward), dtype=object)


def misread(truly, claimed):
    """Points in `truly` that a reader takes for `claimed`."""
    return lambda points: to_wgs84(from_wgs84(points, truly), claimed)


@pytest.mark.parametrize("claimed", [WGS84, GCJ02, BD09])
@pytest.mark.parametrize("truly", [WGS84, GCJ02, BD09])
def test_a_mix_up_is_named_and_an_honest_layer_fits(claimed, truly):
    found = compare_layers(layer(bays(40), misread(truly, claimed)), TOWN, suspects(claimed), 5.0)
    if truly is claimed:
        assert (found.verdict, found.suspect) == ("fits", None)
        assert found.fit > 0.5
    else:
        assert found.verdict == "shifted"
        assert found.suspect is not None
        assert found.suspect.crs == truly
        assert found.suspect_fit > 4 * found.fit


def test_the_error_is_told_as_people_say_it():
    found = compare_layers(layer(bays(40), misread(GCJ02, WGS84)), TOWN, suspects(WGS84), 5.0)
    assert found.error == Text("偏东约549米", "549 m to the east")


def test_a_layer_converted_once_too_often():
    found = compare_layers(layer(bays(40), lambda points: to_wgs84(points, GCJ02)), TOWN, suspects(WGS84), 5.0)
    assert found.verdict == "shifted"
    assert found.suspect is not None
    assert found.suspect.crs is None
    assert "once too often" in found.suspect.name.en


def test_new_roads_under_old_bays_are_compared_the_other_way_round():
    found = compare_layers(
        layer(footways(), misread(BD09, WGS84)), index(bays(60), ZoneKind.BIKE_BAY), suspects(WGS84), 5.0
    )
    assert found.verdict == "shifted"
    assert found.suspect is not None
    assert found.suspect.crs == BD09


@pytest.mark.parametrize("truly", [WGS84, GCJ02])
@pytest.mark.parametrize(
    "polygons",
    [
        pytest.param(bays(40, BESIDE), id="a new district beside the map"),
        pytest.param(bays(40, FAR), id="a new district far from the map"),
        pytest.param(bays(1, FAR), id="one bay in the fields"),
    ],
)
def test_where_the_map_cannot_tell_nothing_is_said(polygons, truly):
    found = compare_layers(layer(polygons, misread(truly, WGS84)), TOWN, suspects(WGS84), 5.0)
    assert (found.verdict, found.suspect) == ("cannot_tell", None)


@pytest.mark.parametrize("kind", [ZoneKind.GRID, ZoneKind.PRIVACY_EXCLUSION])
def test_zones_that_follow_no_street_say_nothing(kind):
    found = compare_layers(layer(bays(40), misread(GCJ02, WGS84)), index(footways(), kind), suspects(WGS84), 5.0)
    assert found.verdict == "cannot_tell"


def test_a_zone_that_holds_the_whole_town_says_nothing():
    district = index([area(-700, -700, 700, 700)], ZoneKind.NO_VENDING)
    for forward in (misread(WGS84, WGS84), misread(GCJ02, WGS84)):
        assert compare_layers(layer(bays(40), forward), district, suspects(WGS84), 5.0).verdict == "cannot_tell"


def test_a_suspect_that_moves_nothing_is_no_cause():
    still = Suspect(Text("", ""), None, lambda points: points)
    assert compare_layers(layer(bays(40, FAR)), TOWN, [still], 5.0).verdict == "cannot_tell"
    assert compare_layers(layer(bays(40)), TOWN, [still], 5.0).verdict == "fits"


def test_no_points_and_no_suspects():
    assert compare(np.zeros((0, 2)), TOWN, suspects(WGS84), 5.0) == Agreement("cannot_tell", 0.0)
    assert compare(np.array([MIDDLE]), TOWN, (), 5.0).verdict == "cannot_tell"


def test_what_a_layer_may_really_be():
    def names(claimed):
        return [str(suspect.crs) for suspect in suspects(claimed)]

    assert names(WGS84) == ["GCJ-02", "BD-09", "None"]
    assert names(GCJ02) == ["WGS-84", "BD-09"]
    assert names(parse_crs("EPSG:4548")) == ["GCJ-02", "BD-09", "None"]


@pytest.mark.parametrize(
    ("east_m", "north_m", "expected"),
    [
        (0.0, 10.0, "north"),
        (5.0, 5.0, "north-east"),
        (-7.0, 0.0, "west"),
        (1.0, -9.0, "south"),
        (-3.0, 3.0, "north-west"),
    ],
)
def test_the_eight_points_of_the_compass(east_m, north_m, expected):
    error = Agreement("shifted", 0.0, east_m=east_m, north_m=north_m).error
    assert error.en.endswith(f"to the {expected}")


def test_a_wait_at_a_light_counts_once():
    path = LocalPlane(*MIDDLE).lon_lat_deg([(0, 0), (3, 0), (4, 0), (14, 0), (16, 0), (40, 0)])
    assert len(thin_by_distance(path, 10.0)) == 3
    assert len(thin_by_distance(np.zeros((0, 2)), 10.0)) == 0
