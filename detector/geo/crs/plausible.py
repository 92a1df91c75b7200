"""Coordinates that cannot be of the system they are said to be of, and what they are more likely."""

from __future__ import annotations

import numpy as np

from detector.errors import InputError
from detector.geo.crs.convert import to_wgs84
from detector.geo.crs.names import BD09, FIRST_ZONE, GCJ02, LAST_ZONE, WGS84, Crs, gauss_kruger
from detector.geo.plane import Points

_HALF_ZONE_M = 350_000.0
"""Easting from the central meridian: a 3-degree zone has at most 167 km to either side; its users go beyond."""
_NORTHING_M = (300_000.0, 6_200_000.0)
"""Northings of China, from the southern islands to the Amur."""
_ZONE_STEP_M = 1_000_000.0
_FALSE_EASTING_M = 500_000.0


def refuse_numbers(points: Points, crs: Crs, near_lon_deg: float | None = None) -> str | None:
    """Why numbers (N, 2) cannot be coordinates of `crs`, with the likely cause and the fix; `None` when they can.

    Looks at the numbers alone: metres for degrees, swapped axes, the zone number before the easting. Whether they lie
    where they should is asked of `refuse_extent` and `detector.geo.crs.shifted`. `near_lon_deg` is where the site
    lies; with it a zone can be named for an easting that tells none.
    """
    if not len(points):
        return None
    return _refuse_projected(points, crs) if crs.projected else _refuse_degrees(points, crs, near_lon_deg)


def refuse_extent(points: Points, crs: Crs, bbox: tuple[float, float, float, float]) -> str | None:
    """Why points of `crs` are not of the site whose `bbox` (west, south, east, north, WGS-84 degrees) is given.

    Other systems, other zones and swapped axes are tried; one that puts the points inside is named.
    """
    if not len(points) or _share_inside(points, crs, bbox) == 1.0:
        return None
    lon, lat = (float(value) for value in np.median(to_wgs84(points, crs), axis=0))
    said = f"given as {crs} the layer lies about ({lon:.5f}, {lat:.5f}), outside the bbox {list(bbox)} of site.yaml"
    if not crs.projected and _share_inside(points[:, ::-1], crs, bbox) == 1.0:
        return f"{said}; longitude and latitude are swapped: it fits the other way round"
    for other in _others(crs):
        if _share_inside(points, other, bbox) == 1.0:
            return f"{said}; as {other} it would lie inside: if that is what it is, re-run with --crs {other.name}"
    return f"{said}, in whole or in part, and in no other system inside; mend the layer or the bbox"


def _refuse_degrees(points: Points, crs: Crs, near_lon_deg: float | None) -> str | None:
    low, high = np.abs(points).min(axis=0), np.abs(points).max(axis=0)
    first, second = (float(value) for value in points[0])
    if high.max() > 360.0:
        likely = _projection_of(points, near_lon_deg)
        told = likely is not None and (likely.prefixed or near_lon_deg is not None)
        fix = f"they look like {likely}: re-run with --crs {likely.name}" if likely and told else "name its zone"
        return f"({first:.1f}, {second:.1f}) are metres of a projection, but {crs} is in degrees; {fix}"
    if high[0] <= 180.0 and high[1] <= 90.0:
        return None
    if high[0] <= 90.0 and high[1] <= 180.0 and low[1] > 90.0:
        return f"({first:.5f}, {second:.5f}) has its axes swapped: write longitude first, then latitude"
    return f"({first:.5f}, {second:.5f}) is not on Earth as longitude, latitude"


def _refuse_projected(points: Points, crs: Crs) -> str | None:
    first, second = (float(value) for value in points[0])
    if np.abs(points).max() <= 360.0:
        return (
            f"({first:.5f}, {second:.5f}) are degrees, but {crs} is in metres: re-run with --crs CGCS2000, WGS84 or "
            "GCJ02, whichever they are in"
        )
    if _fits(points, crs):
        return None
    turned = points[:, ::-1]
    likely = _projection_of(points)
    if likely is None and _projection_of(turned) is not None:
        return f"({first:.1f}, {second:.1f}) has its axes swapped: a survey's X is the northing; write easting first"
    if likely is not None and likely.zone != crs.zone and likely.prefixed:
        return (
            f"the easting {first:.1f} begins with {likely.zone}: it is {likely}, not {crs}; re-run with "
            f"--crs {likely.name}"
        )
    if likely is not None:
        other = gauss_kruger(crs.zone or FIRST_ZONE, prefixed=not crs.prefixed)
        has = "has no zone number before it" if crs.prefixed else "has a zone number before it"
        return f"the easting {first:.1f} {has}, but {crs} was named; re-run with --crs {other.name}"
    return f"({first:.1f}, {second:.1f}) is no easting, northing in {crs}"


def _fits(points: Points, crs: Crs) -> bool:
    """Whether every point is in reach of the zone and of China."""
    number = crs.zone if crs.prefixed and crs.zone is not None else 0
    middle_m = _FALSE_EASTING_M + number * _ZONE_STEP_M
    east_ok = np.abs(points[:, 0] - middle_m) <= _HALF_ZONE_M
    north_ok = (points[:, 1] >= _NORTHING_M[0]) & (points[:, 1] <= _NORTHING_M[1])
    return bool((east_ok & north_ok).all())


def _projection_of(points: Points, near_lon_deg: float | None = None) -> Crs | None:
    """The zone that easting, northing look like: by the number before the easting, else the one nearest to the site."""
    number = int(points[0, 0] // _ZONE_STEP_M)
    if FIRST_ZONE <= number <= LAST_ZONE:
        likely = gauss_kruger(number, prefixed=True)
        return likely if _fits(points, likely) else None
    # Without a number every zone looks alike: the easting is good for the one nearest to the site, or for none.
    nearest = FIRST_ZONE if near_lon_deg is None else round(near_lon_deg / 3.0)
    plain = gauss_kruger(min(max(nearest, FIRST_ZONE), LAST_ZONE), prefixed=False)
    return plain if _fits(points, plain) else None


def _others(crs: Crs) -> list[Crs]:
    if not crs.projected:
        return [other for other in (WGS84, GCJ02, BD09) if other.family is not crs.family]
    zones = range(FIRST_ZONE, LAST_ZONE + 1)
    return [gauss_kruger(zone, prefixed=crs.prefixed) for zone in zones if zone != crs.zone]


def _share_inside(points: Points, crs: Crs, bbox: tuple[float, float, float, float]) -> float:
    west, south, east, north = bbox
    if refuse_numbers(points, crs) is not None:
        return 0.0
    try:
        lon_lat = to_wgs84(points, crs)
    except InputError:
        return 0.0
    lon, lat = lon_lat[:, 0], lon_lat[:, 1]
    return float(((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)).mean())
