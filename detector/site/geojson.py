"""Zone files: GeoJSON FeatureCollections in WGS-84, every ring looked at."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from detector.errors import InputError
from detector.geo.crs import refuse_crs
from detector.geo.dates import parse_range, parse_season
from detector.geo.schedule import Validity, parse_schedule
from detector.geo.zones import Zone, ZoneKind
from detector.site.problems import Problems, as_mapping, read_text
from detector.site.schema import ZoneIn

Bbox = tuple[float, float, float, float]
Ring = NDArray[np.float64]


def read_zones(path: Path, name: str, bbox: Bbox | None, problems: Problems) -> list[Zone]:
    """The good zones of one file; everything else becomes a problem. `bbox` is the extent site.yaml promises."""
    text = read_text(path, name, problems)
    if text is None:
        return []
    try:
        raw: object = json.loads(text)
    except ValueError as error:
        problems.add(name, f"is no JSON: {error}")
        return []
    except RecursionError:
        problems.add(name, "is nested too deep to be GeoJSON; export the layer again")
        return []
    return read_collection(raw, name, bbox, problems)


def read_collection(raw: object, name: str, bbox: Bbox | None, problems: Problems) -> list[Zone]:
    """As `read_zones`, for a FeatureCollection that was read already."""
    features = _features(raw, name, problems)
    zones = [_zone(feature, index, name, bbox, problems) for index, feature in enumerate(features)]
    return [zone for zone in zones if zone is not None]


def _features(raw: object, file: str, problems: Problems) -> Sequence[object]:
    top = as_mapping(raw)
    if top is None or top.get("type") != "FeatureCollection":
        problems.add(file, "is no FeatureCollection; export the layer as GeoJSON", field="type")
        return []
    if top.get("crs") is not None:
        refused = refuse_crs(crs_name(top["crs"]))
        if refused:
            problems.add(file, refused, field="crs")
            return []
    features = top.get("features")
    if not isinstance(features, list):
        problems.add(file, "has no list of features", field="features")
        return []
    if not features:
        problems.add(file, "has no features; draw some or remove the file", field="features")
    return cast("list[object]", features)


def crs_name(crs: object) -> str:
    """Name in the legacy ``crs`` member of GeoJSON 2008; a bare string is taken as the name."""
    member = as_mapping(crs)
    properties = as_mapping(member.get("properties")) if member else None
    return str(properties.get("name") if properties else crs)


def _zone(raw: object, index: int, file: str, bbox: Bbox | None, problems: Problems) -> Zone | None:
    feature = as_mapping(raw)
    if feature is None or feature.get("type") != "Feature":
        problems.add(file, "is no Feature", feature=str(index), field="type")
        return None
    properties = as_mapping(feature.get("properties"))
    named = properties.get("id") if properties else None
    label = str(named) if isinstance(named, str) and named else str(index)
    read = problems.read(ZoneIn, properties, file, feature=label, prefix="properties")
    polygon = _polygon(feature.get("geometry"), label, file, bbox, problems)
    validity = read_validity(read, file, label, "properties", problems) if read else None
    if read is None or polygon is None or validity is None:
        return None
    return Zone(
        zone_id=read.id,
        kind=read.kind,
        name=read.name.text(),
        polygon=polygon,
        validity=validity,
        tolerance_m=read.tolerance_m,
        capacity=1 if read.capacity is None and read.kind is ZoneKind.VENDING_PITCH else read.capacity,
        owner=read.owner,
        goods=read.goods.text() if read.goods else None,
        code=read.code,
    )


def read_validity(raw: Any, file: str, feature: str, prefix: str, problems: Problems) -> Validity | None:
    """Dates, seasons and schedule of a zone or permit model; `None` when one of them cannot be read."""
    sound = True

    def part(name: str, parse: Callable[[Any], Any], empty: Any) -> Any:
        nonlocal sound
        given = getattr(raw, name)
        try:
            return parse(given) if given is not None else empty
        except InputError as error:
            problems.add(file, str(error), feature=feature, field=".".join(p for p in (prefix, name) if p))
            sound = False
            return empty

    schedule = part("schedule", parse_schedule, None)
    ranges = part("ranges", lambda texts: tuple(map(parse_range, texts)), ())
    seasons = part("season", lambda texts: tuple(map(parse_season, texts)), ())
    return Validity(raw.valid_from, raw.valid_to, schedule, ranges, seasons) if sound else None


def _polygon(
    raw: object, feature: str, file: str, bbox: Bbox | None, problems: Problems
) -> Polygon | MultiPolygon | None:
    def wrong(message: str, field: str = "geometry.coordinates") -> None:
        problems.add(file, message, feature=feature, field=field)

    geometry = as_mapping(raw)
    if geometry is None:
        wrong("is missing; draw the zone as a Polygon", "geometry")
        return None
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        wrong(
            f"is {kind!r}; a zone is a Polygon or MultiPolygon (draw a shop line as the shop's area)", "geometry.type"
        )
        return None
    parts = coordinates if kind == "MultiPolygon" else [coordinates]
    if not isinstance(parts, list) or not parts:
        wrong(f"a {kind} needs rings of coordinates; it has none")
        return None
    polygons: list[Polygon] = []
    for part in cast("list[object]", parts):
        rings = _rings(part)
        if isinstance(rings, str):
            wrong(rings)
            return None
        misplaced = _misplaced(np.concatenate(rings), bbox)
        if misplaced:
            wrong(misplaced)
            return None
        polygons.append(Polygon(rings[0], rings[1:]))
    polygon = polygons[0] if kind == "Polygon" else MultiPolygon(polygons)
    if not shapely.is_valid(polygon):
        wrong(f"crosses itself or overlaps: {shapely.is_valid_reason(polygon)}; redraw the ring")
        return None
    if polygon.area == 0.0:
        wrong("has no area; redraw the ring")
        return None
    return polygon


def _rings(raw: object) -> list[Ring] | str:
    """Rings of one polygon as (N, 2) arrays, or what is wrong with them. A third number (height) is dropped."""
    if not isinstance(raw, list) or not raw:
        return "a Polygon needs a ring of coordinates; it has none"
    rings: list[Ring] = []
    for number, points in enumerate(cast("list[object]", raw)):
        ring = _ring(points, number)
        if isinstance(ring, str):
            return ring
        rings.append(ring)
    return rings


def _ring(raw: object, number: int) -> Ring | str:
    try:
        points = np.asarray(raw, np.float64)
    except (TypeError, ValueError, OverflowError):
        return f"ring {number} holds something that is no [longitude, latitude] pair"
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        return f"ring {number} must be a list of [longitude, latitude] pairs; its shape is {points.shape}"
    if not np.isfinite(points).all():
        return f"ring {number} holds a coordinate that is not finite (NaN or infinite)"
    if len(points) < 4:
        return f"ring {number} has {len(points)} points; a closed ring needs at least 4 (the first again as the last)"
    if not np.array_equal(points[0], points[-1]):
        first = points[0, :2].tolist()
        return f"ring {number} is not closed: its last point {points[-1, :2].tolist()} must repeat its first, {first}"
    return points[:, :2]


def _misplaced(points: Ring, bbox: Bbox | None) -> str | None:
    """Why coordinates cannot be right: projected metres, swapped axes, another city."""
    lon, lat = (float(value) for value in points.clip(-1e12, 1e12).mean(axis=0))
    if not (np.abs(points[:, 0]).max() <= 180.0 and np.abs(points[:, 1]).max() <= 90.0):
        if max(abs(lon), abs(lat)) > 360.0:
            return f"({lon:.1f}, {lat:.1f}) are metres of a projection, no degrees; export the layer as EPSG:4326"
        swapped = "; longitude and latitude are swapped" if abs(lon) <= 90.0 and abs(lat) <= 180.0 else ""
        return f"({lon:.5f}, {lat:.5f}) is not on Earth as longitude, latitude{swapped}"
    if bbox is None or _inside(points, bbox):
        return None
    if _inside(points[:, ::-1], bbox):
        return f"longitude and latitude are swapped: ({lon:.5f}, {lat:.5f}) fits the bbox the other way round"
    return f"({lon:.5f}, {lat:.5f}) lies outside the bbox {list(bbox)} of site.yaml; mend the zone or the bbox"


def _inside(points: Ring, bbox: Bbox) -> bool:
    west, south, east, north = bbox
    low, high = points.min(axis=0), points.max(axis=0)
    return bool(west <= low[0] and high[0] <= east and south <= low[1] and high[1] <= north)


def check_point(lon_deg: float, lat_deg: float, bbox: Bbox | None) -> str | None:
    """Why a single point cannot be right, as for rings; `None` when it can."""
    if not (math.isfinite(lon_deg) and math.isfinite(lat_deg)):
        return f"({lon_deg}, {lat_deg}) is not finite"
    return _misplaced(np.array([[lon_deg, lat_deg]]), bbox)
