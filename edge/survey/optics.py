"""The field of view of a drone's camera, from what EXIF says of its focal length.

CIPA DCG-001 defines the 35 mm equivalent by the *diagonal* of the sensor, so the sensor's own shape matters: a 16:9
photo is the middle strip of a 4:3 or 3:2 sensor, as wide as the whole of it.
"""

from __future__ import annotations

import math
from typing import Final

_DIAGONAL_35_MM: Final = math.hypot(36.0, 24.0)
_THREE_TO_TWO: Final = frozenset({"FC6310", "FC6310S", "FC6310R", "L1D-20C", "FC3411"})
"""Cameras with a one-inch 3:2 sensor (Phantom 4 Pro, Mavic 2 Pro, Air 2S); the others have 4:3."""
_SENSOR_WIDTH_MM: Final = {
    "FC300S": 6.17,
    "FC300X": 6.17,
    "FC300C": 6.17,
    "FC330": 6.17,
    "FC220": 6.17,
    "FC6310": 13.2,
    "FC6310S": 13.2,
    "L1D-20C": 13.2,
}
"""For photos that give only the real focal length: 1/2.3 inch and one inch sensors."""


def horizontal_fov_deg(
    width_px: int, height_px: int, model: str, focal_35_mm: float | None, focal_mm: float | None
) -> float | None:
    """Horizontal field of view, degrees; `None` when the tags do not determine it.

    Args:
        width_px, height_px: of the photo, with the sensor's whole width (no digital zoom, not upright).
        model: as in EXIF.
        focal_35_mm: 35 mm equivalent focal length; the better source, because it needs no sensor size.
        focal_mm: real focal length.
    """
    aspect = width_px / height_px
    if not 1.2 <= aspect <= 2.0:
        return None
    three_to_two = model.upper() in _THREE_TO_TWO
    # 3:2 and 4:3 photos are taken as the whole sensor of that shape, unless the camera is known to crop.
    native = 1.5 if three_to_two or abs(aspect - 1.5) < 0.02 else 4.0 / 3.0
    shown = min(1.0, aspect / native)
    if focal_35_mm is not None:
        width_mm, focal = _DIAGONAL_35_MM * native / math.hypot(native, 1.0), focal_35_mm
    elif focal_mm is not None and model.upper() in _SENSOR_WIDTH_MM:
        width_mm, focal = _SENSOR_WIDTH_MM[model.upper()], focal_mm
    else:
        return None
    fov_deg = math.degrees(2.0 * math.atan(width_mm * shown / 2.0 / focal))
    return fov_deg if 5.0 <= fov_deg <= 150.0 else None
