"""Cameras of a site: from what the city wrote to what geometry uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.camera import (
    Camera,
    CameraSigmas,
    DroneCamera,
    FixedHomography,
    FixedPose,
    Lens,
    VehicleCamera,
    profile_sigmas,
)
from detector.geo.plane import LocalPlane
from detector.site.schema import DroneCameraIn, FixedCameraIn, GroundPointIn, LensIn, SigmasIn, VehicleCameraIn

Array = NDArray[np.float64]
CameraIn = FixedCameraIn | VehicleCameraIn | DroneCameraIn

WELL_SPREAD = 1e-2
"""Smallest ratio of singular values of the normalised equations at which a homography is determined."""


def build_camera(raw: CameraIn, *, synthetic: bool) -> Camera:
    """The camera.

    Raises:
        InputError: ground points that do not determine a plane, or do not agree with each other.
    """
    width_px, height_px = raw.image_px
    if isinstance(raw, DroneCameraIn):
        return DroneCamera(raw.id, _lens(raw.lens, width_px, height_px), _sigmas(raw.sigmas, CameraSigmas()))
    if isinstance(raw, VehicleCameraIn):
        return VehicleCamera(
            camera_id=raw.id,
            height_m=raw.height_m,
            yaw_deg=raw.yaw_deg,
            pitch_deg=raw.pitch_deg,
            roll_deg=raw.roll_deg,
            lever_right_m=raw.lever_right_m,
            lever_forward_m=raw.lever_forward_m,
            lens=_lens(raw.lens, width_px, height_px),
            sigmas=_sigmas(raw.sigmas, profile_sigmas(raw.profile) if raw.profile else CameraSigmas()),
            lever_up_m=raw.lever_up_m,
            profile=raw.profile or "car",
        )
    sigmas = _sigmas(raw.sigmas, CameraSigmas())
    if raw.ground_points is not None:
        matrix, residual_m = fit_homography(
            raw.ground_points, LocalPlane(raw.lon_deg, raw.lat_deg), raw.max_residual_m, (width_px, height_px)
        )
        rows = [tuple(row) for row in matrix.tolist()]
        return FixedHomography(
            camera_id=raw.id,
            lon_deg=raw.lon_deg,
            lat_deg=raw.lat_deg,
            height_m=raw.height_m,
            width_px=width_px,
            height_px=height_px,
            matrix=(rows[0], rows[1], rows[2]),
            residual_m=residual_m,
            sigmas=sigmas,
            synthetic=synthetic,
        )
    if raw.heading_deg is None or raw.pitch_deg is None or raw.roll_deg is None or raw.lens is None:
        raise InputError("a fixed camera needs heading_deg, pitch_deg, roll_deg and lens, or ground_points")
    return FixedPose(
        camera_id=raw.id,
        lon_deg=raw.lon_deg,
        lat_deg=raw.lat_deg,
        height_m=raw.height_m,
        heading_deg=raw.heading_deg,
        pitch_deg=raw.pitch_deg,
        roll_deg=raw.roll_deg,
        lens=_lens(raw.lens, width_px, height_px),
        sigmas=sigmas,
        synthetic=synthetic,
    )


def _sigmas(raw: SigmasIn, base: CameraSigmas) -> CameraSigmas:
    """`base` with what the city gave."""
    return replace(base, **raw.model_dump(exclude_none=True))


def _lens(raw: LensIn, width_px: int, height_px: int) -> Lens:
    if raw.fx_px is not None and raw.fy_px is not None and raw.cx_px is not None and raw.cy_px is not None:
        return Lens(width_px, height_px, raw.fx_px, raw.fy_px, raw.cx_px, raw.cy_px, raw.distortion)
    if raw.horizontal_fov_deg is None:
        raise InputError("give either horizontal_fov_deg, or all of fx_px, fy_px, cx_px, cy_px")
    plain = Lens.from_fov(width_px, height_px, raw.horizontal_fov_deg)
    return Lens(width_px, height_px, plain.fx_px, plain.fy_px, plain.cx_px, plain.cy_px, raw.distortion)


def fit_homography(
    points: Sequence[GroundPointIn], plane: LocalPlane, max_residual_m: float, size_px: tuple[int, int]
) -> tuple[Array, float]:
    """Pixels to metres of the plane, least squares, and the root mean square misfit in metres.

    Raises:
        InputError: fewer than 4 points, points (nearly) on a line, a pixel outside the picture, or a misfit above
            `max_residual_m`; the message names the point.
    """
    if len(points) < 4:
        raise InputError(f"ground_points has {len(points)}; a plane needs at least 4, and 6 or more show mistakes")
    for index, point in enumerate(points):
        if not (0 <= point.pixel[0] <= size_px[0] and 0 <= point.pixel[1] <= size_px[1]):
            raise InputError(f"ground point {index} at pixel {point.pixel} lies outside the {size_px} picture")
    pixels = np.array([point.pixel for point in points], np.float64)
    ground = plane.east_north_m([point.lon_lat for point in points])
    if min(_spread(pixels, ground), _spread(ground, pixels)) < WELL_SPREAD:
        raise InputError("the ground_points lie (nearly) on a line; mark points that span the ground in view")
    found, _ = cv2.findHomography(pixels, ground, 0)
    matrix = np.asarray(found, np.float64)
    if matrix.shape != (3, 3):
        raise InputError("no homography fits the ground_points; check that pixels and lon_lat belong together")
    mapped = np.column_stack((pixels, np.ones(len(pixels)))) @ matrix.T
    misfit = np.hypot(*(mapped[:, :2] / mapped[:, 2:] - ground).T)
    worst = int(misfit.argmax())
    if misfit[worst] > max_residual_m:
        raise InputError(
            f"ground point {worst} misses by {misfit[worst]:.2f} m, more than max_residual_m {max_residual_m}; "
            "check its pixel and lon_lat"
        )
    return matrix, float(np.sqrt((misfit**2).mean()))


def _spread(a: Array, b: Array) -> float:
    """How well the homography is determined: 8th over 1st singular value of the normalised DLT equations.

    Hartley and Zisserman, Multiple View Geometry, 4.1 and 4.4; 0 when three of four points share a line.
    """

    def normalised(points: Array) -> Array:
        centred = points - points.mean(axis=0)
        size = float(np.hypot(*centred.T).mean()) or 1.0
        return centred * (np.sqrt(2.0) / size)

    rows: list[Array] = []
    for (x, y), (u, v) in zip(normalised(a), normalised(b), strict=True):
        rows.append(np.array([-x, -y, -1, 0, 0, 0, u * x, u * y, u]))
        rows.append(np.array([0, 0, 0, -x, -y, -1, v * x, v * y, v]))
    values = np.linalg.svd(np.array(rows), compute_uv=False)
    return float(values[7] / values[0])
