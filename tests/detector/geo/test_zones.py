"""Zones under a position error, and ten thousand of them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon

from detector.errors import InputError
from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneIndex, ZoneKind, cloud
from detector.vocabulary import Text

PLANE = LocalPlane(117.19, 34.26)
NAME = Text("区", "zone")


def square(zone_id: str, east: float, north: float, size: float, kind=ZoneKind.BIKE_BAY, **fields) -> Zone:
    corners = [(east, north), (east + size, north), (east + size, north + size), (east, north + size)]
    return Zone(zone_id, kind, NAME, Polygon(PLANE.lon_lat_deg(corners)), **fields)


def at(east: float, north: float, sigma_m: float = 0.0, cov=None):
    ((lon, lat),) = PLANE.lon_lat_deg((east, north)).tolist()
    return cloud(lon, lat, cov or ((sigma_m**2, 0.0), (0.0, sigma_m**2)))


def normal_cdf(z: float) -> float:
    from math import erf, sqrt

    return 0.5 * (1 + erf(z / sqrt(2)))


def test_cloud_has_the_covariance_it_was_given():
    cov = ((4.0, 1.5), (1.5, 1.0))
    spread = PLANE.east_north_m(at(0, 0, cov=cov).lon_lat_deg)
    assert spread.mean(axis=0) == pytest.approx((0, 0), abs=1e-3)
    assert np.cov(spread.T, bias=True) == pytest.approx(np.array(cov), abs=0.05)


@pytest.mark.parametrize("cov", [((1.0, 2.0), (2.0, 1.0)), ((-1.0, 0.0), (0.0, 1.0)), ((float("nan"), 0), (0, 1))])
def test_what_is_no_covariance_is_refused(cov):
    with pytest.raises(InputError, match="is no covariance"):
        cloud(117.19, 34.26, cov)


@pytest.mark.parametrize(
    ("east", "sigma_m"), [(-3.0, 2.0), (-0.5, 1.0), (0.0, 1.0), (1.0, 3.0), (5.0, 1.0), (5.0, 8.0)]
)
def test_membership_matches_the_exact_probability(east, sigma_m):
    index = ZoneIndex.build([square("bay", 0.0, -5.0, 10.0)])
    found = index.membership(at(east, 0.0, sigma_m))
    across = normal_cdf((10 - east) / sigma_m) - normal_cdf(-east / sigma_m)
    along = normal_cdf(5 / sigma_m) - normal_cdf(-5 / sigma_m)
    assert float(found.inside.mean()) == pytest.approx(across * along, abs=0.015)


def test_tolerance_widens_what_grants_and_narrows_what_forbids():
    bay = square("bay", 0, 0, 10, tolerance_m=0.5)
    ban = square("ban", 0, 0, 10, ZoneKind.NO_VENDING, tolerance_m=0.5)
    index = ZoneIndex.build([bay, ban])
    assert [z.zone_id for z in index.membership(at(-0.4, 5)).zones] == ["bay"]
    assert [z.zone_id for z in index.membership(at(0.4, 5)).zones] == ["bay"]
    assert [z.zone_id for z in index.membership(at(0.6, 5)).zones] == ["bay", "ban"]
    assert [z.zone_id for z in index.membership(at(-0.6, 5)).zones] == []


def test_nearest_distance_is_in_metres_both_ways():
    index = ZoneIndex.build([square("east", 10, 0, 2), square("north", 0, 12.5, 2), square("shop", 3, 0, 1,
                             ZoneKind.SHOP_FRONTAGE)])  # fmt: skip
    ((lon, lat),) = PLANE.lon_lat_deg((0.5, 0.5)).tolist()
    near = index.nearest(lon, lat, [ZoneKind.BIKE_BAY], 60.0)
    assert near is not None
    assert (near.zone.zone_id, near.distance_m) == ("east", pytest.approx(9.5, abs=0.01))
    assert index.nearest(lon, lat, [ZoneKind.BIKE_BAY], 9.0) is None
    assert index.nearest(lon, lat, [ZoneKind.MARKET], 60.0) is None


def test_holes_and_parts_count():
    ring = Polygon(
        PLANE.lon_lat_deg([(0, 0), (9, 0), (9, 9), (0, 9)]), [PLANE.lon_lat_deg([(3, 3), (6, 3), (6, 6), (3, 6)])]
    )
    far = Polygon(PLANE.lon_lat_deg([(20, 0), (22, 0), (22, 2), (20, 2)]))
    index = ZoneIndex.build([Zone("z", ZoneKind.BIKE_BAY, NAME, MultiPolygon([ring, far]))])
    assert len(index.membership(at(4.5, 4.5)).zones) == 0
    assert len(index.membership(at(1, 1)).zones) == 1
    assert len(index.membership(at(21, 1)).zones) == 1


def test_an_index_without_zones_answers():
    index = ZoneIndex.build([])
    assert index.membership(at(0, 0, 3.0)).zones == ()
    assert index.nearest(117.19, 34.26, list(ZoneKind), 60.0) is None


def test_ten_thousand_zones_answer_like_a_plain_loop():
    rng = np.random.default_rng(3)
    places = rng.uniform(-4000, 4000, (10_000, 2))
    zones = [square(str(i), e, n, 20.0) for i, (e, n) in enumerate(places.tolist())]
    index = ZoneIndex.build(zones)
    for east, north in rng.uniform(-3000, 3000, (4, 2)).tolist():
        spot = at(east, north, 3.0)
        expected = [z.zone_id for z in zones if shapely.contains_xy(z.polygon, *spot.lon_lat_deg.T).any()]
        assert [z.zone_id for z in index.membership(spot).zones] == expected
