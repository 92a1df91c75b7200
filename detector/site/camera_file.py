"""cameras.yaml: standing cameras and vehicle mountings, each read and built."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from detector.errors import InputError
from detector.geo.camera import Camera
from detector.site.cameras import CameraIn, build_camera
from detector.site.geojson import check_point
from detector.site.marks import read_marks
from detector.site.model import MarkedZone
from detector.site.problems import Problems, as_mapping, raw_entries
from detector.site.schema import CamerasIn, DroneCameraIn, FixedCameraIn, SiteIn, VehicleCameraIn
from detector.vocabulary import Text

CAMERAS = "cameras.yaml"


def read_cameras(
    folder: Path, head: SiteIn | None, zone_ids: Collection[str], problems: Problems
) -> tuple[dict[str, Camera], dict[str, Text], dict[str, tuple[MarkedZone, ...]]]:
    """The good cameras of a site by id, their names, and what is marked in their pictures."""
    cameras: dict[str, Camera] = {}
    names: dict[str, Text] = {}
    marked: dict[str, tuple[MarkedZone, ...]] = {}
    for label, entry in raw_entries(folder, CAMERAS, CamerasIn, problems):
        read = _read_camera(entry, label, problems)
        if read is None:
            continue
        if isinstance(read, FixedCameraIn):
            places = {"lon_deg": (read.lon_deg, read.lat_deg)}
            for index, point in enumerate(read.ground_points or ()):
                places[f"ground_points.{index}.lon_lat"] = point.lon_lat
            misplaced = {field: check_point(*place, head.bbox if head else None) for field, place in places.items()}
            for field, wrong in misplaced.items():
                if wrong:
                    problems.add(CAMERAS, wrong, feature=label, field=field)
            if any(misplaced.values()):
                continue
        try:
            camera = build_camera(read, synthetic=bool(head and head.synthetic_positions))
        except InputError as error:
            field = "ground_points" if isinstance(read, FixedCameraIn) and read.ground_points is not None else "lens"
            problems.add(CAMERAS, str(error), feature=label, field=field)
            continue
        cameras[read.id] = camera
        names[read.id] = read.name.text()
        if isinstance(read, FixedCameraIn) and read.marked:
            marked[read.id] = read_marks(read.marked, read.id, read.image_px, zone_ids, CAMERAS, problems)
    return cameras, names, marked


def _read_camera(entry: object, label: str, problems: Problems) -> CameraIn | None:
    models: dict[str, type[CameraIn]] = {"fixed": FixedCameraIn, "vehicle": VehicleCameraIn, "drone": DroneCameraIn}
    mapping = as_mapping(entry) or {}
    model = models.get(str(mapping.get("type")))
    if model is None:
        message = f"{mapping.get('type')!r} is no camera type; write {', '.join(models)}"
        problems.add(CAMERAS, message, feature=label, field="type")
        return None
    return problems.read(model, mapping, CAMERAS, feature=label)
