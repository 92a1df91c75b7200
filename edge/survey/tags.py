"""The pose that a drone writes into its photos: EXIF GPS, and DJI's XMP for the gimbal and the height.

DJI's angles are those of `detector.geo.camera`: yaw clockwise from north, pitch 0 = level and -90 = straight down, roll
right side down. In a photo taken straight down the yaw is where the top of the picture points. The XMP packet is never
parsed as XML: known names are looked for by a strict pattern, as attributes (DJI's own files) and as elements (files
that ExifTool wrote), so entities and nesting do nothing.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image as PilImage
from PIL import UnidentifiedImageError

from detector.errors import SourceError
from detector.frame import Fix
from edge.sources.source import MAX_PIXELS, safe_name
from edge.survey.optics import horizontal_fov_deg

FILE_MAX_BYTES: Final = 64 << 20
XMP_MAX_BYTES: Final = 1 << 20
HEIGHT_MAX_M: Final = 1000.0

SIGMA_POSITION_M: Final = 2.0
"""One axis of a drone's single-frequency GNSS in the open."""
SIGMA_HEADING_DEG: Final = 3.0
"""Of a gimbal's yaw, which hangs on the drone's magnetic compass."""
SIGMA_ABOVE_GROUND_M: Final = 2.0
"""The barometer gives the height above the take-off point, and the ground is not flat."""

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_MODEL, _FOCAL_MM, _FOCAL_35_MM = 0x0110, 0x920A, 0xA405
_LAT_REF, _LAT, _LON_REF, _LON, _ALTITUDE_REF, _ALTITUDE = 1, 2, 3, 4, 5, 6

_XMP_NAMES = (
    "GimbalYawDegree",
    "GimbalPitchDegree",
    "GimbalRollDegree",
    "FlightYawDegree",
    "RelativeAltitude",
    "RtkFlag",
    "RtkStdLon",
    "RtkStdLat",
)
_XMP_VALUE = re.compile(
    rb"\bdrone-dji:(" + "|".join(_XMP_NAMES).encode() + rb")(?:\s*=\s*[\"']|\s*>)\s*([+-]?[0-9]{1,6}(?:\.[0-9]{1,12})?)"
    rb"\s*[\"'<]"
)
_RTK_QUALITY = {50: "rtk_fixed", 34: "rtk_float", 16: "autonomous"}


@dataclass(frozen=True, slots=True)
class PhotoPose:
    """Where a photo was taken from and how the camera stood.

    Attributes:
        name: of the file.
        width_px, height_px: of the picture.
        lon_deg, lat_deg: WGS-84.
        above_ground_m: above the take-off point, which stands for the ground.
        heading_deg, pitch_deg, roll_deg: of the gimbal; see the module for signs.
        height_m: above mean sea level, when the tags have it.
        sigma_m: one-sigma horizontal error per axis.
        quality: as in `Fix`.
        model: the camera's name.
        horizontal_fov_deg: from the focal length; `None` when the tags do not tell it.
        odd: what is strange about the tags, one sentence each.
    """

    name: str
    width_px: int
    height_px: int
    lon_deg: float
    lat_deg: float
    above_ground_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float = 0.0
    height_m: float | None = None
    sigma_m: float = SIGMA_POSITION_M
    quality: str = "autonomous"
    model: str = ""
    horizontal_fov_deg: float | None = None
    odd: tuple[str, ...] = ()

    def turned(self, turn_deg: float) -> PhotoPose:
        """The pose with its heading turned clockwise."""
        return replace(self, heading_deg=compass_deg(self.heading_deg + turn_deg))

    def fix(self, at: datetime) -> Fix:
        """The pose as the fix of a picture taken `at`."""
        return Fix(
            lon_deg=self.lon_deg,
            lat_deg=self.lat_deg,
            sigma_m=self.sigma_m,
            at=at,
            heading_deg=self.heading_deg,
            sigma_heading_deg=SIGMA_HEADING_DEG,
            height_m=self.height_m,
            quality=self.quality,
            pitch_deg=self.pitch_deg,
            roll_deg=self.roll_deg,
            above_ground_m=self.above_ground_m,
            sigma_above_ground_m=SIGMA_ABOVE_GROUND_M,
        )


def compass_deg(angle_deg: float) -> float:
    """0 <= angle < 360; the remainder of a tiny negative number alone would be 360.0."""
    turned = angle_deg % 360.0
    return 0.0 if turned >= 360.0 else turned


def read_pose(path: Path) -> PhotoPose:
    """The pose in a photo's tags.

    Raises:
        SourceError: not a JPEG, or a tag that a pose needs is missing or absurd; the message names the tag.
    """
    name = safe_name(path)
    if path.stat().st_size > FILE_MAX_BYTES:
        raise SourceError(f"{name} has {path.stat().st_size} bytes; a photo has at most {FILE_MAX_BYTES}")
    try:
        # Only the header is read; Pillow's own bomb warning comes at a limit of its own.
        with warnings.catch_warnings(action="ignore"), PilImage.open(path, formats=("JPEG",)) as photo:
            width_px, height_px = photo.size
            exif = photo.getexif()
            camera, gps = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
            model = str(exif.get(_MODEL, "")).strip("\0 ")
            xmp = photo.info.get("xmp", b"")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, PilImage.DecompressionBombError) as error:
        raise SourceError(f"{name} is not a JPEG photo that can be read: {error}") from error
    if width_px * height_px > MAX_PIXELS:
        raise SourceError(f"{name} has {width_px} x {height_px} px; the limit is {MAX_PIXELS // 1_000_000} megapixels")
    values = _xmp_values(xmp if isinstance(xmp, bytes) else b"", name)
    odd: list[str] = []
    lon_deg, lat_deg = _position(gps, name)
    heading_deg, pitch_deg, roll_deg = _attitude(values, name, odd)
    quality, sigma_m = _quality(values)
    return PhotoPose(
        name=name,
        width_px=width_px,
        height_px=height_px,
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        above_ground_m=_above_ground_m(values, name),
        heading_deg=heading_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        height_m=_height_m(gps),
        sigma_m=sigma_m,
        quality=quality,
        model=model,
        horizontal_fov_deg=horizontal_fov_deg(
            width_px, height_px, model, _finite(camera.get(_FOCAL_35_MM)), _finite(camera.get(_FOCAL_MM))
        ),
        odd=tuple(odd),
    )


def _xmp_values(xmp: bytes, name: str) -> dict[str, float]:
    if len(xmp) > XMP_MAX_BYTES:
        raise SourceError(f"{name} carries {len(xmp)} bytes of XMP; the limit is {XMP_MAX_BYTES}")
    return {key.decode(): float(value) for key, value in _XMP_VALUE.findall(xmp)}


def _position(gps: Mapping[int, Any], name: str) -> tuple[float, float]:
    lat_deg = _degrees(gps.get(_LAT), gps.get(_LAT_REF), "S")
    lon_deg = _degrees(gps.get(_LON), gps.get(_LON_REF), "W")
    for tag, value, limit in (("GPSLatitude", lat_deg, 90.0), ("GPSLongitude", lon_deg, 180.0)):
        if value is None:
            raise SourceError(f"{name} has no {tag} tag: give photos as the drone wrote them, or a --poses file")
        if abs(value) > limit:
            raise SourceError(f"{name}: {tag} {value} is not on Earth")
    if lat_deg is None or lon_deg is None or (lon_deg, lat_deg) == (0.0, 0.0):
        raise SourceError(f"{name}: GPSLatitude and GPSLongitude are 0, 0: the drone had no fix")
    return lon_deg, lat_deg


def _degrees(value: Any, ref: Any, negative: str) -> float | None:
    """Degrees, minutes, seconds and a hemisphere; `None` when not three numbers."""
    try:
        degrees, minutes, seconds = (float(part) for part in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    total = degrees + minutes / 60.0 + seconds / 3600.0
    if not math.isfinite(total):
        return None
    return -total if str(ref).strip("\0 ").upper() == negative else total


def _attitude(values: Mapping[str, float], name: str, odd: list[str]) -> tuple[float, float, float]:
    pitch_deg = values.get("GimbalPitchDegree")
    heading_deg = values.get("GimbalYawDegree")
    if pitch_deg is None:
        raise SourceError(
            f"{name} has no drone-dji:GimbalPitchDegree tag: without the gimbal's pitch there is no place"
        )
    if heading_deg is None:
        heading_deg = values.get("FlightYawDegree")
        if heading_deg is None:
            raise SourceError(f"{name} has neither drone-dji:GimbalYawDegree nor FlightYawDegree: no heading")
        odd.append(f"{name} has no drone-dji:GimbalYawDegree; the drone's own FlightYawDegree stands in for it")
    roll_deg = values.get("GimbalRollDegree", 0.0)
    if not -135.0 <= pitch_deg <= 90.0 or abs(heading_deg) > 360.0 or abs(roll_deg) > 180.0:
        raise SourceError(
            f"{name}: gimbal yaw {heading_deg}, pitch {pitch_deg}, roll {roll_deg} degrees are not angles of a gimbal "
            "(drone-dji:GimbalYawDegree, GimbalPitchDegree, GimbalRollDegree)"
        )
    if abs(roll_deg) > 45.0:
        odd.append(f"{name}: drone-dji:GimbalRollDegree {roll_deg:g} is odd for a gimbal; taken as it is")
    return compass_deg(heading_deg), pitch_deg, roll_deg


def _above_ground_m(values: Mapping[str, float], name: str) -> float:
    above_m = values.get("RelativeAltitude")
    if above_m is None:
        raise SourceError(f"{name} has no drone-dji:RelativeAltitude tag: the height above the ground is unknown")
    if not 0.0 < above_m <= HEIGHT_MAX_M:
        raise SourceError(
            f"{name}: drone-dji:RelativeAltitude {above_m:g} m must be above 0 and at most {HEIGHT_MAX_M:g}"
        )
    return above_m


def _quality(values: Mapping[str, float]) -> tuple[str, float]:
    """Quality and sigma per axis: a drone with RTK says how good it was."""
    quality = _RTK_QUALITY.get(int(values.get("RtkFlag", 0)), "autonomous")
    lon_m, lat_m = values.get("RtkStdLon", 0.0), values.get("RtkStdLat", 0.0)
    if quality == "autonomous" or not 0.0 < min(lon_m, lat_m) <= max(lon_m, lat_m) < 100.0:
        return quality, SIGMA_POSITION_M
    return quality, math.hypot(lon_m, lat_m) / math.sqrt(2.0)


def _height_m(gps: Mapping[int, Any]) -> float | None:
    height_m = _finite(gps.get(_ALTITUDE))
    below_sea = gps.get(_ALTITUDE_REF) in (1, b"\x01")
    return -height_m if height_m is not None and below_sea else height_m


def _finite(value: Any) -> float | None:
    """A positive EXIF number, or `None`; a rational with denominator 0 is NaN."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0.0 else None
