"""The ground a camera sees well enough: its view, cut at the horizon and where a stall is too small or unplaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.frame import Fix
from detector.geo.camera import (
    Camera,
    CameraSigmas,
    DroneCamera,
    FixedHomography,
    FixedPose,
    VehicleCamera,
    rotation,
)
from detector.geo.plane import LocalPlane

Array = NDArray[np.float64]
Ring = tuple[tuple[float, float], ...]
"""Corners (lon, lat) in degrees, the first one not repeated."""

THING_M: Final = 1.5
"""A stall, a bicycle: what is looked for is about so wide."""
THING_PX: Final = 24.0
"""Narrower than this on the picture it is found by chance."""
SIGMA_MAX_M: Final = 5.0
"""Farther off, where the camera's pitch error alone moves it by more, the map cannot say what it stands on."""
RANGE_MAX_M: Final = 80.0
"""As for places: nothing beyond is ever placed."""
_COLUMNS, _ROWS = 5, 400


def footprint(camera: Camera, fix: Fix | None, frame_px: tuple[int, int]) -> Ring | None:
    """The ground seen well enough.

    Args:
        fix: where the carrier was; unused for a standing camera.
        frame_px: width and height of the picture.

    Returns:
        `None` when no ground is in view, or where it lies is unknown (no fix, heading or drone height; a picture of
        another shape than the camera's).
    """
    if isinstance(camera, FixedHomography):
        return _outline(LocalPlane(camera.lon_deg, camera.lat_deg), _by_homography(camera, frame_px), frame_px)
    pose = _pose(camera, fix)
    lens = camera.lens.for_size(*frame_px)
    if pose is None or lens is None:
        return None
    reach_m = lens.fx_px * THING_M / THING_PX
    pitch_rad = _pitch_sigma_rad(camera.sigmas)

    def ground(uv: Array) -> Array:
        rays = lens.rays(uv) @ pose.attitude.T
        down = np.where(rays[:, 2] < -1e-6, -rays[:, 2], np.nan)
        offset = rays[:, :2] * (pose.height_m / down)[:, None]
        slant_m = np.sqrt((offset**2).sum(axis=1) + pose.height_m**2)
        # A pitch error turns the ray; where it meets the ground moves by slant^2 / height for each radian.
        far = (slant_m > min(reach_m, RANGE_MAX_M)) | (slant_m**2 / pose.height_m * pitch_rad > SIGMA_MAX_M)
        return np.where(far[:, None], np.nan, offset)

    return _outline(pose.foot, ground, frame_px)


@dataclass(frozen=True, slots=True, eq=False)
class _Pose:
    """A camera at one moment: the point below it, its height above that, its axes to east, north, up (3, 3)."""

    foot: LocalPlane
    height_m: float
    attitude: Array


def _pose(camera: FixedPose | VehicleCamera | DroneCamera, fix: Fix | None) -> _Pose | None:
    if isinstance(camera, FixedPose):
        turned = rotation(camera.heading_deg, camera.pitch_deg, camera.roll_deg)[0]
        return _Pose(LocalPlane(camera.lon_deg, camera.lat_deg), camera.height_m, turned)
    if fix is None or fix.heading_deg is None:
        return None
    body = rotation(fix.heading_deg, fix.pitch_deg, fix.roll_deg)[0]
    antenna = LocalPlane(fix.lon_deg, fix.lat_deg)
    if isinstance(camera, DroneCamera):
        return None if fix.above_ground_m is None else _Pose(antenna, fix.above_ground_m, body)
    lever = rotation(fix.heading_deg, 0.0, 0.0)[0] @ np.array([camera.lever_right_m, camera.lever_forward_m, 0.0])
    ((lon_deg, lat_deg),) = antenna.lon_lat_deg(lever[:2]).tolist()
    mount = rotation(camera.yaw_deg, camera.pitch_deg, camera.roll_deg)[0]
    return _Pose(LocalPlane(lon_deg, lat_deg), camera.height_m, body @ mount)


def _pitch_sigma_rad(sigmas: CameraSigmas) -> float:
    return float(np.radians(np.hypot(sigmas.pitch_deg, sigmas.sway_pitch_deg)))


def _by_homography(camera: FixedHomography, frame_px: tuple[int, int]) -> Callable[[Array], Array]:
    scale = np.array([camera.width_px / frame_px[0], camera.height_px / frame_px[1]])
    half = np.array([0.5, 0.0])
    matrix = np.array(camera.matrix)
    below = float(np.sign(matrix[2] @ np.array([camera.width_px / 2.0, camera.height_px - 1.0, 1.0])))

    def on_plane(uv: Array) -> Array:
        mapped = np.column_stack((uv * scale, np.ones(len(uv)))) @ matrix.T
        depth = np.where(mapped[:, 2] * below > 1e-12, mapped[:, 2], np.nan)
        return mapped[:, :2] / depth[:, None]

    def ground(uv: Array) -> Array:
        offset = on_plane(uv)
        # Width on the ground of one pixel of this picture, sideways: where a stall is THING_PX of them wide.
        wide_m = np.hypot(*(on_plane(uv + half) - on_plane(uv - half)).T)
        far = (np.hypot(*offset.T) > RANGE_MAX_M) | (wide_m * THING_PX > THING_M)
        return np.where(far[:, None], np.nan, offset)

    return ground


def _outline(plane: LocalPlane, ground: Callable[[Array], Array], frame_px: tuple[int, int]) -> Ring | None:
    """From lines of sight in columns of the picture: the nearest and the farthest ground of each, joined to a ring."""
    width_px, height_px = frame_px
    columns = np.linspace(0.0, width_px - 1.0, _COLUMNS)
    rows = np.linspace(height_px - 1.0, 0.0, _ROWS)
    uv = np.stack(np.meshgrid(columns, rows, indexing="ij"), axis=-1)
    points = ground(uv.reshape(-1, 2)).reshape(_COLUMNS, _ROWS, 2)
    seen = np.asarray(np.isfinite(points).all(axis=2))
    ends = [(line[ok][0], line[ok][-1]) for line, ok in zip(points, seen, strict=True) if ok.sum() >= 2]
    if len(ends) < 2:
        return None
    ring = np.array([near for near, _ in ends] + [far for _, far in reversed(ends)])
    return tuple((round(lon, 6), round(lat, 6)) for lon, lat in plane.lon_lat_deg(ring).tolist())
