"""What the map of a case draws, as one GeoJSON collection; there are no tiles and nothing comes from elsewhere.

Zones are shown as the site folder holds them, only those near the case: a city has ten thousand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import structlog
from shapely.geometry import shape

from detector.geo.plane import LocalPlane
from server.web.case_page import CasePage, Place
from server.web.position_error import PositionError

NEAR_M = 250.0
"""Zones within this distance of the case are drawn."""
_ZONES_MAX = 400

_log = structlog.get_logger("kerbwatch.map")


@dataclass(frozen=True, slots=True)
class Zones:
    """The zone features of a site folder with a tree over their shapes."""

    features: tuple[Mapping[str, Any], ...]
    tree: shapely.STRtree


def collection(case: CasePage, site: Path | None) -> dict[str, Any]:
    """The map of a case: features with a ``role`` of zone, pass, own, sighting or case, in drawing order."""
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
    files = sorted((site / "zones").glob("*.geojson"))
    zones = _zones(tuple((path, path.stat().st_mtime_ns) for path in files))
    corners = LocalPlane(lon_deg, lat_deg).lon_lat_deg(np.array([[-NEAR_M, -NEAR_M], [NEAR_M, NEAR_M]]))
    near = sorted(int(i) for i in zones.tree.query(shapely.box(*corners.ravel())))[:_ZONES_MAX]
    return [
        {
            "type": "Feature",
            "properties": {"role": "zone", **_described(zones.features[i])},
            "geometry": zones.features[i]["geometry"],
        }
        for i in near
    ]


def _described(feature: Mapping[str, Any]) -> dict[str, str]:
    properties = feature.get("properties") or {}
    name = properties.get("name", "")
    if isinstance(name, Mapping):
        name = " · ".join(str(part) for part in name.values())
    return {
        "id": str(properties.get("id") or feature.get("id") or ""),
        "kind": str(properties.get("kind", "")),
        "name": str(name),
    }


@lru_cache(maxsize=4)
def _zones(files: Sequence[tuple[Path, int]]) -> Zones:
    """Every zone of the files; read again when one changes. A file that cannot be read leaves the map poorer."""
    features: list[Mapping[str, Any]] = []
    shapes: list[shapely.Geometry] = []
    for path, _changed in files:
        try:
            for feature in json.loads(path.read_bytes())["features"]:
                shapes.append(shape(feature["geometry"]))
                features.append(feature)
        except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as broken:
            # `kerbwatch site check` is where a city mends it; a reviewer can decide without the layer.
            _log.warning("zones not shown", file=path.name, error=str(broken))
            del features[len(shapes) :], shapes[len(features) :]
    return Zones(tuple(features), shapely.STRtree(shapes))
