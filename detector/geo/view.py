"""Where a camera was and how it was turned when it took pictures: what geometry needs of a camera and its fixes.

A point on the street goes into the camera by ``q = M^T B^T (X - C)``: C the camera's place, B the attitude of the body
that carries it (`rotation`: roll, then pitch, then heading), M the mounting on that body; q in the camera's body axes
(right, forward, up). A ray comes out by the transpose. A standing camera and a gimbal have no mounting, M = 1.
Pinhole geometry as in Hartley and Zisserman, Multiple View Geometry, 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.frame import Fix
from detector.geo.camera import DroneCamera, FixedPose, VehicleCamera, rotation
from detector.geo.plane import LocalPlane

Array = NDArray[np.float64]

PoseCamera = FixedPose | VehicleCamera | DroneCamera
"""A camera whose pose is known, not only its ground."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """A camera at N moments.

    Attributes:
        plane: east and north are counted from here.
        centre_m: (N, 3) the camera's east, north, and height above the ground below it.
        attitude_deg: (N, 3) heading, pitch, roll of the body that carries it.
        body: (N, 3, 3) the same as matrices, body axes to east, north, up.
        mount: (3, 3) camera axes to body axes.
    """

    plane: LocalPlane
    centre_m: Array
    attitude_deg: Array
    body: Array
    mount: Array

    def __len__(self) -> int:
        return len(self.centre_m)

    def at(self, rows: NDArray[np.int64]) -> Views:
        """Some of the moments."""
        return Views(self.plane, self.centre_m[rows], self.attitude_deg[rows], self.body[rows], self.mount)

    def repeated(self, count: int) -> Views:
        """A single view, for as many moments."""
        return self.at(np.zeros(count, np.int64))

    def to_street(self, rays: Array) -> Array:
        """(N, 3) rays in camera axes -> (N, 3) in east, north, up."""
        return np.squeeze(self.body @ (rays @ self.mount.T)[:, :, None], axis=2)

    def to_camera(self, points_m: Array) -> Array:
        """(N, 3) points, east, north, up, one for each view (or all for the one view) -> (N, 3) in camera axes."""
        return np.squeeze((points_m - self.centre_m)[:, None, :] @ self.body, axis=1) @ self.mount


def fixed_view(camera: FixedPose) -> Views:
    """A standing camera: one view for all time."""
    attitude = np.array([[camera.heading_deg, camera.pitch_deg, camera.roll_deg]])
    centre = np.array([[0.0, 0.0, camera.height_m]])
    return Views(LocalPlane(camera.lon_deg, camera.lat_deg), centre, attitude, rotation(*attitude.T), np.eye(3))


def moving_views(
    camera: VehicleCamera | DroneCamera, fixes: Sequence[Fix | None], plane: LocalPlane
) -> tuple[Views, Array]:
    """A carried camera at its fixes, and (N, 2) where the antenna was.

    Without a fix it is level at the plane's origin: good enough for a horizon. A heading that is `None` counts as 0, a
    drone's missing height is NaN. The caller knows which those are.
    """
    rows = [(f.lon_deg, f.lat_deg, f.heading_deg or 0.0, f.pitch_deg, f.roll_deg) if f else None for f in fixes]
    pose = np.array([row or (plane.lon_deg, plane.lat_deg, 0.0, 0.0, 0.0) for row in rows], np.float64)
    height = np.array([fix.above_ground_m or np.nan if fix else np.nan for fix in fixes])
    antenna = plane.east_north_m(pose[:, :2])
    return carried_views(camera, plane, antenna, pose[:, 2:], height), antenna


def carried_views(
    camera: VehicleCamera | DroneCamera, plane: LocalPlane, antenna_m: Array, attitude_deg: Array, above_ground_m: Array
) -> Views:
    """A carried camera from its poses: antenna (N, 2), heading, pitch and roll (N, 3), a drone's height (N,)."""
    body = rotation(*attitude_deg.T)
    if isinstance(camera, DroneCamera):
        return Views(plane, np.column_stack((antenna_m, above_ground_m)), attitude_deg, body, np.eye(3))
    # The lever lies level but for its height: a street's pitch and a car's roll move it by less than a centimetre.
    heading, roll = np.radians(attitude_deg[:, 0]), np.radians(attitude_deg[:, 2])
    right = camera.lever_right_m + camera.lever_up_m * np.sin(roll)
    east = right * np.cos(heading) + camera.lever_forward_m * np.sin(heading)
    north = camera.lever_forward_m * np.cos(heading) - right * np.sin(heading)
    # A two-wheeler leans about the line its wheels touch the ground on; a car's body turns near its springs.
    sink = np.cos(roll) if camera.profile == "e_bike" else np.ones(len(roll))
    centre = np.column_stack((antenna_m[:, 0] + east, antenna_m[:, 1] + north, camera.height_m * sink))
    mount = rotation(camera.yaw_deg, camera.pitch_deg, camera.roll_deg)[0]
    return Views(plane, centre, attitude_deg, body, mount)
