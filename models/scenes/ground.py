"""From pixels on a picture's ground to the map, through the camera assumed for the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from detector.geo.camera import CameraSigmas, FixedPose, Lens, rotation
from detector.geo.plane import LocalPlane, Points
from models.errors import ScenesError
from models.scenes.schema import CameraIn

ORIGIN = (117.19, 34.26)
"""Longitude and latitude under every camera: the places are made up, and the sites say so."""
SIGMAS = CameraSigmas(pixel_px=2.0, heading_deg=0.3, pitch_deg=0.3, roll_deg=0.5, ground_m=0.08, position_m=0.3)
"""A surveyed standing camera, as in the demonstration site."""


def scene_camera(camera: CameraIn, width_px: int, height_px: int, camera_id: str = "scene") -> FixedPose:
    """The camera, looking north."""
    return FixedPose(
        camera_id=camera_id,
        lon_deg=ORIGIN[0],
        lat_deg=ORIGIN[1],
        height_m=camera.height_m,
        heading_deg=0.0,
        pitch_deg=camera.pitch_deg(width_px, height_px),
        roll_deg=camera.roll_deg,
        lens=Lens.from_fov(width_px, height_px, camera.fov_deg(width_px)),
        sigmas=SIGMAS,
        synthetic=True,
    )


def on_ground(camera: FixedPose, uv_px: ArrayLike) -> Points:
    """(N, 2) pixels -> (N, 2) longitude, latitude of where their rays meet the ground.

    Raises:
        ScenesError: a pixel at or above the horizon.
    """
    uv = np.atleast_2d(np.asarray(uv_px, np.float64))
    attitude = rotation(camera.heading_deg, camera.pitch_deg, camera.roll_deg)[0]
    rays = camera.lens.rays(uv) @ attitude.T
    above = np.flatnonzero(rays[:, 2] > -1e-6)
    if len(above):
        u, v = uv[above[0]].tolist()
        raise ScenesError(f"pixel ({u:g}, {v:g}) is at or above the horizon; draw zones on the ground")
    return LocalPlane(camera.lon_deg, camera.lat_deg).lon_lat_deg(
        rays[:, :2] * (camera.height_m / -rays[:, 2])[:, None]
    )


def ring(camera: FixedPose, px: Sequence[tuple[float, float]]) -> list[list[float]]:
    """A polygon drawn in pixels as a closed GeoJSON ring."""
    points: list[list[float]] = on_ground(camera, px).tolist()
    return [*points, points[0]]
