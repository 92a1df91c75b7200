"""GCJ-02 (火星坐标) and BD-09: the shifts of Chinese web maps, as formulas.

Neither has a published standard. The formula of GCJ-02 and its constants became public as source code (wgtochina_lb,
then "EvilTransform", 2013); Amap, Tencent and Google's maps of China agree with it to about a metre. It is what every
open converter uses; "exact" below means exact for this formula. That of BD-09 on top of GCJ-02 is from the same years
(coordtransform and others) and agrees with Baidu's own service to some decimetres.

Outside China both are the identity. The border in the formula is a plain box, 72.004 to 137.8347 degrees east and
0.8293 to 55.8271 north: it holds Mongolia, Korea, half of Japan and India as well, where no map is shifted. A site
there must not use these systems. Within a kilometre of the box's own edges the inverse is ambiguous; nobody lives
there on whom a Chinese map reports.

Public functions take and return float64 (N, 2) longitude, latitude in degrees; NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detector.geo.plane import Points

A_M = 6378245.0
"""Semi-major axis of the Krasovsky ellipsoid (1940), which the formula uses on WGS-84 coordinates all the same."""
E2 = 0.00669342162296594323
"""Its first eccentricity squared."""
CHINA_BOX = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north: where the formula shifts at all."""
BD_LON_DEG, BD_LAT_DEG = 0.0065, 0.006
"""BD-09's constant part."""

_ROUNDS = 12
"""The shift changes by under 1 % of a change of place, so each round of the inverse adds two digits: 1e-9 m after 6."""

_MARGIN_DEG = 0.05
"""More than the largest shift: what lies farther outside the box cannot have come from inside."""

_Column = NDArray[np.float64]


def in_china_box(lon_lat_deg: Points, margin_deg: float = 0.0) -> NDArray[np.bool_]:
    """Which points (N, 2) the formula shifts, bool (N,): the box, not the border of the country."""
    west, south, east, north = CHINA_BOX
    lon, lat = lon_lat_deg[:, 0], lon_lat_deg[:, 1]
    inside = (lon >= west - margin_deg) & (lon <= east + margin_deg)
    return inside & (lat >= south - margin_deg) & (lat <= north + margin_deg)


def wgs84_to_gcj02(lon_lat_deg: Points) -> Points:
    """What a Chinese web map calls the place of a WGS-84 point."""
    return _inside_box(lon_lat_deg, lambda wgs: wgs + _shift_deg(wgs))


def gcj02_to_wgs84(lon_lat_deg: Points) -> Points:
    """The inverse of `wgs84_to_gcj02`, by fixed-point iteration, to under 0.001 mm."""
    return _inverse(lon_lat_deg, lambda wgs: wgs + _shift_deg(wgs))


def gcj02_to_bd09(lon_lat_deg: Points) -> Points:
    """Baidu's shift on top of GCJ-02."""
    return _inside_box(lon_lat_deg, _baidu)


def bd09_to_gcj02(lon_lat_deg: Points) -> Points:
    """The inverse of `gcj02_to_bd09`, by fixed-point iteration, to under 0.001 mm."""
    return _inverse(lon_lat_deg, _baidu)


def _inside_box(points: Points, forward: Callable[[Points], Points]) -> Points:
    rows = in_china_box(points)
    moved = points.copy()
    moved[rows] = forward(points[rows])
    return moved


def _inverse(points: Points, forward: Callable[[Points], Points]) -> Points:
    rows = np.flatnonzero(in_china_box(points, _MARGIN_DEG))
    wanted = points[rows]
    found = wanted.copy()
    for _ in range(_ROUNDS):
        found = found + wanted - forward(found)
    moved = points.copy()
    shifted = in_china_box(found)  # a point that would have come from outside the box was never shifted
    moved[rows[shifted]] = found[shifted]
    return moved


def _waves(x: _Column, periods: tuple[tuple[float, float], ...]) -> _Column:
    """Sum of amplitude * sin(pi x / period), times 2/3: metres."""
    return 2.0 / 3.0 * sum((a * np.sin(np.pi * x / p) for a, p in periods), np.zeros_like(x))


_FAST = ((20.0, 1.0 / 6.0), (20.0, 0.5))
_SLOW_NORTH = ((20.0, 1.0), (40.0, 3.0), (160.0, 12.0), (320.0, 30.0))
_SLOW_EAST = ((20.0, 1.0), (40.0, 3.0), (150.0, 12.0), (300.0, 30.0))


def _shift_deg(lon_lat_deg: Points) -> Points:
    """GCJ-02 minus WGS-84 at WGS-84 points, degrees (N, 2), without a border."""
    x, y = lon_lat_deg[:, 0] - 105.0, lon_lat_deg[:, 1] - 35.0
    root = np.sqrt(np.abs(x))
    fast = _waves(x, _FAST)
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + fast + _waves(x, _SLOW_EAST)
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + fast + _waves(y, _SLOW_NORTH)
    lat_rad = np.radians(lon_lat_deg[:, 1])
    w2 = 1.0 - E2 * np.sin(lat_rad) ** 2
    east_scale = np.radians(A_M * np.cos(lat_rad) / np.sqrt(w2))
    north_scale = np.radians(A_M * (1.0 - E2) / w2**1.5)
    return np.column_stack((east_m / east_scale, north_m / north_scale))


def _baidu(gcj_deg: Points) -> Points:
    """BD-09 of GCJ-02 points, without a border: a wobble in polar coordinates of the degrees, and a constant."""
    x, y = gcj_deg[:, 0], gcj_deg[:, 1]
    wobble = np.pi * 3000.0 / 180.0
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * wobble)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * wobble)
    return np.column_stack((radius * np.cos(angle) + BD_LON_DEG, radius * np.sin(angle) + BD_LAT_DEG))
