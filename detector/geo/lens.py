"""A lens: from pixels to rays and back.

Pinhole with OpenCV's distortion (Brown-Conrady; OpenCV, "Camera Calibration and 3D Reconstruction"). Pixel centres have
whole numbers, u grows to the right, v downwards. Rays are in the camera's body axes: right, forward, up.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.errors import InputError

Vectors = NDArray[np.float64]

_EXACT_PX = 1e-7
_ROUNDS = 40


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
        uv = np.asarray(uv_px, np.float64).reshape(-1, 2)
        xy = (uv - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px)
        if self.distortion and len(uv):
            xy = self._undistort(uv)
        return np.column_stack((xy[:, 0], np.ones(len(xy)), -xy[:, 1]))

    def pixels(self, rays: ArrayLike) -> Vectors:
        """(N, 3) rays in body axes -> (N, 2) pixels: the inverse of `rays`; NaN behind the camera.

        Distortion is a polynomial that folds back far outside the picture; a ray that it folds is NaN too.
        """
        ray = np.asarray(rays, np.float64).reshape(-1, 3)
        ahead = ray[:, 1] > 1e-9
        depth = np.where(ahead, ray[:, 1], np.nan)
        xy = np.column_stack((ray[:, 0] / depth, -ray[:, 2] / depth))
        if not self.distortion:
            return xy * (self.fx_px, self.fy_px) + (self.cx_px, self.cy_px)
        uv = np.full(xy.shape, np.nan)
        if not ahead.any():
            return uv
        uv[ahead] = self._distort(xy[ahead])
        seen = self._undistort(np.nan_to_num(uv, nan=0.0, posinf=0.0, neginf=0.0))
        uv[~(np.abs(seen - xy).max(axis=1) < 1e-4)] = np.nan
        return uv

    def _distort(self, xy: Vectors) -> Vectors:
        points = np.column_stack((xy, np.ones(len(xy))))
        still = np.zeros(3)
        uv, _ = cv2.projectPoints(points, still, still, self.matrix(), np.array(self.distortion))
        return np.asarray(uv, np.float64).reshape(-1, 2)

    def _undistort(self, uv: Vectors) -> Vectors:
        """OpenCV stops after five rounds, a tenth of a pixel short at the corners; a few rounds more are exact."""
        focal = (self.fx_px, self.fy_px)
        found = cv2.undistortPoints(uv.reshape(-1, 1, 2), self.matrix(), np.array(self.distortion))
        xy = np.asarray(found, np.float64).reshape(-1, 2)
        for _ in range(_ROUNDS):
            miss = uv - self._distort(xy)
            if not np.abs(miss).max() > _EXACT_PX:
                break
            xy = xy + miss / focal
        return xy
