"""Sight lines in plan: where a camera was and in which direction it saw a thing, and how sure both are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.frame import Fix
from detector.geo.camera import Camera, DroneCamera, FixedHomography, FixedPose, VehicleCamera
from detector.geo.contact import BOX_JITTER
from detector.geo.localise import Unplaced
from detector.geo.plane import LocalPlane
from detector.geo.sight import DOWN, axes_of
from detector.geo.trajectory import path_of
from detector.geo.view import PoseCamera, Views, fixed_view, moving_views
from detector.geo.zones import ZoneIndex
from detector.hit import PassOffset
from detector.tracks import Observation, Track

Array = NDArray[np.float64]

MOST_LOOKS = 16
"""So many looks, evenly through the track: more share their errors anyway."""


@dataclass(frozen=True, slots=True, eq=False)
class SightLines:
    """Sight lines of K looks at a thing, in plan, and how sure they are.

    Attributes:
        origin: (K, 2) metres on the zones' plane.
        direction: (K, 2) unit, through the middle of the box.
        rise: (K,) of the middle's ray, metres up per metre of range; NaN when the camera does not know.
        foot_rise: (K,) of the lower edge's ray.
        height_m: (K,) of the camera above the ground.
        sigma_pixel_rad, sigma_common_rad: (K,) bearing error of each look, and the one that all share.
        sigma_rise: (K,) error of `foot_rise`.
        shift_m2: (2, 2) error of the camera's place, shared by the pass.
        sigma_heading_rad: shared by the pass; 0 for a standing camera.
        arm_m: (K, 2) from the antenna to the camera.
    """

    origin: Array
    direction: Array
    rise: Array
    foot_rise: Array
    height_m: Array
    sigma_pixel_rad: Array
    sigma_common_rad: Array
    sigma_rise: Array
    shift_m2: Array
    sigma_heading_rad: float
    arm_m: Array
    synthetic: bool


def sight_lines(track: Track, camera: Camera, zones: ZoneIndex, offset: PassOffset | None) -> SightLines | Unplaced:
    """Sight lines of a track on the plane of `zones`, or why there are none (as `localise.place_of` says it).

    A camera tied to the ground by marked points sees no lines above it: ``no_wall``.
    """
    looks = track.observations
    picked = np.unique(np.linspace(0, len(looks) - 1, min(len(looks), MOST_LOOKS)).round().astype(np.int64))
    seen: list[Observation] = [looks[int(row)] for row in picked.tolist()]
    match camera:
        case FixedHomography():
            return Unplaced("no_wall")
        case FixedPose():
            views = fixed_view(camera).repeated(len(seen))
            stance = _Stance(
                antenna_m=views.centre_m[:, :2],
                shift_m2=np.eye(2) * camera.sigmas.position_m**2,
                sigma_heading_own_rad=float(np.radians(camera.sigmas.heading_deg)),
                sigma_heading_rad=0.0,
                synthetic=camera.synthetic,
            )
            return _through(seen, camera, views, stance, zones)
        case VehicleCamera() | DroneCamera():
            return _from_carrier(seen, camera, zones, offset)


@dataclass(frozen=True, slots=True, eq=False)
class _Stance:
    """What is known of where a camera stood, besides its views. `moved_m`: by the registration of the pass."""

    antenna_m: Array
    shift_m2: Array
    sigma_heading_own_rad: float
    sigma_heading_rad: float
    synthetic: bool
    moved_m: tuple[float, float] = (0.0, 0.0)


def _from_carrier(
    seen: Sequence[Observation], camera: VehicleCamera | DroneCamera, zones: ZoneIndex, offset: PassOffset | None
) -> SightLines | Unplaced:
    known: list[Observation] = []
    fixes: list[Fix] = []
    for look in seen:
        if look.fix is not None and look.fix.heading_deg is not None:
            known.append(look)
            fixes.append(look.fix)
    if not known:
        return Unplaced("no_fix" if all(look.fix is None for look in seen) else "no_heading")
    times_s = np.array([(look.captured_at - known[0].captured_at).total_seconds() for look in known])
    path = path_of(fixes, times_s, camera)
    if isinstance(camera, DroneCamera) and not all(fix.above_ground_m for fix in path.fixes):
        return Unplaced("no_height")
    views, antenna = moving_views(camera, path.fixes, LocalPlane(path.fixes[0].lon_deg, path.fixes[0].lat_deg))
    # A drone's log holds no heading error: then its gimbal's own is all there is.
    heading_deg = [fix.sigma_heading_deg if fix.sigma_heading_deg < 180.0 else 0.0 for fix in path.fixes]
    stance = _Stance(
        antenna_m=antenna,
        shift_m2=np.array(offset.cov_m2) if offset else path.shift_m2,
        sigma_heading_own_rad=float(np.radians(camera.sigmas.sway_heading_deg)),
        sigma_heading_rad=float(np.radians(np.hypot(np.median(heading_deg), camera.sigmas.heading_deg))),
        synthetic=any(fix.synthetic for fix in path.fixes),
        moved_m=(offset.east_m, offset.north_m) if offset else (0.0, 0.0),
    )
    return _through(known, camera, views, stance, zones)


def _through(
    seen: Sequence[Observation], camera: PoseCamera, views: Views, stance: _Stance, zones: ZoneIndex
) -> SightLines | Unplaced:
    """Sight lines through a camera whose pose is known."""
    box = np.array([look.xyxy for look in seen], np.float64)
    middle = np.column_stack(((box[:, 0] + box[:, 2]) / 2.0, (box[:, 1] + box[:, 3]) / 2.0))
    foot = np.column_stack((middle[:, 0], box[:, 3]))
    step = np.array([0.5, 0.0])
    stacked = [_rays(seen, camera, uv) for uv in (middle, foot, middle + step, middle - step)]
    if any(np.isnan(rays).any() for rays in stacked):
        return Unplaced("frame_size")
    ray, foot_ray, right, left = (views.to_street(rays) for rays in stacked)
    level = np.hypot(ray[:, 0], ray[:, 1])
    sigmas = camera.sigmas
    axes = axes_of(views, np.arange(len(seen)))
    turns = [
        (axes.mount_pitch, sigmas.pitch_deg),
        (axes.mount_roll, sigmas.roll_deg),
        (axes.body_pitch, sigmas.sway_pitch_deg),
        (axes.body_roll, sigmas.sway_roll_deg),
    ]
    common2 = np.zeros(len(seen))
    rise2 = np.zeros(len(seen))
    for axis, sigma_deg in turns:
        change = np.cross(axis, ray) * np.radians(sigma_deg)
        common2 += _turn(ray, change) ** 2
        rise2 += (change[:, 2] / level) ** 2
    heading_turn = _turn(ray, np.cross(np.broadcast_to(DOWN, ray.shape), ray))
    sigma_u = np.hypot(sigmas.pixel_px, BOX_JITTER * (box[:, 2] - box[:, 0]))
    sigma_v = np.hypot(sigmas.pixel_px, BOX_JITTER * (box[:, 3] - box[:, 1]))
    scale = np.array([look.frame_width_px for look in seen]) / camera.lens.width_px
    origin = zones.to_plane(views.plane.lon_lat_deg(views.centre_m[:, :2] + np.array(stance.moved_m)))
    return SightLines(
        origin=origin,
        direction=ray[:, :2] / level[:, None],
        rise=ray[:, 2] / level,
        foot_rise=foot_ray[:, 2] / np.hypot(foot_ray[:, 0], foot_ray[:, 1]),
        height_m=views.centre_m[:, 2],
        sigma_pixel_rad=np.abs(_turn(ray, right - left)) * sigma_u,
        sigma_common_rad=np.sqrt(common2 + (heading_turn * stance.sigma_heading_own_rad) ** 2),
        sigma_rise=np.sqrt(rise2 + (sigma_v / (camera.lens.fy_px * scale)) ** 2),
        shift_m2=stance.shift_m2,
        sigma_heading_rad=stance.sigma_heading_rad,
        arm_m=views.centre_m[:, :2] - stance.antenna_m,
        synthetic=stance.synthetic,
    )


def _rays(seen: Sequence[Observation], camera: PoseCamera, uv: Array) -> Array:
    """Rays (K, 3) through pixels (K, 2) of pictures that may be scaled; NaN where the shape is not the camera's."""
    rays = np.full((len(seen), 3), np.nan)
    for row, look in enumerate(seen):
        lens = camera.lens.for_size(look.frame_width_px, look.frame_height_px)
        if lens is not None:
            rays[row] = lens.rays(uv[row])[0]
    return rays


def _turn(ray: Array, change: Array) -> Array:
    """How much a change (K, 3) of rays turns their bearings clockwise, radians."""
    return (ray[:, 1] * change[:, 0] - ray[:, 0] * change[:, 1]) / (ray[:, 0] ** 2 + ray[:, 1] ** 2)
