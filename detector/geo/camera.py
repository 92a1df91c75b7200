"""What a camera is to geometry: its lens, and how it stands on the street or sits on the vehicle.

Angles: heading and yaw clockwise seen from above, 0 = north (heading) or straight ahead (yaw); pitch is nose up
positive, 0 = level, -90 = straight down; roll is right side down positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detector.geo.lens import Lens, Vectors, same_shape

__all__ = [
    "Camera",
    "CameraSigmas",
    "DroneCamera",
    "FixedHomography",
    "FixedPose",
    "Lens",
    "ObservedBy",
    "Profile",
    "VehicleCamera",
    "image_px",
    "profile_sigmas",
    "rotation",
    "same_shape",
]

ObservedBy = Literal["vehicle", "fixed", "drone"]
"""Who looked: a vehicle cannot wait, a standing camera can."""

Profile = Literal["car", "e_bike"]
"""How a vehicle moves under its camera: a car nods, a two-wheeler leans into its turns."""


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
        pixel_px: of a box edge, besides the share of the box's own size that `contact` adds.
        heading_deg: a standing camera's or a gimbal's heading, or the yaw of the mounting (shared by a whole pass).
        pitch_deg, roll_deg: of the mounting, about the camera's own axes: the same in every frame of a pass.
        sway_pitch_deg, sway_roll_deg: of the vehicle's body from frame to frame, besides what the fix measured; 0 for
            a camera that stands still.
        sway_heading_deg: how far the body points off its course over ground, from frame to frame.
        lean_deg: what is left of the roll of a two-wheeler after its lean was reckoned from the turn
            (`trajectory.lean_deg`); takes the place of `sway_roll_deg` then.
        ground_m: height of the ground under the thing against the plane under the camera.
        position_m: survey error of a standing camera, per axis; unused where a fix comes with its own.
    """

    pixel_px: float = 2.0
    heading_deg: float = 1.0
    pitch_deg: float = 1.0
    roll_deg: float = 1.0
    ground_m: float = 0.15
    position_m: float = 0.5
    sway_pitch_deg: float = 0.0
    sway_roll_deg: float = 0.0
    sway_heading_deg: float = 0.0
    lean_deg: float = 1.5


_PROFILES: dict[Profile, CameraSigmas] = {
    "car": CameraSigmas(
        heading_deg=1.0, pitch_deg=0.5, roll_deg=0.5, sway_pitch_deg=0.6, sway_roll_deg=0.8, sway_heading_deg=0.5
    ),
    "e_bike": CameraSigmas(
        heading_deg=1.0, pitch_deg=0.5, roll_deg=0.5, sway_pitch_deg=0.8, sway_roll_deg=3.0, sway_heading_deg=1.0
    ),
}


def profile_sigmas(profile: Profile) -> CameraSigmas:
    """One-sigma errors to assume for a calibrated mounting on a kind of vehicle without an attitude sensor.

    A car on its springs nods and rolls by half a degree to a degree; an upright two-wheeler sways by about three
    degrees with its rider, of which `lean_deg` remain when the lean is reckoned from its turns.
    """
    return _PROFILES[profile]


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
        residual_m: what a place between the marked points must expect; see `detector.site.ground_fit`.
        misfit_m: of each marked point, in their order.
        left_out_m: of each, foretold by the others; empty with fewer than six.
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
    misfit_m: tuple[float, ...] = ()
    left_out_m: tuple[float, ...] = ()

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
        lever_right_m, lever_forward_m, lever_up_m: from the GNSS antenna to the camera, in vehicle axes. The third
            matters on a two-wheeler: at 10 degrees of lean a camera 0.5 m above the antenna is 9 cm beside it.
        profile: ``e_bike`` leans about its contact line: the camera sinks (``height_m cos roll``), and where no fix
            measured its roll, it is reckoned from the turn. A ``car`` does neither.
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
    lever_up_m: float = 0.0
    profile: Profile = "car"

    @property
    def observed_by(self) -> ObservedBy:
        """A vehicle."""
        return "vehicle"


@dataclass(frozen=True, slots=True)
class DroneCamera:
    """A camera on a drone's gimbal. Its pose comes with every fix: position, `above_ground_m`, and the gimbal's own
    heading, pitch and roll (against north and the horizon, not against the airframe).

    Attributes:
        sigmas: `heading_deg`, `pitch_deg`, `roll_deg` are the gimbal's.
    """

    camera_id: str
    lens: Lens
    sigmas: CameraSigmas

    @property
    def observed_by(self) -> ObservedBy:
        """A drone."""
        return "drone"


Camera = FixedPose | FixedHomography | VehicleCamera | DroneCamera


def image_px(camera: Camera) -> tuple[int, int]:
    """Width and height of the pictures a camera's geometry was written for, px."""
    if isinstance(camera, FixedHomography):
        return camera.width_px, camera.height_px
    return camera.lens.width_px, camera.lens.height_px
