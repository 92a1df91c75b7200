"""A site's zones for others: a public map in a named system, without who holds which permit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from numpy.typing import NDArray

from detector.geo.crs import WGS84, Crs, from_wgs84
from detector.geo.plane import Points
from detector.geo.zones import Zone, ZoneKind
from detector.output import write_whole
from detector.site.importing import WGS84_URN
from detector.site.model import Site
from detector.vocabulary import Text

_DEGREE_DIGITS, _METRE_DIGITS = 8, 3
"""About 1 mm either way."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: features by zone kind, and how many privacy zones were left out."""

    by_kind: Mapping[ZoneKind, int]
    private_left_out: int


def export_site(site: Site, crs: Crs, path: Path, *, with_privacy: bool = False) -> Exported:
    """Write a site's zones as GeoJSON in `crs`.

    The file states its system twice: in ``crs``, as GIS tools read it, and in ``kerbwatch_crs``. What it never holds:
    who holds a permit, the name under which a sign was filed, and the owner of a shop front. Privacy zones are left
    out unless `with_privacy`: a published list of places that are not recorded tells where nobody looks.
    """
    zones = [zone for zone in site.zones.zones if with_privacy or zone.kind is not ZoneKind.PRIVACY_EXCLUSION]
    filed = {permit.permit_id for permit in site.permits if permit.point is not None}
    collection = {
        "type": "FeatureCollection",
        "name": site.name.en,
        "crs": {"type": "name", "properties": {"name": WGS84_URN if crs == WGS84 else crs.name}},
        "kerbwatch_crs": crs.name,
        "kerbwatch_site_sha256": site.sha256,
        "synthetic_positions": site.synthetic_positions,
        "features": [_feature(zone, crs, filed=zone.zone_id in filed) for zone in zones],
    }
    write_whole(path, json.dumps(collection, ensure_ascii=False) + "\n")
    return Exported(Counter(zone.kind for zone in zones), len(site.zones.zones) - len(zones))


def _feature(zone: Zone, crs: Crs, *, filed: bool) -> dict[str, Any]:
    digits = _METRE_DIGITS if crs.projected else _DEGREE_DIGITS

    def turn(points: NDArray[Any]) -> Points:
        return from_wgs84(points, crs).round(digits)

    validity = zone.validity
    # The zone of a sign filed at a point is named after who filed it.
    name = Text("已备案招牌", "filed sign") if filed else zone.name
    properties: dict[str, Any] = {"id": zone.zone_id, "kind": zone.kind.value, "name": _both(name)}
    properties["goods"] = _both(zone.goods) if zone.goods else None
    properties["hours"] = _both(validity.schedule.text) if validity.schedule else None
    properties["valid_from"] = validity.valid_from.isoformat() if validity.valid_from else None
    properties["valid_to"] = validity.valid_to.isoformat() if validity.valid_to else None
    properties["capacity"] = zone.capacity
    return {
        "type": "Feature",
        "properties": {key: value for key, value in properties.items() if value is not None},
        "geometry": json.loads(shapely.to_geojson(shapely.transform(zone.polygon, turn))),
    }


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
