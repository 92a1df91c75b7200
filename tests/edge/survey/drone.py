"""Drone photos made for a test: a ground of random patches, seen by the camera that the product assumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from detector.geo.camera import Lens, rotation
from detector.geo.plane import LocalPlane

SIZE_PX = (480, 270)
FOV_DEG = 81.74
"""What a 20 mm equivalent lens sees across a 16:9 photo of a 4:3 sensor."""
HEIGHT_M = 40.0
HOME = LocalPlane(117.2, 34.26)
_METRES_PER_PX = 0.2

DJI = {
    "GimbalYawDegree": "+45.00",
    "GimbalPitchDegree": "-90.00",
    "GimbalRollDegree": "+0.00",
    "FlightYawDegree": "+44.00",
    "RelativeAltitude": "+40.00",
}


def xmp(values: dict[str, str], *, elements: bool = False) -> bytes:
    """A packet as DJI writes it (attributes), or as ExifTool does (elements)."""
    if elements:
        body = ">" + "".join(f"<drone-dji:{k}>{v}</drone-dji:{k}>" for k, v in values.items())
    else:
        body = "".join(f' drone-dji:{k}="{v}"' for k, v in values.items()) + ">"
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
        f'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def gps(lon_deg: float, lat_deg: float) -> dict[int, Any]:
    """EXIF's GPS block."""

    def dms(angle_deg: float) -> tuple[float, float, float]:
        whole = abs(angle_deg)
        return float(int(whole)), float(int(whole * 60) % 60), whole * 3600 % 60

    return {1: "S" if lat_deg < 0 else "N", 2: dms(lat_deg), 3: "W" if lon_deg < 0 else "E", 4: dms(lon_deg), 6: 198.5}


def write_photo(
    path: Path,
    image: NDArray[np.uint8] | None = None,
    *,
    position: dict[int, Any] | None = None,
    packet: bytes | None = None,
    taken: str | None = "2026:05:17 09:30:00",
) -> Path:
    """A JPEG with tags; `position` and `packet` default to a good pose, empty ones leave the tags out."""
    pixels = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8) if image is None else image
    photo = PilImage.fromarray(pixels[..., ::-1].copy())
    exif = photo.getexif()
    exif[0x0110] = "FC300S"
    camera = exif.get_ifd(0x8769)
    camera[0xA405] = 20
    if taken is not None:
        camera[0x9003], camera[0x9011] = taken, "+00:00"
    exif.get_ifd(0x8825).update(gps(117.2, 34.26) if position is None else position)
    photo.save(path, exif=exif, xmp=xmp(DJI) if packet is None else packet, quality=92)
    return path


def textured_ground(side_m: float = 220.0) -> NDArray[np.uint8]:
    """A square of ground with blobs of all sizes, BGR, its middle under `HOME`, north up."""
    rng = np.random.default_rng(7)
    side = int(side_m / _METRES_PER_PX)
    ground = np.zeros((side, side, 3), np.float32)
    for cells in (side // 64, side // 16, side // 4):
        noise = rng.uniform(0, 1, (cells, cells, 3)).astype(np.float32)
        ground += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.normalize(ground, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def seen_from(ground: NDArray[np.uint8], east_north_m: tuple[float, float], heading_deg: float) -> NDArray[np.uint8]:
    """What a camera that looks straight down sees of the ground."""
    lens = Lens.from_fov(*SIZE_PX, FOV_DEG)
    corners = np.array([(0, 0), (SIZE_PX[0], 0), SIZE_PX, (0, SIZE_PX[1])], np.float64) - 0.5
    rays = lens.rays(corners) @ rotation(heading_deg, -90.0, 0.0)[0].T
    at_m = rays[:, :2] * (HEIGHT_M / -rays[:, 2:]) + east_north_m
    middle = len(ground) / 2.0
    at_px = np.column_stack((middle + at_m[:, 0] / _METRES_PER_PX, middle - at_m[:, 1] / _METRES_PER_PX))
    matrix = cv2.getPerspectiveTransform(at_px.astype(np.float32), corners.astype(np.float32))
    return np.asarray(cv2.warpPerspective(ground, matrix, SIZE_PX), np.uint8)


def fly(folder: Path, tagged_off_deg: dict[int, float]) -> list[Path]:
    """Eight photos on two lines, there with heading 40 and back with 220; some tags' headings are off."""
    ground = textured_ground()
    folder.mkdir()
    paths: list[Path] = []
    for i in range(8):
        line, step = divmod(i, 4)
        along, across = (18.0 * step, 0.0) if line == 0 else (18.0 * (3 - step), 22.0)
        heading_deg = 40.0 if line == 0 else 220.0
        rad = np.radians(40.0)
        place = (along * np.sin(rad) + across * np.cos(rad) - 30.0, along * np.cos(rad) - across * np.sin(rad) - 20.0)
        ((lon_deg, lat_deg),) = HOME.lon_lat_deg([place]).tolist()
        yaw = (heading_deg + tagged_off_deg.get(i, 0.0) + 180.0) % 360.0 - 180.0
        paths.append(
            write_photo(
                folder / f"DJI_{i:04}.JPG",
                seen_from(ground, place, heading_deg),
                position=gps(lon_deg, lat_deg),
                packet=xmp({**DJI, "GimbalYawDegree": f"{yaw:+.2f}"}),
                taken=f"2026:05:17 09:30:{6 * i:02}",
            )
        )
    return paths
