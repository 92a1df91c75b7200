"""Walls of a site, and what a sight line meets first."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from detector.geo.walls import REACH_M, Walls, first_hit
from detector.geo.zones import Zone, ZoneIndex, ZoneKind
from detector.vocabulary import Text
from tests.detector.geo.town import MIDDLE, area


def walls(*shapes: tuple[str, Polygon | MultiPolygon]) -> Walls:
    zones = [Zone(f"{kind}-{i}", ZoneKind(kind), Text("", ""), shape) for i, (kind, shape) in enumerate(shapes)]
    return Walls.of(ZoneIndex.build(zones))


def see(found: Walls, origin: tuple[float, float], bearing_deg: float) -> float:
    """Range of the first wall, from metres east and north of the middle of the town."""
    from detector.geo.plane import LocalPlane

    at = found.zones.to_plane(LocalPlane(*MIDDLE).lon_lat_deg([origin]))
    angle = np.radians(bearing_deg)
    t, _ = first_hit(found.near(at[0]), at, np.array([[np.sin(angle), np.cos(angle)]]))
    return float(t[0])


HOUSE = ("building", area(-10, 20, 10, 30))


@pytest.mark.parametrize(
    ("origin", "bearing_deg", "range_m"),
    [
        ((0, 0), 0, 20.0),  # straight at it
        ((0, 0), 20, 20.0 / np.cos(np.radians(20))),
        ((0, 0), 45, np.inf),  # past its corner
        ((0, 0), 180, np.inf),  # the other way
        ((0, 50), 180, 20.0),  # from behind
        ((-30, 25), 90, 20.0),  # its narrow side
        ((0, 25), 0, np.inf),  # a fix that wandered into it looks out
    ],
)
def test_the_first_wall(origin, bearing_deg, range_m):
    assert see(walls(HOUSE), origin, bearing_deg) == pytest.approx(range_m, abs=0.02)


def test_the_nearer_of_two_walls_wins():
    assert see(walls(HOUSE, ("building", area(-3, 8, 3, 9))), (0, 0), 0) == pytest.approx(8.0, abs=0.02)


def test_a_shop_front_is_a_wall_where_no_building_is_drawn():
    shop = ("shop_frontage", area(-10, 17, 10, 24))
    assert see(walls(shop), (0, 0), 0) == pytest.approx(17.0, abs=0.02)
    # its line stands before the wall of its building, which is where signs hang
    assert see(walls(shop, HOUSE), (0, 0), 0) == pytest.approx(20.0, abs=0.02)


@pytest.mark.parametrize("kind", sorted(set(ZoneKind) - {ZoneKind.BUILDING, ZoneKind.SHOP_FRONTAGE}))
def test_other_zones_are_no_walls(kind):
    assert see(walls((kind, HOUSE[1])), (0, 0), 0) == np.inf


def test_a_courtyard_is_seen_from_inside():
    outer, inner = area(-20, -20, 20, 20), area(-8, -8, 8, 8)
    ring = Polygon(outer.exterior.coords, [inner.exterior.coords])
    for shape in (ring, MultiPolygon([ring]), shapely.reverse(ring)):
        assert see(walls(("building", shape)), (0, 0), 0) == pytest.approx(8.0, abs=0.02)
        assert see(walls(("building", shape)), (0, -40), 0) == pytest.approx(20.0, abs=0.02)


def test_far_walls_and_no_walls():
    assert see(walls(("building", area(-10, 3 * REACH_M, 10, 200))), (0, 0), 0) == np.inf
    assert see(walls(("grid", area(0, 0, 1, 1))), (0, 0), 0) == np.inf


@given(st.floats(-60, 60), st.floats(-15, 15), st.floats(5, 40), st.floats(-30, 30))
def test_a_hit_lies_on_the_outline_and_nothing_before_it(turn_deg, east, north, bearing_deg):
    house = shapely.affinity.rotate(Polygon([(-9, 20), (9, 20), (9, 28), (-9, 28)]), turn_deg, origin=(0, 20))
    xy = shapely.get_coordinates(shapely.orient_polygons(house))
    edges = np.column_stack((xy[:-1], xy[1:]))
    origin = np.array([[east, north - 60.0]])
    direction = np.array([[np.sin(np.radians(bearing_deg)), np.cos(np.radians(bearing_deg))]])
    t, _ = first_hit(edges, origin, direction)
    line = shapely.LineString([origin[0], origin[0] + 300.0 * direction[0]])
    crossing = shapely.intersection(line, house)
    if crossing.length < 1e-6:  # it misses, or grazes a corner
        return
    assert t[0] == pytest.approx(shapely.Point(origin[0]).distance(crossing), abs=1e-6)
