"""Where a thing stands: from its boxes and the camera to a point on the ground with its error.

The ray through the middle of a box's lower edge (the ground contact, never the box centre) meets the plane under
the camera. Only from straight above is the box the thing's outline on the ground, and its middle the place. The
error is carried through by first-order propagation, with derivatives by central differences, and split by who shares
it (see `detector.hit.Place`):

* own: pixels (2 px and 3 % of the box), pitch and roll, the height of the ground;
* pass, vehicle: the fix's position, and its heading together with the yaw of the mounting, as a lever;
* pass, standing camera: the survey error of its position. Its heading error counts as own.

Several observations are averaged by weight, outliers pulled in (Huber). Their pixel errors are taken as independent,
attitude and ground height as one common error, so a hundred frames do not make a bad mounting good. Triangulation
from several positions can later stand beside `_combine` and return the same `Place`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import Camera, FixedHomography, FixedPose, VehicleCamera, rotation, same_shape
from detector.geo.plane import LocalPlane
from detector.hit import Matrix2, Place
from detector.tracks import Observation, Track

Array = NDArray[np.float64]

MAX_RANGE_M = 80.0
"""Beyond this a degree of pitch is worth more than the whole street."""
BOX_JITTER = 0.03
"""How far a box edge wanders, as a share of the box's width or height."""
CUT_EDGE_PX = 2.0
"""A box this near to the picture's border is cut off by it."""
CUT_JITTER = 0.15
"""Added when the border hides the edge: the contact lies outside the picture, by an unknown part of the thing."""
FILLS_FRAME = 0.9
"""A cut-off box taller than this share of the picture says nothing about where its foot is."""
FROM_ABOVE_DEG = -75.0
"""A camera that looks down at least this steeply sees no thing from its side: no edge of a box is its foot."""
BEST_OBSERVATIONS = 12
"""Only the best-placed observations are combined: far ones add nothing, and their errors are not Gaussian."""
HUBER_SIGMA = 2.0


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why a track has no place.

    `code` is ``no_fix``, ``no_heading``, ``above_horizon``, ``too_far``, ``cut_off`` or ``frame_size``. A thing
    ``above_horizon`` or ``too_far`` is known not to touch the ground near the camera; the others are unknown.
    """

    code: str


@dataclass(frozen=True, slots=True)
class _Sight:
    """One observation on the ground. Offsets are east, north in metres; covariances (2, 2) in square metres."""

    anchor: LocalPlane
    offset_m: Array
    cov_pixel: Array
    cov_common: Array
    range_m: float
    position_sigma_m: float
    heading_sigma_rad: float
    synthetic: bool


def locate(track: Track, camera: Camera) -> Place | None:
    """The place of a track, or `None` when it has none (no fix, above the horizon, too far, foot not in view)."""
    place = place_of(track, camera)
    return place if isinstance(place, Place) else None


def place_of(track: Track, camera: Camera) -> Place | Unplaced:
    """The place of a track, or why it has none: the most frequent reason among its observations."""
    sights: list[_Sight] = []
    reasons: Counter[str] = Counter()
    for seen in track.observations:
        sight = _sight(seen, camera)
        if isinstance(sight, _Sight):
            sights.append(sight)
        else:
            reasons[sight.code] += 1
    if not sights:
        return Unplaced(reasons.most_common(1)[0][0])
    return _combine(sights, camera)


def _sight(seen: Observation, camera: Camera) -> _Sight | Unplaced:
    contact = _outline(seen) if _looks_down(camera) else _contact(seen)
    if isinstance(contact, Unplaced):
        return contact
    match camera:
        case FixedPose():
            return _sight_by_pose(seen, contact, camera)
        case FixedHomography():
            return _sight_by_homography(seen, contact, camera)
        case VehicleCamera():
            return _sight_from_vehicle(seen, contact, camera)


def _contact(seen: Observation) -> tuple[Array, Array] | Unplaced:
    """Ground contact (u, v) and its sigma from the box alone, pixels, before the camera's own pixel error."""
    left, top, right, bottom = seen.xyxy
    width, height = right - left, bottom - top
    sigma_u, sigma_v = BOX_JITTER * width, BOX_JITTER * height
    if bottom >= seen.frame_height_px - CUT_EDGE_PX:
        if height > FILLS_FRAME * seen.frame_height_px:
            return Unplaced("cut_off")
        sigma_v = float(np.hypot(sigma_v, CUT_JITTER * height))
    if left <= CUT_EDGE_PX or right >= seen.frame_width_px - CUT_EDGE_PX:
        sigma_u = float(np.hypot(sigma_u, CUT_JITTER * width))
    return np.array([(left + right) / 2.0, bottom]), np.array([sigma_u, sigma_v])


def _looks_down(camera: Camera) -> bool:
    return isinstance(camera, FixedPose) and camera.pitch_deg <= FROM_ABOVE_DEG


def _outline(seen: Observation) -> tuple[Array, Array]:
    """The middle of a box seen from straight above and its sigma, pixels; a cut-off edge hides part of the outline."""
    left, top, right, bottom = seen.xyxy
    sigma = np.array([BOX_JITTER * (right - left), BOX_JITTER * (bottom - top)])
    if left <= CUT_EDGE_PX or right >= seen.frame_width_px - CUT_EDGE_PX:
        sigma[0] = np.hypot(sigma[0], CUT_JITTER * (right - left))
    if top <= CUT_EDGE_PX or bottom >= seen.frame_height_px - CUT_EDGE_PX:
        sigma[1] = np.hypot(sigma[1], CUT_JITTER * (bottom - top))
    return np.array([(left + right) / 2.0, (top + bottom) / 2.0]), sigma


def _jacobian(f: Callable[[Array], Array], at: Array, steps: Array) -> Array:
    """Derivative (2, P) of ``f: (N, P) -> (N, 2)`` by central differences, all parameters in one call."""
    ends = f(np.concatenate((at + np.diag(steps), at - np.diag(steps))))
    count = len(at)
    return ((ends[:count] - ends[count:]) / (2.0 * steps[:, None])).T


def _ground_by_pose(
    seen: Observation, camera: FixedPose | VehicleCamera, mount: Array
) -> Callable[[Array], Array] | Unplaced:
    """Function (N, 6: u, v, heading, pitch, roll, height) -> (N, 2) east, north from the camera; NaN above horizon."""
    lens = camera.lens.for_size(seen.frame_width_px, seen.frame_height_px)
    if lens is None:
        return Unplaced("frame_size")

    def ground(params: Array) -> Array:
        attitude = rotation(params[:, 2], params[:, 3], params[:, 4])
        rays = np.einsum("nij,jk,nk->ni", attitude, mount, lens.rays(params[:, :2]))
        down = np.where(rays[:, 2] < -1e-9, -rays[:, 2], np.nan)
        return rays[:, :2] * (params[:, 5] / down)[:, None]

    return ground


def _meet(
    seen: Observation, contact: tuple[Array, Array], camera: FixedPose | VehicleCamera, attitude: Array, mount: Array
) -> tuple[Array, Array, Array] | Unplaced:
    """Ray meets ground: offset (2,) from the camera, Jacobian (2, 6), and the pixel covariance carried there."""
    ground = _ground_by_pose(seen, camera, mount)
    if isinstance(ground, Unplaced):
        return ground
    at = np.concatenate((contact[0], attitude, [camera.height_m]))
    offset = ground(at[None])[0]
    if not np.isfinite(offset).all():
        return Unplaced("above_horizon")
    if float(np.hypot(*offset)) > MAX_RANGE_M:
        return Unplaced("too_far")
    jacobian = _jacobian(ground, at, np.array([0.5, 0.5, 0.01, 0.01, 0.01, 0.001]))
    if not np.isfinite(jacobian).all():
        return Unplaced("too_far")
    sigma_uv = np.hypot(contact[1], camera.sigmas.pixel_px)
    return offset, jacobian, _carry(jacobian[:, :2], sigma_uv)


def _carry(jacobian: Array, sigmas: Array) -> Array:
    """First-order propagation of independent errors: J diag(sigma^2) J^T."""
    return (jacobian * sigmas**2) @ jacobian.T


def _sight_by_pose(seen: Observation, contact: tuple[Array, Array], camera: FixedPose) -> _Sight | Unplaced:
    attitude = np.array([camera.heading_deg, camera.pitch_deg, camera.roll_deg])
    met = _meet(seen, contact, camera, attitude, np.eye(3))
    if isinstance(met, Unplaced):
        return met
    offset, jacobian, cov_pixel = met
    own = camera.sigmas
    common = np.array([own.heading_deg, own.pitch_deg, own.roll_deg, own.ground_m])
    return _Sight(
        anchor=LocalPlane(camera.lon_deg, camera.lat_deg),
        offset_m=offset,
        cov_pixel=cov_pixel,
        cov_common=_carry(jacobian[:, 2:], common),
        range_m=float(np.hypot(*offset)),
        position_sigma_m=own.position_m,
        heading_sigma_rad=0.0,
        synthetic=camera.synthetic,
    )


def _sight_by_homography(seen: Observation, contact: tuple[Array, Array], camera: FixedHomography) -> _Sight | Unplaced:
    if not same_shape((camera.width_px, camera.height_px), (seen.frame_width_px, seen.frame_height_px)):
        return Unplaced("frame_size")
    scale = np.array([camera.width_px / seen.frame_width_px, camera.height_px / seen.frame_height_px])
    matrix = np.array(camera.matrix)
    sign = _ground_side(matrix, camera)

    def ground(uv: Array) -> Array:
        mapped = np.column_stack((uv * scale, np.ones(len(uv)))) @ matrix.T
        depth = np.where(mapped[:, 2] * sign > 1e-12, mapped[:, 2], np.nan)
        return mapped[:, :2] / depth[:, None]

    offset = ground(contact[0][None])[0]
    if not np.isfinite(offset).all():
        return Unplaced("above_horizon")
    range_m = float(np.hypot(*offset))
    if range_m > MAX_RANGE_M:
        return Unplaced("too_far")
    jacobian = _jacobian(ground, contact[0], np.array([0.5, 0.5]))
    if not np.isfinite(jacobian).all():
        return Unplaced("too_far")
    # A step in the ground shifts the point along the ray by step * range / height, seen from the camera.
    rise = offset[:, None] * (camera.sigmas.ground_m / camera.height_m)
    return _Sight(
        anchor=LocalPlane(camera.lon_deg, camera.lat_deg),
        offset_m=offset,
        cov_pixel=_carry(jacobian, np.hypot(contact[1], camera.sigmas.pixel_px)),
        cov_common=rise @ rise.T + np.eye(2) * camera.residual_m**2,
        range_m=range_m,
        position_sigma_m=camera.sigmas.position_m,
        heading_sigma_rad=0.0,
        synthetic=camera.synthetic,
    )


def _ground_side(matrix: Array, camera: FixedHomography) -> float:
    """Sign of the homography's third row below the horizon: that of the middle of the picture's lower edge."""
    depth = matrix[2] @ np.array([camera.width_px / 2.0, camera.height_px - 1.0, 1.0])
    return float(np.sign(depth))


def _sight_from_vehicle(seen: Observation, contact: tuple[Array, Array], camera: VehicleCamera) -> _Sight | Unplaced:
    mount = rotation(camera.yaw_deg, camera.pitch_deg, camera.roll_deg)[0]
    fix = seen.fix
    pitch_deg, roll_deg = (fix.pitch_deg, fix.roll_deg) if fix else (0.0, 0.0)
    heading_deg = fix.heading_deg if fix and fix.heading_deg is not None else 0.0
    # The horizon needs no fix: a sign up on a wall is known not to stand on the ground, even in a tunnel.
    met = _meet(seen, contact, camera, np.array([heading_deg, pitch_deg, roll_deg]), mount)
    if isinstance(met, Unplaced):
        return met
    if fix is None:
        return Unplaced("no_fix")
    if fix.heading_deg is None:
        return Unplaced("no_heading")
    offset, jacobian, cov_pixel = met
    own = camera.sigmas
    lever = rotation(heading_deg, 0.0, 0.0)[0] @ np.array([camera.lever_right_m, camera.lever_forward_m, 0.0])
    return _Sight(
        anchor=LocalPlane(fix.lon_deg, fix.lat_deg),
        offset_m=offset + lever[:2],
        cov_pixel=cov_pixel,
        cov_common=_carry(jacobian[:, 3:], np.array([own.pitch_deg, own.roll_deg, own.ground_m])),
        range_m=float(np.hypot(*offset)),
        position_sigma_m=fix.sigma_m,
        heading_sigma_rad=float(np.radians(np.hypot(fix.sigma_heading_deg, own.heading_deg))),
        synthetic=fix.synthetic,
    )


def _combine(sights: Sequence[_Sight], camera: Camera) -> Place:
    """Weighted mean of the best sights in the plane of the best one."""

    def spread(sight: _Sight) -> float:
        return float(np.trace(sight.cov_pixel + sight.cov_common))

    best = sorted(sights, key=spread)[:BEST_OBSERVATIONS]
    plane = best[0].anchor
    points = np.concatenate([plane.east_north_m(s.anchor.lon_lat_deg(s.offset_m)) for s in best])
    weights = _huber_weights(points, np.array([s.cov_pixel + s.cov_common for s in best]))
    mean = weights @ points
    cov_pixel = np.einsum("n,nij->ij", weights**2, np.array([s.cov_pixel for s in best]))
    cov_common = np.einsum("n,nij->ij", weights, np.array([s.cov_common for s in best]))
    scatter = np.einsum("n,ni,nj->ij", weights, points - mean, points - mean)
    # What the frames disagree by is error too, whatever the model of it says.
    cov_own = cov_pixel + cov_common + scatter * float(weights @ weights)
    offset = np.einsum("n,ni->i", weights, np.array([s.offset_m for s in best]))
    lever = (float(offset[1]), float(-offset[0]))
    sigma_heading_rad = float(weights @ np.array([s.heading_sigma_rad for s in best]))
    sigma_position_m = float(weights @ np.array([s.position_sigma_m for s in best]))
    pass_shift = np.eye(2) * sigma_position_m**2
    cov_pass = pass_shift + np.outer(lever, lever) * sigma_heading_rad**2
    ((lon_deg, lat_deg),) = plane.lon_lat_deg(mean).tolist()
    return Place(
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        cov_own_m2=_matrix2(cov_own),
        cov_pass_m2=_matrix2(cov_pass),
        pass_shift_m2=_matrix2(pass_shift),
        heading_lever_m=lever,
        sigma_heading_rad=sigma_heading_rad,
        range_m=float(weights @ np.array([s.range_m for s in best])),
        method=_METHOD[type(camera)],
        synthetic=any(s.synthetic for s in best),
    )


_METHOD: dict[type, str] = {
    FixedPose: "fixed_ground",
    FixedHomography: "fixed_homography",
    VehicleCamera: "vehicle_ground",
}


def _huber_weights(points: Array, covs: Array) -> Array:
    """Weights (N,) that sum to 1: by precision, and less for a point far from the rest (Huber 1964)."""
    precision = 1.0 / np.trace(covs, axis1=1, axis2=2)
    mean = np.median(points, axis=0)
    weights = precision / precision.sum()
    inverse = np.linalg.inv(covs)
    for _ in range(5):
        off = points - mean
        distance = np.sqrt(np.einsum("ni,nij,nj->n", off, inverse, off))
        weights = precision * np.minimum(1.0, HUBER_SIGMA / np.maximum(distance, 1e-9))
        weights = weights / weights.sum()
        mean = weights @ points
    return weights


def _matrix2(cov: Array) -> Matrix2:
    return ((float(cov[0, 0]), float(cov[0, 1])), (float(cov[0, 1]), float(cov[1, 1])))
