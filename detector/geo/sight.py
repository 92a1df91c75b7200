"""One look at a thing: the ray through its ground contact meets the ground, and how sure that point is.

With the ray ``r = (a, b, c)`` in east, north, up from the camera at height h, on ground that rises by ``s`` per metre
(``s = 0`` without a terrain), the point is ``C + t (a, b)`` with ``t`` from ``h + t c = rise(C + t (a, b))``. Errors
are carried through by first-order propagation (Hartley and Zisserman, Multiple View Geometry, 5.2) with the derivatives
``dt = t (s . (da, db) - dc) / (c - s . (a, b))`` for a change of the ray, and ``dt = dg / (c - s . (a, b))`` for ground
that lies dg higher. A small turn by w about an axis changes the ray by ``w x r``, so a row j of the first derivative
becomes ``j . (w x r) = -j [r] w`` with ``[r] w = r x w``; a heading turns about "down".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import FixedHomography, Lens, same_shape
from detector.geo.contact import Contacts
from detector.geo.plane import LocalPlane
from detector.geo.terrain import GroundHits, Terrain, meet_ground
from detector.geo.view import Views
from detector.tracks import Observation

Array = NDArray[np.float64]

MAX_RANGE_M = 80.0
"""Beyond this a degree of pitch is worth more than the whole street."""


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """K looks at a thing that meet the ground; metres east and north of `plane`, covariances in square metres.

    Attributes:
        rows: (K,) which observations they are.
        point_m: (K, 2) on the ground.
        arm_m: (K, 2) from the camera to the point.
        cov_pixel: (K, 2, 2) of the box edges.
        cov_common: (K, 2, 2) of attitude and ground height: much the same in all frames.
    """

    plane: LocalPlane
    rows: NDArray[np.int64]
    point_m: Array
    arm_m: Array
    cov_pixel: Array
    cov_common: Array

    @property
    def range_m(self) -> Array:
        """(K,) ground distance from the camera."""
        return np.hypot(self.arm_m[:, 0], self.arm_m[:, 1])


@dataclass(frozen=True, slots=True, eq=False)
class Bearings:
    """Rays of N observations through their ground contact.

    Attributes:
        rays: (N, 3) in camera axes, forward = 1; NaN where the picture's shape is not the camera's.
        slope: (N, 2, 3) derivative of `rays` by u and v.
        cov_px: (N, 2) variances of u and v.
    """

    rays: Array
    slope: Array
    cov_px: Array


def bearings_of(observations: Sequence[Observation], contacts: Contacts, lens: Lens, pixel_px: float) -> Bearings:
    """Rays through the contacts, whatever size the pictures were scaled to."""
    count = len(observations)
    rays = np.full((count, 3), np.nan)
    slope = np.full((count, 2, 3), np.nan)
    sizes = [(seen.frame_width_px, seen.frame_height_px) for seen in observations]
    for size in dict.fromkeys(sizes):
        scaled = lens.for_size(*size)
        if scaled is None:
            continue
        rows = np.array([index for index, other in enumerate(sizes) if other == size])
        uv = contacts.uv_px[rows]
        half = np.array([[0.0, 0.0], [0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
        found = scaled.rays((uv[None] + half[:, None]).reshape(-1, 2)).reshape(5, len(rows), 3)
        rays[rows] = found[0]
        slope[rows, 0] = found[1] - found[2]
        slope[rows, 1] = found[3] - found[4]
    return Bearings(rays, slope, contacts.sigma_px**2 + pixel_px**2)


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """Axes (N, 3), east, north, up, about which the errors of an attitude turn a camera."""

    body_pitch: Array
    body_roll: Array
    mount_pitch: Array
    mount_roll: Array


def axes_of(views: Views, rows: NDArray[np.int64]) -> Axes:
    """The body's pitch axis stays level, its roll axis points ahead; the mounting's are the camera's own axes."""
    heading = np.radians(views.attitude_deg[rows, 0])
    level = np.column_stack((np.cos(heading), -np.sin(heading), np.zeros(len(heading))))
    camera = views.body[rows] @ views.mount
    return Axes(level, views.body[rows, :, 1], camera[:, :, 0], camera[:, :, 1])


DOWN = np.array([0.0, 0.0, -1.0])
"""Headings turn clockwise seen from above: about this axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """One-sigma errors of a camera, beside those in the picture.

    Attributes:
        heading_rad: of a standing camera's heading; 0 where the heading is the pass's business.
        sway_pitch_rad, sway_roll_rad: of the carrier's body, from frame to frame.
        pitch_rad, roll_rad: of the mounting, about the camera's own axes.
        ground_m: of the ground under the thing against the ground under the camera.
        mapped_m: the same where a terrain grid knows both.
        height_m: of the camera above the ground below it (a drone's barometer).
    """

    heading_rad: float
    sway_pitch_rad: float
    sway_roll_rad: float
    pitch_rad: float
    roll_rad: float
    ground_m: float
    mapped_m: float
    height_m: float = 0.0


def skew(vectors: Array) -> Array:
    """(K, 3) -> (K, 3, 3): ``skew(a) @ b`` is the cross product a x b."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack((zero, -z, y, z, zero, -x, -y, x, zero), axis=1).reshape(-1, 3, 3)


def turns_of(views: Views, rows: NDArray[np.int64], trust: Trust) -> Array:
    """(K, 3, 5) turns by one sigma: sway in pitch and roll, the mounting's pitch and roll, a standing heading."""
    axes = axes_of(views, rows)
    return np.stack(
        (
            axes.body_pitch * trust.sway_pitch_rad,
            axes.body_roll * trust.sway_roll_rad,
            axes.mount_pitch * trust.pitch_rad,
            axes.mount_roll * trust.roll_rad,
            np.broadcast_to(DOWN * trust.heading_rad, axes.body_pitch.shape),
        ),
        axis=2,
    )


def sights_by_pose(
    views: Views, bearings: Bearings, trust: Trust, known: NDArray[np.bool_], terrain: Terrain | None
) -> tuple[Sights, list[str]]:
    """Looks through a camera whose pose is known, and for each of the N rays why it meets no ground ("": it does).

    Args:
        known: (N,) the foot is in view, and position and heading of the camera are known. Other rays make no look, but
            what lies above the horizon shows all the same.
    """
    street = views.to_street(bearings.rays)
    reach = np.maximum(MAX_RANGE_M, 2.0 * np.nan_to_num(views.centre_m[:, 2]))
    hits = meet_ground(views.plane, views.centre_m, street, terrain, reach)
    reasons = _reasons(bearings, street, hits, reach, np.isfinite(views.centre_m[:, 2]))
    usable = np.array([not reason for reason in reasons], np.bool_) & known & np.isfinite(hits.arm_m).all(axis=1)
    rows = np.flatnonzero(usable).astype(np.int64)
    street, arm = street[rows], hits.arm_m[rows]
    by_ray = _by_ray(street, hits.ray_length[rows], hits.slope[rows])
    camera = views.body[rows] @ views.mount
    by_pixel = by_ray @ camera @ bearings.slope[rows].transpose(0, 2, 1)
    cov_pixel = (by_pixel * bearings.cov_px[rows][:, None, :]) @ by_pixel.transpose(0, 2, 1)
    turns = turns_of(views, rows, trust)
    by_turn = -by_ray @ skew(street) @ turns
    ground_m = np.hypot(np.where(hits.mapped[rows], trust.mapped_m, trust.ground_m), trust.height_m)
    by_height = by_ray[:, :, 2] * (-ground_m / hits.ray_length[rows])[:, None]
    cov_common = by_turn @ by_turn.transpose(0, 2, 1) + by_height[:, :, None] * by_height[:, None, :]
    sights = Sights(views.plane, rows, views.centre_m[rows, :2] + arm, arm, cov_pixel, cov_common)
    return sights, reasons


def _reasons(bearings: Bearings, street: Array, hits: GroundHits, reach: Array, high: NDArray[np.bool_]) -> list[str]:
    """Why a look does not meet the ground near the camera, "" when it does. `high`: whose height is known."""
    far = np.hypot(hits.arm_m[:, 0], hits.arm_m[:, 1]) > reach
    # A ray this flat moves by more than its range for the tenth of a degree that no mounting holds.
    flat = -street[:, 2] < np.radians(0.1) * np.hypot(street[:, 0], street[:, 1])
    missed = np.asarray(np.isnan(hits.arm_m).any(axis=1), np.bool_)
    reasons: list[str] = []
    for row, ray in enumerate(bearings.rays):
        if np.isnan(ray).any():
            reasons.append("frame_size")
        elif missed[row] and street[row, 2] >= -1e-9:
            reasons.append("above_horizon")
        elif far[row] or (missed[row] and high[row]) or (flat[row] and not hits.mapped[row]):
            reasons.append("too_far")
        else:
            reasons.append("")
    return reasons


def _by_ray(ray: Array, length: Array, slope: Array) -> Array:
    """(K, 2, 3) how the ground points move with their rays: formulas in the module's docstring."""
    sinking = ray[:, 2] - (slope * ray[:, :2]).sum(axis=1)
    along = np.column_stack((slope, -np.ones(len(ray)))) / sinking[:, None]
    moves = ray[:, :2, None] * along[:, None, :]
    moves[:, 0, 0] += 1.0
    moves[:, 1, 1] += 1.0
    return length[:, None, None] * moves


def sights_by_homography(
    observations: Sequence[Observation], contacts: Contacts, camera: FixedHomography
) -> tuple[Sights, list[str]]:
    """Looks through a standing camera that is tied to the ground by marked points, and why a row is none.

    A step in the ground shifts the point along the ray by ``step * range / height``, seen from the camera.
    """
    size = (camera.width_px, camera.height_px)
    frames = np.array([(seen.frame_width_px, seen.frame_height_px) for seen in observations], np.float64)
    scale = np.array(size) / frames
    matrix = np.array(camera.matrix)
    # Below the horizon the third row has one sign: that of the middle of the picture's lower edge.
    below = float(np.sign(matrix[2] @ np.array([camera.width_px / 2.0, camera.height_px - 1.0, 1.0])))
    uv = contacts.uv_px * scale
    mapped = np.column_stack((uv, np.ones(len(uv)))) @ matrix.T
    depth = np.where(mapped[:, 2] * below > 1e-12, mapped[:, 2], np.nan)
    arm = mapped[:, :2] / depth[:, None]
    reasons: list[str] = []
    for row, seen in enumerate(observations):
        if not same_shape(size, (seen.frame_width_px, seen.frame_height_px)):
            reasons.append("frame_size")
        elif np.isnan(depth[row]):
            reasons.append("above_horizon")
        else:
            reasons.append("too_far" if float(np.hypot(*arm[row])) > MAX_RANGE_M else "")
    good = [not reason and not contacts.cut_off[row] for row, reason in enumerate(reasons)]
    rows = np.flatnonzero(good).astype(np.int64)
    arm, depth = arm[rows], depth[rows]
    # d(x / w) = (dx - (x / w) dw) / w, by u and v.
    by_pixel = (matrix[None, :2, :2] - arm[:, :, None] * matrix[None, 2:, :2]) / depth[:, None, None]
    variance = (contacts.sigma_px[rows] ** 2 + camera.sigmas.pixel_px**2) * scale[rows] ** 2
    cov_pixel = (by_pixel * variance[:, None, :]) @ by_pixel.transpose(0, 2, 1)
    rise = arm * (camera.sigmas.ground_m / camera.height_m)
    cov_common = rise[:, :, None] * rise[:, None, :] + np.eye(2) * camera.residual_m**2
    plane = LocalPlane(camera.lon_deg, camera.lat_deg)
    return Sights(plane, rows, arm, arm, cov_pixel, cov_common), reasons
