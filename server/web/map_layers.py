"""What the map of a case draws, as one GeoJSON collection; there are no tiles and nothing comes from elsewhere.

Only zones near the case are drawn: a city has ten thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import structlog

from detector.errors import SiteError
from detector.geo.plane import LocalPlane
from detector.geo.zones import GRANTING, Zone, ZoneKind
from detector.site.load import load_site
from server.web.case_page import CasePage, Place
from server.web.position_error import PositionError

NEAR_M = 250.0
"""Zones within this distance of the case are drawn."""
_ZONES_MAX = 400
_PERMITS = GRANTING - {ZoneKind.GRID, ZoneKind.PRIVACY_EXCLUSION}
"""Drawn as permitted ground. Grids cover everything and are not drawn."""

_log = structlog.get_logger("kerbwatch.map")


@dataclass(frozen=True, slots=True)
class ZoneLayer:
    """The zones of a site with a tree over their polygons."""

    zones: tuple[Zone, ...]
    tree: shapely.STRtree


def collection(case: CasePage, site: Path | None) -> dict[str, Any]:
    """The map of a case: features with a ``role`` of zone, permit, pass, own, sighting or case, in drawing order."""
    features: list[dict[str, Any]] = []
    if case.place is not None:
        if site is not None:
            features += _zones_near(site, *case.place)
        for sighting in case.seen:
            if sighting.place is not None:
                features += _sighting(sighting.place, sighting.report_id)
        features.append(_point("case", case.place, sigma_m=case.error.sigma_m if case.error else None))
    return {"type": "FeatureCollection", "features": features}


def _sighting(place: Place, report_id: str) -> list[dict[str, Any]]:
    point = (place.lon_deg, place.lat_deg)
    return [
        _ellipse("pass", place.shared, point),
        _ellipse("own", place.own, point),
        _point("sighting", point, report_id=report_id),
    ]


def _ellipse(role: str, error: PositionError, point: tuple[float, float]) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": [error.ring(*point)]}
    return {"type": "Feature", "properties": {"role": role, "sigma_m": error.sigma_m}, "geometry": geometry}


def _point(role: str, point: tuple[float, float], **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": list(point)}
    return {"type": "Feature", "properties": {"role": role, **properties}, "geometry": geometry}


def _zones_near(site: Path, lon_deg: float, lat_deg: float) -> list[dict[str, Any]]:
    layer = _layer(site, max((path.stat().st_mtime_ns for path in site.rglob("*") if path.is_file()), default=0))
    corners = LocalPlane(lon_deg, lat_deg).lon_lat_deg(np.array([[-NEAR_M, -NEAR_M], [NEAR_M, NEAR_M]]))
    west, south, east, north = corners.ravel().tolist()
    near = sorted(int(i) for i in layer.tree.query(shapely.box(west, south, east, north)))[:_ZONES_MAX]
    return [_zone(layer.zones[i]) for i in near]


def _zone(zone: Zone) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {
            "role": "permit" if zone.kind in _PERMITS else "zone",
            "id": zone.zone_id,
            "kind": zone.kind.value,
            "name": zone.name.both(),
        },
        "geometry": shapely.geometry.mapping(zone.polygon),
    }


@lru_cache(maxsize=2)
def _layer(site: Path, changed_ns: int) -> ZoneLayer:
    """The zones of a site folder, read again when a file in it changes.

    A folder that does not pass its check leaves the map without zones: `kerbwatch site check` is where a city mends
    it, and a reviewer can decide without them.
    """
    try:
        zones = [zone for zone in load_site(site).zones.zones if zone.kind is not ZoneKind.GRID]
    except SiteError as wrong:
        _log.warning("zones not shown", site=str(site), changed_ns=changed_ns, error=str(wrong))
        zones = []
    return ZoneLayer(tuple(zones), shapely.STRtree([zone.polygon for zone in zones]))
