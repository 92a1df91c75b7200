"""The local plane against geocentric coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from detector.geo.plane import WGS84_A_M, WGS84_E2, LocalPlane


def geocentric(lon_deg: float, lat_deg: float) -> np.ndarray:
    """Longitude and latitude on the ellipsoid -> X, Y, Z: the closed form, nothing shared with the code under test."""
    lon, lat = np.radians((lon_deg, lat_deg))
    n = WGS84_A_M / np.sqrt(1 - WGS84_E2 * np.sin(lat) ** 2)
    return np.array([n * np.cos(lat) * np.cos(lon), n * np.cos(lat) * np.sin(lon), n * (1 - WGS84_E2) * np.sin(lat)])


def topocentric(origin: tuple[float, float], point: tuple[float, float]) -> np.ndarray:
    """East, north, up of `point` seen from `origin`."""
    lon, lat = np.radians(origin)
    delta = geocentric(*point) - geocentric(*origin)
    east = np.array([-np.sin(lon), np.cos(lon), 0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    return np.array([delta @ east, delta @ north])


@pytest.mark.parametrize(
    ("lat_deg", "east_m", "north_m", "within_m"),
    [
        (34.26, 12.0, -7.0, 1e-4),  # a street
        (60.0, -70.0, 70.0, 2e-3),  # the farthest a camera is believed, far north: the docstring's bound
        (60.0, -700.0, 700.0, 0.15),  # a quarter, far north
        (0.0, 500.0, 500.0, 1e-3),  # the equator: meridians run parallel
    ],
)
def test_plane_matches_geocentric_coordinates(lat_deg, east_m, north_m, within_m):
    plane = LocalPlane(117.19, lat_deg)
    ((lon, lat),) = plane.lon_lat_deg((east_m, north_m)).tolist()
    assert topocentric((117.19, lat_deg), (lon, lat)) == pytest.approx((east_m, north_m), abs=within_m)


@pytest.mark.parametrize(("size_m", "within_m"), [(700.0, 1e-3), (7000.0, 0.1)])
def test_distances_hold_over_a_city(size_m, within_m):
    plane = LocalPlane(117.19, 34.26)
    ((lon, lat),) = plane.lon_lat_deg((size_m, size_m)).tolist()
    chord = np.linalg.norm(geocentric(lon, lat) - geocentric(117.19, 34.26))
    radius = 6.37e6
    arc = 2 * radius * np.arcsin(chord / 2 / radius)
    assert arc == pytest.approx(np.hypot(size_m, size_m), abs=within_m)


def test_plane_round_trip_is_exact_to_a_micrometre():
    plane = LocalPlane(117.19, 34.26)
    metres = np.array([[3.0, 4.0], [-900.0, 250.0]])
    assert plane.east_north_m(plane.lon_lat_deg(metres)) == pytest.approx(metres, abs=1e-6)
