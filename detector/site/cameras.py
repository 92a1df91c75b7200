"""Cameras of a site: from what the city wrote to what geometry uses."""

from __future__ import annotations

from dataclasses import replace

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
from detector.site.ground_fit import fit_homography
from detector.site.schema import DroneCameraIn, FixedCameraIn, LensIn, SigmasIn, VehicleCameraIn

CameraIn = FixedCameraIn | VehicleCameraIn | DroneCameraIn


_UNKNOWN_VEHICLE = replace(
    CameraSigmas(),
    sway_pitch_deg=profile_sigmas("car").sway_pitch_deg,
    sway_roll_deg=profile_sigmas("car").sway_roll_deg,
    sway_heading_deg=profile_sigmas("car").sway_heading_deg,
)
"""Without a profile: it moves like a car at least, and its mounting is no better known than any camera's."""


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
            sigmas=_sigmas(raw.sigmas, profile_sigmas(raw.profile) if raw.profile else _UNKNOWN_VEHICLE),
            lever_up_m=raw.lever_up_m,
            profile=raw.profile or "car",
        )
    sigmas = _sigmas(raw.sigmas, CameraSigmas())
    if raw.ground_points is not None:
        fit = fit_homography(
            raw.ground_points, LocalPlane(raw.lon_deg, raw.lat_deg), raw.max_residual_m, (width_px, height_px)
        )
        rows = [tuple(row) for row in fit.matrix.tolist()]
        return FixedHomography(
            camera_id=raw.id,
            lon_deg=raw.lon_deg,
            lat_deg=raw.lat_deg,
            height_m=raw.height_m,
            width_px=width_px,
            height_px=height_px,
            matrix=(rows[0], rows[1], rows[2]),
            residual_m=fit.residual_m,
            sigmas=sigmas,
            synthetic=synthetic,
            misfit_m=fit.misfit_m,
            left_out_m=fit.left_out_m,
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
