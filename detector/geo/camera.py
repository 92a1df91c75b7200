"""What a camera is to geometry: its lens, and how it stands on the street or sits on the vehicle.

Angles: heading and yaw clockwise seen from above, 0 = north (heading) or straight ahead (yaw); pitch is nose up
positive, 0 = level, -90 = straight down; roll is right side down positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.errors import InputError

Vectors = NDArray[np.float64]

ObservedBy = Literal["vehicle", "fixed", "drone"]
"""Who looked: a vehicle cannot wait, a standing camera can."""


def same_shape(a_px: tuple[int, int], b_px: tuple[int, int]) -> bool:
    """Whether pictures of two sizes (width, height) are the same view scaled, within 2 %; a crop is not."""
    return abs(a_px[0] * b_px[1] / (a_px[1] * b_px[0]) - 1.0) <= 0.02


@dataclass(frozen=True, slots=True)
class Lens:
    """Pinhole with OpenCV's distortion, for pictures of one size.

    Attributes:
        width_px, height_px: size of the pictures it was calibrated for.
        fx_px, fy_px, cx_px, cy_px: focal lengths and principal point.
        distortion: k1, k2, p1, p2[, k3[, k4, k5, k6]] as in `cv2.calibrateCamera`; empty for none.
    """

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px, self.fx_px, self.fy_px) <= 0:
            raise InputError(f"lens with size {self.width_px}x{self.height_px} and focal length {self.fx_px}, "
                             f"{self.fy_px} px: all must be above 0")  # fmt: skip

    @staticmethod
    def from_fov(width_px: int, height_px: int, horizontal_fov_deg: float) -> Lens:
        """A lens without distortion, square pixels and a centred axis, from its horizontal field of view."""
        if not 1.0 <= horizontal_fov_deg < 170.0:
            raise InputError(f"horizontal_fov_deg is {horizontal_fov_deg}; a pinhole lens has 1 to 170 degrees")
        focal_px = width_px / 2.0 / float(np.tan(np.radians(horizontal_fov_deg) / 2.0))
        return Lens(width_px, height_px, focal_px, focal_px, (width_px - 1) / 2.0, (height_px - 1) / 2.0)

    def for_size(self, width_px: int, height_px: int) -> Lens | None:
        """The same lens for pictures scaled evenly to another size; `None` when the shape differs (a crop)."""
        if not same_shape((self.width_px, self.height_px), (width_px, height_px)):
            return None
        scale_x, scale_y = width_px / self.width_px, height_px / self.height_px
        return Lens(
            width_px,
            height_px,
            self.fx_px * scale_x,
            self.fy_px * scale_y,
            (self.cx_px + 0.5) * scale_x - 0.5,
            (self.cy_px + 0.5) * scale_y - 0.5,
            self.distortion,
        )

    def matrix(self) -> NDArray[np.float64]:
        """Camera matrix K (3, 3)."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]], np.float64)

    def rays(self, uv_px: ArrayLike) -> Vectors:
        """(N, 2) pixels -> (N, 3) rays in the camera's body axes (right, forward, up), forward = 1."""
        uv = np.asarray(uv_px, np.float64).reshape(-1, 1, 2)
        if self.distortion:
            xy = np.asarray(cv2.undistortPoints(uv, self.matrix(), np.array(self.distortion)), np.float64)[:, 0]
        else:
            xy = (uv[:, 0] - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px)
        return np.column_stack((xy[:, 0], np.ones(len(xy)), -xy[:, 1]))


def rotation(heading_deg: ArrayLike, pitch_deg: ArrayLike, roll_deg: ArrayLike) -> Vectors:
    """Body axes (right, forward, up) to the outer axes (east, north, up), shape (N, 3, 3).

    ``Rz(-heading) Rx(pitch) Ry(roll)``: roll first, about the forward axis, then pitch, then heading. With the outer
    axes being another body (a camera on a vehicle), heading is the yaw of the mounting.
    """
    h, p, r = (np.radians(np.atleast_1d(np.asarray(a, np.float64))) for a in (heading_deg, pitch_deg, roll_deg))
    zero, one = np.zeros_like(h), np.ones_like(h)

    def stack(rows: list[list[Vectors]]) -> Vectors:
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    turn = stack([[np.cos(h), np.sin(h), zero], [-np.sin(h), np.cos(h), zero], [zero, zero, one]])
    tilt = stack([[one, zero, zero], [zero, np.cos(p), -np.sin(p)], [zero, np.sin(p), np.cos(p)]])
    lean = stack([[np.cos(r), zero, np.sin(r)], [zero, one, zero], [-np.sin(r), zero, np.cos(r)]])
    return turn @ tilt @ lean


@dataclass(frozen=True, slots=True)
class CameraSigmas:
    """One-sigma errors of what a camera knows about itself.

    Attributes:
        pixel_px: of a box edge, besides the share of the box's own size that `localise` adds.
        heading_deg: a standing camera's heading, or the yaw of the mounting (shared by a whole pass).
        pitch_deg, roll_deg: of the optical axis; an e-bike leans, so give it more than a car.
        ground_m: height of the ground under the thing against the plane under the camera.
        position_m: survey error of a standing camera, per axis; unused on a vehicle (its fix has its own).
    """

    pixel_px: float = 2.0
    heading_deg: float = 1.0
    pitch_deg: float = 1.0
    roll_deg: float = 1.0
    ground_m: float = 0.15
    position_m: float = 0.5


@dataclass(frozen=True, slots=True)
class FixedPose:
    """A standing camera whose pose was surveyed. Position WGS-84; height above the ground in view, metres."""

    camera_id: str
    lon_deg: float
    lat_deg: float
    height_m: float
    heading_deg: float
    pitch_deg: float
    roll_deg: float
    lens: Lens
    sigmas: CameraSigmas
    synthetic: bool = False

    @property
    def observed_by(self) -> ObservedBy:
        """A standing camera."""
        return "fixed"


@dataclass(frozen=True, slots=True)
class FixedHomography:
    """A standing camera tied to the ground by points marked in its picture.

    Attributes:
        lon_deg, lat_deg, height_m: where it hangs; the origin of its plane, and the lever of a wrong ground height.
        width_px, height_px: size of the pictures the points were marked in.
        matrix: row-major 3x3, pixels (u, v, 1) to metres (east, north, 1) of the camera.
        residual_m: root mean square misfit of the marked points.
    """

    camera_id: str
    lon_deg: float
    lat_deg: float
    height_m: float
    width_px: int
    height_px: int
    matrix: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    residual_m: float
    sigmas: CameraSigmas
    synthetic: bool = False

    @property
    def observed_by(self) -> ObservedBy:
        """A standing camera."""
        return "fixed"


@dataclass(frozen=True, slots=True)
class VehicleCamera:
    """A camera on a vehicle.

    Attributes:
        height_m: above the road.
        yaw_deg, pitch_deg, roll_deg: of the mounting against the vehicle; yaw 90 looks to the right.
        lever_right_m, lever_forward_m: from the GNSS antenna to the camera, in vehicle axes.
    """

    camera_id: str
    height_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    lever_right_m: float
    lever_forward_m: float
    lens: Lens
    sigmas: CameraSigmas

    @property
    def observed_by(self) -> ObservedBy:
        """A vehicle."""
        return "vehicle"


Camera = FixedPose | FixedHomography | VehicleCamera


def image_px(camera: Camera) -> tuple[int, int]:
    """Width and height of the pictures a camera's geometry was written for, px."""
    if isinstance(camera, FixedHomography):
        return camera.width_px, camera.height_px
    return camera.lens.width_px, camera.lens.height_px
