"""The district as the site folder that a city would hand over: `kerbwatch site check` and `site map` read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from benchmarks.street_sim.layout import Array, Fabric, Feature, Side
from benchmarks.street_sim.vehicle import PROFILES, RideProfile
from benchmarks.street_sim.world import PLANE, World

_KINDS = {
    Fabric.PITCH: ("vending_pitch", "摊位", "pitch"),
    Fabric.MARKET: ("market", "集市", "market"),
    Fabric.BAY: ("bike_bay", "停车区", "bay"),
    Fabric.SHOP: ("shop_frontage", "店铺", "shop"),
}
EVENING = {"daily": ["17:00-23:00"]}
MORNING = {"daily": ["06:00-09:30"]}
NO_SIGNAGE_STREETS = 2
"""The first streets are show streets: no sign there without a filing. Elsewhere the shipped rule asks a person."""


def write_site(world: World, folder: Path) -> Path:
    """Write site.yaml, zones, permits.yaml and cameras.yaml; returns `folder`."""
    (folder / "zones").mkdir(parents=True, exist_ok=True)
    _write_yaml(folder / "site.yaml", _head(world))
    _write_yaml(folder / "cameras.yaml", {"schema": "kerbwatch-cameras/1", "cameras": [_camera(p) for p in PROFILES]})
    _write_yaml(folder / "permits.yaml", {"schema": "kerbwatch-permits/1", "permits": _permits(world)})
    _write_zones(folder / "zones" / "ground.geojson", _ground(world))
    _write_zones(folder / "zones" / "permitted.geojson", [_permitted(f, world) for f in world.features])
    return folder


def _write_yaml(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _write_zones(path: Path, features: list[dict[str, object]]) -> None:
    collection = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(collection, ensure_ascii=False), encoding="utf-8")


def _head(world: World) -> dict[str, object]:
    corners = np.concatenate([_strip(side, world, 60.0) for side in world.sides])
    west, south = (PLANE.lon_lat_deg(corners.min(axis=0) - 50.0)[0]).tolist()
    east, north = (PLANE.lon_lat_deg(corners.max(axis=0) + 50.0)[0]).tolist()
    return {
        "schema": "kerbwatch-site/1",
        "name": {"zh": f"模拟街区 {world.seed}", "en": f"made-up district {world.seed}"},
        "timezone": "Asia/Shanghai",
        "crs": "WGS84",
        "bbox": [round(v, 6) for v in (west, south, east, north)],
        "synthetic_positions": True,
        "default_vehicle_camera": "car",
        "patrol_area": [[round(v, 7) for v in p] for p in PLANE.lon_lat_deg(_district_m(world)).tolist()],
    }


def _district_m(world: World) -> Array:
    """Corners of the whole district with its forecourts, (4, 2)."""
    first, last = world.sides[1], world.sides[-2]  # the right side of the first street, the left side of the last
    ends = np.array([-20.0, world.params.street_m + 20.0])
    return np.concatenate((first.plane_m(ends, 25.0), last.plane_m(ends[::-1], 25.0)))


def _strip(side: Side, world: World, deep_m: float) -> Array:
    """The ground along one side, from the middle of the road to `deep_m` from the kerb."""
    ends = np.array([-5.0, world.params.street_m + 5.0])
    return np.concatenate((side.plane_m(ends, -side.half_road_m), side.plane_m(ends[::-1], deep_m)))


def _zone(zone_id: str, kind: str, zh: str, en: str, ring_m: Array, extra: Mapping[str, object]) -> dict[str, object]:
    ring = [[round(v, 8) for v in point] for point in PLANE.lon_lat_deg(np.vstack((ring_m, ring_m[:1]))).tolist()]
    properties = {"id": zone_id, "kind": kind, "name": {"zh": zh, "en": en}, **extra}
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def _ground(world: World) -> list[dict[str, object]]:
    """Carriageway and footway are public ground; the show streets and the grids lie over them."""
    zones: list[dict[str, object]] = []
    for side in world.sides:
        ring = _strip(side, world, world.params.footway_m)
        zones.append(_zone(f"ground-{side.name}", "public_ground", f"街 {side.name}", f"street {side.name}", ring, {}))
        if side.street < NO_SIGNAGE_STREETS:
            name = f"no-signage-{side.name}"
            zones.append(_zone(name, "no_signage", f"禁设广告 {side.name}", f"no signs {side.name}", ring, {}))
    corners = _district_m(world)
    middle = (corners[0] + corners[1]) / 2.0, (corners[2] + corners[3]) / 2.0
    halves = ((corners[0], middle[0], middle[1], corners[3]), (middle[0], corners[1], corners[2], middle[1]))
    for number, half in enumerate(halves):
        code = f"320303001{number + 1:06d}"
        zones.append(_zone(code, "grid", f"网格 {code}", f"grid {code}", np.array(half), {}))
    return zones


def _permitted(feature: Feature, world: World) -> dict[str, object]:
    kind, zh, en = _KINDS[feature.fabric]
    extra: dict[str, object] = {"tolerance_m": world.params.tolerance_m}
    if feature.fabric in (Fabric.PITCH, Fabric.MARKET):
        extra["schedule"] = MORNING if feature.morning else EVENING
    if feature.capacity:
        extra["capacity"] = feature.capacity
    if feature.fabric is Fabric.SHOP:
        extra["owner"] = f"owner of {feature.feature_id}"
    drawn = feature.ring_m() + feature.shift_m
    return _zone(feature.feature_id, kind, f"{zh} {feature.feature_id}", f"{en} {feature.feature_id}", drawn, extra)


def _permits(world: World) -> list[dict[str, object]]:
    permits: list[dict[str, object]] = []
    for feature in world.features:
        if feature.fabric is Fabric.PITCH:
            until = "2026-03-31" if feature.lapsed else "2026-12-31"
            permits.append(
                {
                    "id": f"vend-{feature.feature_id}",
                    "kind": "vending",
                    "holder": f"vendor of {feature.feature_id}",
                    "zone": feature.feature_id,
                    "valid_from": "2026-01-01",
                    "valid_to": until,
                }
            )
    rng = np.random.default_rng((world.seed, 2))
    for thing in world.things:
        if thing.why == "filed":
            drawn = np.array(thing.east_north_m) + rng.normal(0.0, world.params.misdrawn_sd_m, 2)
            point = [round(v, 8) for v in PLANE.lon_lat_deg(drawn)[0].tolist()]
            permits.append(
                {
                    "id": f"sign-{thing.thing_id}",
                    "kind": "filed_sign",
                    "holder": f"owner of {thing.thing_id}",
                    "point": point,
                    "radius_m": world.params.filed_radius_m,
                }
            )
    return permits


def _camera(profile: RideProfile) -> dict[str, object]:
    """Without sigmas: a city knows what it mounted on, not how its vehicles sway, so the product's own figures hold."""
    return {
        "id": profile.camera_id,
        "name": {"zh": f"{profile.zh}（模拟）", "en": f"{profile.camera_id} (made up)"},
        "type": "vehicle",
        "image_px": [1280, 720],
        "height_m": profile.camera_height_m,
        "yaw_deg": profile.yaw_deg,
        "pitch_deg": profile.pitch_deg,
        "lever_forward_m": profile.lever_forward_m,
        "profile": "e_bike" if profile.leans else "car",
        "lens": {"horizontal_fov_deg": profile.fov_deg},
    }
