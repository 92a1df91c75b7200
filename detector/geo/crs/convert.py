"""Coordinates from one reference system to another, by way of WGS-84."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from detector.errors import InputError
from detector.geo.crs.gcj import bd09_to_gcj02, gcj02_to_bd09, gcj02_to_wgs84, wgs84_to_gcj02
from detector.geo.crs.names import Crs, Family
from detector.geo.plane import Points

if TYPE_CHECKING:
    from pyproj import Transformer


def to_wgs84(points: ArrayLike, crs: Crs) -> Points:
    """Points of a system to WGS-84.

    Args:
        points: (N, 2) longitude, latitude in degrees, or easting, northing in metres when `crs` is projected. Always
            in this order, whatever order the registry gives the axes.
        crs: the system of `points`.

    Returns:
        float64 (N, 2) longitude, latitude, WGS-84 degrees.

    Raises:
        InputError: another shape, a number that is not finite, or metres that lie in no part of the projection.
    """
    given = _checked(points)
    match crs.family:
        case Family.WGS84 | Family.CGCS2000:
            return given
        case Family.GCJ02:
            return gcj02_to_wgs84(given)
        case Family.BD09:
            return gcj02_to_wgs84(bd09_to_gcj02(given))
        case Family.GAUSS_KRUGER:
            return _projected(given, crs, inverse=True)


def from_wgs84(lon_lat_deg: ArrayLike, crs: Crs) -> Points:
    """WGS-84 longitude, latitude (N, 2) in degrees to points of a system: the inverse of `to_wgs84`.

    Raises:
        InputError: another shape, a number that is not finite, or a place that the projection cannot show.
    """
    given = _checked(lon_lat_deg)
    match crs.family:
        case Family.WGS84 | Family.CGCS2000:
            return given
        case Family.GCJ02:
            return wgs84_to_gcj02(given)
        case Family.BD09:
            return gcj02_to_bd09(wgs84_to_gcj02(given))
        case Family.GAUSS_KRUGER:
            return _projected(given, crs, inverse=False)


def _checked(points: ArrayLike) -> Points:
    array = np.array(points, np.float64, ndmin=2)
    if array.size == 0:
        return np.zeros((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"coordinates have the shape {array.shape}; they must be (N, 2)")
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InputError(f"point {row}, {array[row].tolist()}, is not finite")
    return array


def _projected(points: Points, crs: Crs, *, inverse: bool) -> Points:
    first, second = _transformer(crs.name).transform(
        points[:, 0], points[:, 1], direction="INVERSE" if inverse else "FORWARD"
    )
    turned = np.column_stack((np.asarray(first, np.float64), np.asarray(second, np.float64)))
    if not np.isfinite(turned).all():
        row = int(np.flatnonzero(~np.isfinite(turned).all(axis=1))[0])
        raise InputError(f"point {row}, {points[row].tolist()}, has no place in {crs}")
    return turned


@lru_cache(maxsize=8)
def _transformer(name: str) -> Transformer:
    """CGCS2000 longitude, latitude to a zone. PROJ is loaded here: it takes a quarter of a second."""
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4490", name, always_xy=True)
