"""The error of a point as the pages show it: one figure in metres, and the ellipse on the map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from detector.geo.plane import LocalPlane
from detector.report import Covariance

_RING_POINTS = 48


@dataclass(frozen=True, slots=True)
class PositionError:
    """A covariance in the local east-north plane, square metres."""

    ee_m2: float
    en_m2: float
    nn_m2: float

    @property
    def sigma_m(self) -> float:
        """One sigma per axis, metres: the root mean square of east and north, as patrols print it."""
        return math.sqrt((self.ee_m2 + self.nn_m2) / 2.0)

    def ring(self, lon_deg: float, lat_deg: float) -> list[tuple[float, float]]:
        """The one-sigma ellipse around a WGS-84 point: a closed ring of lon, lat degrees."""
        values, axes = np.linalg.eigh(np.array([[self.ee_m2, self.en_m2], [self.en_m2, self.nn_m2]]))
        angles = np.linspace(0.0, 2.0 * np.pi, _RING_POINTS + 1)
        circle = np.column_stack((np.cos(angles), np.sin(angles)))
        east_north = (circle * np.sqrt(np.maximum(values, 0.0))) @ axes.T
        points = LocalPlane(lon_deg, lat_deg).lon_lat_deg(east_north)
        return [(round(float(lon), 8), round(float(lat), 8)) for lon, lat in points]


def error_of(ee_m2: float | None, en_m2: float | None, nn_m2: float | None) -> PositionError | None:
    """The error in three columns; `None` where the place is unknown."""
    if ee_m2 is None or en_m2 is None or nn_m2 is None:
        return None
    return PositionError(ee_m2, en_m2, nn_m2)


def error_from(covariance: Covariance) -> PositionError:
    """The error as a report states it."""
    return PositionError(covariance.ee_m2, covariance.en_m2, covariance.nn_m2)
