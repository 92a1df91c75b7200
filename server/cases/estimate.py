"""Where a case is: positions with covariance, fused robustly, and how well two of them agree.

Works in the east-north plane at a reference point, metres, on a sphere with the local radii of WGS-84; over the
hundred metres in which things are compared the difference to the ellipsoid is below a millimetre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.fuse import fuse as robust

_SEMI_MAJOR_M = 6378137.0
_ECCENTRICITY_2 = 6.69437999014e-3
FLOOR_M2 = 0.05
"""Added to every variance: the thing itself has a size, and many sightings must not claim millimetres."""
FLOOR_SHARE = 1e-11
"""And this part of the whole: a report may give an error of a thousand kilometres without any width across, which no
float can invert."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point, WGS-84 degrees, with its whole covariance in the local east-north plane, square metres."""

    lon_deg: float
    lat_deg: float
    cov_ee_m2: float
    cov_en_m2: float
    cov_nn_m2: float

    def covariance(self) -> NDArray[np.float64]:
        """(2, 2), m², with the floor that keeps it invertible."""
        floor_m2 = FLOOR_M2 + FLOOR_SHARE * (self.cov_ee_m2 + self.cov_nn_m2)
        return np.array(
            [[self.cov_ee_m2 + floor_m2, self.cov_en_m2], [self.cov_en_m2, self.cov_nn_m2 + floor_m2]], np.float64
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two estimates agree on being one point.

    Attributes:
        distance_m: between the points.
        mahalanobis2: squared distance in sigmas of the joint error; chi-square with 2 degrees for one point.
        density_per_m2: likelihood of the offset for one point seen twice, N(d; 0, P + R).
    """

    distance_m: float
    mahalanobis2: float
    density_per_m2: float


def agreement(a: Estimate, b: Estimate) -> Agreement:
    """Compares two independent estimates of possibly the same point."""
    offset = _east_north_m(a, b)
    joint = a.covariance() + b.covariance()
    mahalanobis2 = float(offset @ np.linalg.solve(joint, offset))
    peak = 1.0 / (2.0 * math.pi * math.sqrt(float(np.linalg.det(joint))))
    return Agreement(float(np.hypot(*offset)), mahalanobis2, peak * math.exp(-mahalanobis2 / 2.0))


def fuse(estimates: Sequence[Estimate]) -> Estimate:
    """The point that independent estimates of it have in common, robust against jumps that no receiver declared.

    See `detector.geo.fuse`; the order does not matter. Given is at least one.
    """
    origin = estimates[0]
    fused = robust(
        [_east_north_m(origin, estimate) for estimate in estimates], [each.covariance() for each in estimates]
    )
    east_m, north_m = fused.mean_m.tolist()
    east_m_per_deg, north_m_per_deg = _metres_per_degree(origin.lat_deg)
    return Estimate(
        lon_deg=_wrapped(origin.lon_deg + east_m / east_m_per_deg),
        lat_deg=origin.lat_deg + north_m / north_m_per_deg,
        cov_ee_m2=float(fused.cov_m2[0, 0]),
        cov_en_m2=float(fused.cov_m2[0, 1]),
        cov_nn_m2=float(fused.cov_m2[1, 1]),
    )


def _east_north_m(origin: Estimate, point: Estimate) -> NDArray[np.float64]:
    east_m_per_deg, north_m_per_deg = _metres_per_degree(origin.lat_deg)
    return np.array(
        [
            _wrapped(point.lon_deg - origin.lon_deg) * east_m_per_deg,
            (point.lat_deg - origin.lat_deg) * north_m_per_deg,
        ]
    )


def _metres_per_degree(lat_deg: float) -> tuple[float, float]:
    """East and north metres of one degree at a latitude (radii of curvature of the prime vertical and meridian)."""
    sin2 = math.sin(math.radians(lat_deg)) ** 2
    w2 = 1.0 - _ECCENTRICITY_2 * sin2
    prime_vertical_m = _SEMI_MAJOR_M / math.sqrt(w2)
    meridian_m = prime_vertical_m * (1.0 - _ECCENTRICITY_2) / w2
    # At the poles a degree of longitude has no length; a centimetre keeps the division defined.
    east_m = max(math.radians(1.0) * prime_vertical_m * math.cos(math.radians(lat_deg)), 0.01)
    return east_m, math.radians(1.0) * meridian_m


def _wrapped(lon_deg: float) -> float:
    return (lon_deg + 180.0) % 360.0 - 180.0
