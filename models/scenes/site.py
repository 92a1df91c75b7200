"""A scene's site as the folder that a city would edit, so that it is read and checked as any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from detector.geo.camera import FixedPose
from detector.geo.plane import LocalPlane
from detector.site import Site, load_site
from models.scenes.ground import on_ground, ring
from models.scenes.schema import PermitIn, SceneIn, ZoneIn

REACH_M = 300.0
"""Half the side of the made-up site: beyond anything that a camera places."""
TIMEZONE = "Asia/Shanghai"


def write_site(scene: SceneIn, camera: FixedPose, folder: Path) -> Site:
    """Write the site folder of a scene and read it back.

    Raises:
        ScenesError: a zone is drawn above the horizon.
        SiteError: the site's own checks refuse it; the message names file and field.
    """
    (folder / "zones").mkdir(parents=True)
    (folder / "rules").mkdir()
    plane = LocalPlane(camera.lon_deg, camera.lat_deg)
    (west, south), (east, north) = plane.lon_lat_deg([(-REACH_M, -REACH_M), (REACH_M, REACH_M)]).tolist()
    head = {
        "schema": "kerbwatch-site/1",
        "name": {"zh": f"场景 {scene.id}（虚构）", "en": f"scene {scene.id} (made up)"},
        "timezone": TIMEZONE,
        "crs": "WGS84",
        "bbox": [west, south, east, north],
        "synthetic_positions": True,
        "patrol_area": [[west, south], [east, south], [east, north], [west, north]],
    }
    _dump(folder / "site.yaml", head)
    _dump(folder / "cameras.yaml", {"schema": "kerbwatch-cameras/1", "cameras": [_camera(camera)]})
    features = [_feature(name, zone, camera) for name, zone in scene.zones.items()]
    collection = {"type": "FeatureCollection", "features": features}
    (folder / "zones" / "scene.geojson").write_text(json.dumps(collection), encoding="utf-8")
    if scene.permits:
        permits = [_permit(name, permit, camera) for name, permit in scene.permits.items()]
        _dump(folder / "permits.yaml", {"schema": "kerbwatch-permits/1", "permits": permits})
    for kind, override in scene.rules.items():
        _dump(folder / "rules" / f"{kind}.yaml", {"kind": str(kind), **override})
    return load_site(folder)


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _camera(camera: FixedPose) -> dict[str, Any]:
    lens, sigmas = camera.lens, camera.sigmas
    return {
        "id": camera.camera_id,
        "name": {"zh": "场景相机", "en": "camera of the scene"},
        "type": "fixed",
        "image_px": [lens.width_px, lens.height_px],
        "lon_deg": camera.lon_deg,
        "lat_deg": camera.lat_deg,
        "height_m": camera.height_m,
        "heading_deg": camera.heading_deg,
        "pitch_deg": camera.pitch_deg,
        "roll_deg": camera.roll_deg,
        "lens": {"fx_px": lens.fx_px, "fy_px": lens.fy_px, "cx_px": lens.cx_px, "cy_px": lens.cy_px},
        "sigmas": {
            "pixel_px": sigmas.pixel_px,
            "heading_deg": sigmas.heading_deg,
            "pitch_deg": sigmas.pitch_deg,
            "roll_deg": sigmas.roll_deg,
            "ground_m": sigmas.ground_m,
            "position_m": sigmas.position_m,
        },
    }


def _feature(name: str, zone: ZoneIn, camera: FixedPose) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "id": name,
        "kind": str(zone.kind),
        "name": {"zh": name, "en": name},
        "tolerance_m": zone.tolerance_m,
    }
    if zone.schedule is not None:
        properties["schedule"] = {days: list(hours) for days, hours in zone.schedule.items()}
    if zone.capacity is not None:
        properties["capacity"] = zone.capacity
    geometry = {"type": "Polygon", "coordinates": [ring(camera, zone.px)]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _permit(name: str, permit: PermitIn, camera: FixedPose) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": name, "kind": permit.kind, "holder": name}
    if permit.zone is not None:
        entry["zone"] = permit.zone
    if permit.px is not None:
        entry["point"] = on_ground(camera, permit.px)[0].tolist()
        entry["radius_m"] = permit.radius_m
    if permit.schedule is not None:
        entry["schedule"] = {days: list(hours) for days, hours in permit.schedule.items()}
    dates = {"valid_from": permit.valid_from, "valid_to": permit.valid_to}
    return entry | {key: value for key, value in dates.items() if value is not None}
