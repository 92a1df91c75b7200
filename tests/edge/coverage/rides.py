"""Frames and looks for the tests of the coverage log: no pictures of streets, only their geometry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from detector.frame import Fix, Frame, Image
from detector.geo.camera import CameraSigmas, FixedPose, Lens, VehicleCamera
from detector.geo.plane import LocalPlane
from edge.coverage.looks import Look

START = datetime(2026, 5, 17, 1, 0, tzinfo=UTC)
PLANE = LocalPlane(117.2, 34.26)
SIZE_PX = (640, 360)
LENS = Lens.from_fov(*SIZE_PX, 60.0)
SIGMAS = CameraSigmas(pitch_deg=0.5)
RIDING = VehicleCamera("ride", 2.0, 0.0, -10.0, 0.0, 0.0, 0.0, LENS, SIGMAS)
STANDING = FixedPose("corner", 117.2, 34.26, 6.0, 90.0, -25.0, 0.0, LENS, SIGMAS)


def picture(seed: int = 0, *, grey: int | None = None) -> Image:
    """Noise, which is sharp, or a plain grey."""
    if grey is not None:
        return np.full((SIZE_PX[1], SIZE_PX[0], 3), grey, np.uint8)
    return np.random.default_rng(seed).integers(0, 256, (SIZE_PX[1], SIZE_PX[0], 3), np.uint8)


SHARP = picture()


def fix(
    east_m: float,
    north_m: float = 0.0,
    *,
    heading_deg: float | None = 90.0,
    sigma_m: float = 2.0,
    speed_m_s: float = 5.0,
) -> Fix:
    """A fix of a vehicle."""
    ((lon_deg, lat_deg),) = PLANE.lon_lat_deg((east_m, north_m)).tolist()
    return Fix(lon_deg, lat_deg, sigma_m, START, heading_deg=heading_deg, sigma_heading_deg=1.0, speed_m_s=speed_m_s)


def frame(at_s: float, where: Fix | None, image: Image = SHARP) -> Frame:
    """A picture so many seconds into the ride."""
    return Frame(image, int(at_s * 10), START + timedelta(seconds=at_s), at_s, "ride.mp4", "a" * 64, where)


def look(
    east_m: float,
    *,
    at_s: float = 0.0,
    way_m: float = 15.0,
    sharp: float = 0.6,
    sigma_m: float = 2.0,
    half_m: float = 8.0,
    observed_by: str = "vehicle",
) -> Look:
    """A look at a square of ground in front of the vehicle."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    ring = PLANE.lon_lat_deg([(east_m + half_m + x * half_m, y * half_m) for x, y in corners])
    ((lon_deg, lat_deg),) = PLANE.lon_lat_deg((east_m, 0.0)).tolist()
    return Look(
        begins_at=START + timedelta(seconds=at_s),
        ends_at=START + timedelta(seconds=at_s + 3.0),
        pictures=30,
        lon_deg=round(lon_deg, 6),
        lat_deg=round(lat_deg, 6),
        ring=tuple((round(lon, 6), round(lat, 6)) for lon, lat in ring.tolist()),
        way_m=way_m,
        sharp=sharp,
        light=0.4,
        speed_m_s=5.0,
        sigma_m=sigma_m,
        fix="autonomous",
        observed_by=observed_by,
    )
