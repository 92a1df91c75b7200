"""A small made-up site around one camera: all ground is footway, but for one bike bay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

LON_DEG, LAT_DEG = 117.2, 34.26
_EAST_DEG_PER_M = 1 / (111_195.0 * 0.8265)
_NORTH_DEG_PER_M = 1 / 111_195.0


def square(east_m: float, north_m: float, half_m: float) -> list[list[list[float]]]:
    """Coordinates of a square around a point given in metres from the camera."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return [
        [
            [
                round(LON_DEG + (east_m + x * half_m) * _EAST_DEG_PER_M, 8),
                round(LAT_DEG + (north_m + y * half_m) * _NORTH_DEG_PER_M, 8),
            ]
            for x, y in corners
        ]
    ]


def _feature(zone_id: str, kind: str, coordinates: list[list[list[float]]]) -> dict[str, Any]:
    properties = {"id": zone_id, "kind": kind, "name": {"zh": zone_id, "en": zone_id}}
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": coordinates}}


def write_street(
    folder: Path,
    *,
    image_px: tuple[int, int],
    height_m: float,
    pitch_deg: float,
    fov_deg: float,
    vehicle: bool = False,
    bay_at_m: tuple[float, float] = (-60.0, -60.0),
    bay_half_m: float = 3.0,
) -> Path:
    """A site of the strictest kind: no waiting time, so that only what is seen and where decides.

    The camera looks north, or forward on a vehicle. Everything within 150 m is footway.
    """
    folder.mkdir(parents=True)
    camera: dict[str, Any] = {
        "id": "cam",
        "name": {"zh": "摄像机", "en": "camera"},
        "type": "vehicle" if vehicle else "fixed",
        "image_px": list(image_px),
        "height_m": height_m,
        "pitch_deg": pitch_deg,
        "roll_deg": 0.0,
        "lens": {"horizontal_fov_deg": fov_deg},
    }
    camera |= {"yaw_deg": 0.0} if vehicle else {"lon_deg": LON_DEG, "lat_deg": LAT_DEG, "heading_deg": 0.0}
    zones = [_feature("footway", "public_ground", square(0, 0, 150))]
    zones.append(_feature("bay", "bike_bay", square(*bay_at_m, bay_half_m)))
    site = {
        "schema": "kerbwatch-site/1",
        "name": {"zh": "虚构街道", "en": "made-up street"},
        "timezone": "Asia/Shanghai",
        "crs": "WGS84",
        "bbox": [LON_DEG - 0.01, LAT_DEG - 0.01, LON_DEG + 0.01, LAT_DEG + 0.01],
        "synthetic_positions": True,
    }
    _write(folder / "site.yaml", site)
    _write(folder / "cameras.yaml", {"schema": "kerbwatch-cameras/1", "cameras": [camera]})
    (folder / "zones").mkdir()
    (folder / "zones" / "ground.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": zones}))
    (folder / "rules").mkdir()
    for kind in ("disorderly_bike", "street_stall", "out_of_store", "illegal_signage"):
        _write(folder / "rules" / f"{kind}.yaml", {"kind": kind, "dwell": {"fixed_min_s": 0}})
    return folder


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
