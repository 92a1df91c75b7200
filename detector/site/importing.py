"""Bringing a layer into a site: named system in, WGS-84 out, everything doubtful refused with its likely cause."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError, SiteError
from detector.geo.crs import WGS84, Crs, parse_crs, to_wgs84
from detector.geo.crs.plausible import refuse_extent, refuse_numbers
from detector.geo.crs.shifted import Agreement, compare_layers, suspects
from detector.geo.plane import LocalPlane, Points
from detector.geo.zones import Zone, ZoneIndex, ZoneKind
from detector.output import write_whole
from detector.site.geojson import crs_name, read_collection, read_zones
from detector.site.model import SiteProblem
from detector.site.problems import FILE_MAX_BYTES, Problems, as_mapping, read_yaml
from detector.site.schema import SiteIn, ZoneIn

SITE = "site.yaml"
DRAWN_M = 5.0
"""How far from the site's other zones an honest drawing may lie and still count as lying along them."""
WGS84_URN = "urn:ogc:def:crs:OGC:1.3:CRS84"
_DEGREE_DIGITS = 9
"""0.1 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer ready to be written into a site.

    Attributes:
        collection: the GeoJSON FeatureCollection, WGS-84.
        zones: its zones, as the site will read them.
        crs: the system it came in.
        moved_median_m: how far the conversion moved its points, m; `None` when they came in metres.
        agreement: how it lies against the site's other zones.
        set_aside: properties that a zone does not have and how many features had them; kept beside the properties.
        warnings: what is odd but no error.
    """

    collection: Mapping[str, Any]
    zones: tuple[Zone, ...]
    crs: Crs
    moved_median_m: float | None
    agreement: Agreement
    set_aside: Mapping[str, int]
    warnings: tuple[str, ...]


class LayerError(InputError):
    """Features of a layer that cannot become zones; `problems` names each."""

    def __init__(self, problems: Sequence[SiteProblem]) -> None:
        self.problems = tuple(problems)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What a layer comes into: the site's extent, and the zones that lie in it without the layer."""

    bbox: tuple[float, float, float, float]
    zones: ZoneIndex


def read_surroundings(folder: Path, target: Path) -> Surroundings:
    """A site's extent and zones, but for those of the file `target`, which the layer is to be.

    A site that has no zone yet is fine: its first layer comes in this way.

    Raises:
        SiteError: site.yaml or a zone file cannot be used.
    """
    problems = Problems()
    raw = read_yaml(folder / SITE, SITE, problems)
    head = problems.read(SiteIn, raw, SITE) if raw is not None else None
    zones: list[Zone] = []
    for path in sorted((folder / "zones").glob("*.geojson")):
        if path.is_file() and path.resolve() != target.resolve():
            zones += read_zones(path, f"zones/{path.name}", head.bbox if head else None, problems)
    if problems.found or head is None:
        first = problems.found[0]
        raise SiteError(first.message, file=first.file, feature=first.feature, field=first.field)
    return Surroundings(head.bbox, ZoneIndex.build(zones))


def read_layer(
    source: Path,
    crs: Crs,
    around: Surroundings,
    *,
    kind: ZoneKind | None = None,
    sure: bool = False,
) -> Layer:
    """A GeoJSON layer of polygons as zones of a site.

    Args:
        source: a GeoJSON FeatureCollection.
        crs: the system its coordinates are in, whatever it says itself.
        around: the site it is to go into; its zones are what the layer is compared with.
        kind: of features that name none.
        sure: take it even when it looks as if it were in another system.

    Raises:
        InputError: the file, its coordinates, or how they lie against the site; the likely cause is named.
        LayerError: features that cannot become zones, all of them.
    """
    raw, content = _read(source)
    warnings = _stated_crs(raw, crs, source.name)
    if "kerbwatch_site_sha256" in raw:
        warnings.append(
            "this is a map that kerbwatch site export wrote for the public: it has no schedules, seasons, tolerances "
            "or owners, and what comes from it holds at all hours (公开地图不含时段、季节和容差，导入后视为全天有效)"
        )
    points = _points(raw, source.name)
    longitude = (around.bbox[0] + around.bbox[2]) / 2.0
    refused = refuse_numbers(points, crs, longitude) or refuse_extent(points, crs, around.bbox)
    if refused:
        raise InputError(f"{source.name}: {refused}")
    aside: Counter[str] = Counter()
    turned = to_wgs84(points, crs)
    vertices = iter(turned.round(_DEGREE_DIGITS).tolist())
    features = [
        _feature(feature, _properties(feature, f"{source.stem}-{index + 1}", kind), vertices, aside)
        for index, feature in enumerate(_features(raw))
    ]
    collection = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": WGS84_URN}},
        "kerbwatch_import": {
            "from_crs": crs.name,
            "file": source.name,
            "file_sha256": hashlib.sha256(content).hexdigest(),
        },
        "features": features,
    }
    zones = _zones(collection, source.name, around)
    areas: NDArray[np.object_] = np.array([zone.polygon for zone in zones], dtype=object)
    agreement = compare_layers(areas, around.zones, suspects(crs), DRAWN_M)
    if agreement.verdict == "shifted":
        message = _shifted_message(agreement, crs)
        if not sure:
            raise InputError(f"{source.name}: {message}, or with --sure when you know better")
        warnings.append(message)
    elif agreement.verdict == "cannot_tell":
        warnings.append(
            "the site has no zones along which this layer lies, so whether it is really in "
            f"{crs} could not be checked (附近没有可比对的区域，无法核对坐标系)"
        )
    moved = None if crs.projected else float(np.median(_apart_m(points, turned)))
    return Layer(collection, tuple(zones), crs, moved, agreement, dict(aside), tuple(warnings))


def write_layer(layer: Layer, path: Path) -> None:
    """Write a layer in one go: a reader sees the old file or the new one. Errors are those of `write_whole`."""
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps(layer.collection, ensure_ascii=False, indent=1) + "\n")


def _read(source: Path) -> tuple[dict[str, Any], bytes]:
    if not source.is_file():  # also a pipe, which nobody may ever fill
        raise InputError(f"{source} is no file (不是文件); give the layer as a GeoJSON file")
    try:
        if source.stat().st_size > FILE_MAX_BYTES:
            raise InputError(f"{source} has {source.stat().st_size} bytes, more than {FILE_MAX_BYTES}; split it")
        content = source.read_bytes()
        raw = as_mapping(json.loads(content.decode("utf-8-sig")))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{source.name} is no JSON ({error}); export the layer as GeoJSON") from error
    except RecursionError as error:
        raise InputError(f"{source.name} is nested too deep to be GeoJSON; export the layer again") from error
    if raw is None or raw.get("type") != "FeatureCollection" or not isinstance(raw.get("features"), list):
        raise InputError(f"{source.name} is no FeatureCollection; export the layer as GeoJSON")
    if not raw["features"]:
        raise InputError(f"{source.name} has no features")
    return raw, content


def _stated_crs(raw: Mapping[str, Any], crs: Crs, name: str) -> list[str]:
    """What the file says of itself against what it was named.

    Tools write WGS-84 into every GeoJSON, also over a web map in GCJ-02: that statement alone contradicts nothing.
    """
    if raw.get("crs") is None:
        return []
    stated = parse_crs(crs_name(raw["crs"]))
    if stated.family is crs.family and stated.zone == crs.zone:
        return []
    if stated == WGS84:
        return [f"the file says WGS-84 of itself; it is read as {crs}, as you say"]
    raise InputError(f"{name} says that it is in {stated}, but --crs says {crs}; re-run with --crs {stated.name}, or "
                     "take the crs member out of the file")  # fmt: skip


def _features(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [as_mapping(feature) or {} for feature in cast("list[object]", raw["features"])]


def _points(raw: Mapping[str, Any], name: str) -> Points:
    """Every vertex of the layer (N, 2), in order; what is no polygon is for `_zones` to name."""
    found: list[list[float]] = []

    def note(point: list[float]) -> list[float]:
        found.append(point[:2])
        return point

    for feature in _features(raw):
        _each_vertex((as_mapping(feature.get("geometry")) or {}).get("coordinates"), note)
    if not found:
        raise InputError(f"{name} holds no coordinates; a zone is a Polygon or MultiPolygon")
    try:
        points = np.array(found, np.float64)
    except OverflowError as error:
        raise InputError(f"{name} holds a coordinate that is no coordinate: {error}") from error
    if not np.isfinite(points).all():
        raise InputError(f"{name} holds a coordinate that is not finite (NaN or infinite)")
    return points


def _each_vertex(coordinates: object, change: Callable[[list[float]], list[float]]) -> object:
    """GeoJSON coordinates of any depth with every vertex replaced; what is no coordinates stays."""
    if not isinstance(coordinates, list):
        return coordinates
    items = cast("list[Any]", coordinates)
    if len(items) >= 2 and all(isinstance(item, int | float) for item in items):
        return change(items)
    return [_each_vertex(item, change) for item in items]


def _feature(
    given: Mapping[str, Any],
    properties: tuple[dict[str, Any], dict[str, Any]],
    vertices: Iterator[list[float]],
    aside: Counter[str],
) -> dict[str, Any]:
    """A feature with its vertices taken from `vertices`; heights are dropped."""
    taken, rest = properties
    aside.update(rest.keys())
    made: dict[str, Any] = {"type": given.get("type"), "properties": taken}
    if rest:
        made["source_properties"] = rest
    geometry = as_mapping(given.get("geometry"))
    moved = _each_vertex(geometry.get("coordinates"), lambda _: next(vertices)) if geometry else None
    made["geometry"] = {"type": geometry.get("type"), "coordinates": moved} if geometry else None
    return made


def _properties(
    feature: Mapping[str, Any], unnamed: str, kind: ZoneKind | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Properties of a zone, and those that a zone does not have. Empty ones are left out."""
    given = {key: value for key, value in (as_mapping(feature.get("properties")) or {}).items() if value is not None}
    taken = {key: value for key, value in given.items() if key in ZoneIn.model_fields}
    rest = {key: value for key, value in given.items() if key not in ZoneIn.model_fields}
    taken["id"] = str(taken.get("id") or unnamed)
    if kind is not None and taken.get("kind") not in set(ZoneKind):
        if "kind" in taken:
            rest["kind"] = taken["kind"]
        taken["kind"] = kind.value
    name = taken.get("name", taken["id"])
    taken["name"] = name if isinstance(name, dict) else {"zh": str(name), "en": str(name)}
    return taken, rest


def _zones(collection: Mapping[str, Any], name: str, around: Surroundings) -> list[Zone]:
    problems = Problems()
    zones = read_collection(collection, name, around.bbox, problems)
    seen: set[str] = set()
    for zone in zones:
        known = around.zones.zone(zone.zone_id) is not None
        if known or zone.zone_id in seen:
            where = "in the site already" if known else "twice in the layer"
            message = f"is used {where}; give each zone its own id"
            problems.add(name, message, feature=zone.zone_id, field="properties.id")
        seen.add(zone.zone_id)
    if problems.found:
        raise LayerError(problems.found)
    return zones


def _shifted_message(agreement: Agreement, crs: Crs) -> str:
    suspect = agreement.suspect
    if suspect is None or suspect.crs is None:
        return (
            f"looks like coordinates converted from GCJ-02 once too often, or the site's own zones are in GCJ-02: "
            f"{agreement.error.en} (多转换了一次，或辖区原有区域为GCJ-02：{agreement.error.zh}); compare both with "
            "a surveyed point"
        )
    looks = (
        f"looks like {suspect.name.en} given as {crs}: {agreement.error.en} "
        f"(很可能是{suspect.name.zh}坐标：{agreement.error.zh})"
    )
    if crs.projected:
        return (
            f"{looks}; whoever projected it took {suspect.name.en} for WGS-84: get the layer in degrees and re-run "
            f"with --crs {suspect.crs.name}"
        )
    return f"{looks}; re-run with --crs {suspect.crs.name}"


def _apart_m(given: Points, turned: Points) -> NDArray[np.float64]:
    plane = LocalPlane(*turned.mean(axis=0).tolist())
    off = plane.east_north_m(given) - plane.east_north_m(turned)
    return np.hypot(off[:, 0], off[:, 1])
