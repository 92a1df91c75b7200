"""Coordinate reference systems at the doors. Inside, everything is WGS-84 longitude and latitude."""

from __future__ import annotations

WGS84_NAMES = frozenset(
    {
        "WGS84",
        "EPSG:4326",
        "urn:ogc:def:crs:EPSG::4326",
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "urn:ogc:def:crs:OGC::CRS84",
        "OGC:CRS84",
        "CRS84",
    }
)

_WHY_NOT = {
    "GCJ02": "GCJ-02 (火星坐标, used by Amap and Tencent maps) lies 300 to 700 m away from WGS-84 in China",
    "BD09": "BD-09 (Baidu maps) lies up to about 1 km away from WGS-84 in China",
    "CGCS2000": "CGCS2000 is usually a projection in metres, and its zone and central meridian must be known",
}


def refuse_crs(name: str) -> str | None:
    """Why coordinates in `name` are not taken, with the fix; `None` when `name` means WGS-84 (lon, lat)."""
    wanted = name.strip()
    if wanted.upper() in {known.upper() for known in WGS84_NAMES}:
        return None
    plain = wanted.upper().replace("-", "").replace("_", "").replace(" ", "")
    for known, why in _WHY_NOT.items():
        if known in plain:
            return f"crs {name!r} is not taken: {why}; convert the file to WGS-84 and write crs: WGS84"
    return f"crs {name!r} is not taken: give longitude and latitude in WGS-84 (EPSG:4326)"
