"""One place for a thing seen from several: Gauss-Newton on the bearings, with everything that is shared held shared.

Measured are the directions ``p = (right, up) / forward`` to the ground contact in each frame; the horizontal one is a
bearing, good to a fraction of a degree, the vertical one a range by way of the ground, and weak. Sought are east and
north of the point. Beside them stand, with what is believed of them beforehand as a measurement of 0:

* the half depth of the thing: the middle of its box is in the direction of its own middle, but the box ends at its
  near edge; taken for `depth_m`, give or take half as much,
* the height error of the ground under the thing,
* the pitch and the roll of the mounting, the same in all frames,
* its yaw, which the whole pass shares.

Errors that come and go are in the covariance of the measurements, and frames near in time share them: pixels of each
frame alone, pitch and roll of the body for `SWAY_S`, the heading for `COURSE_S`, and the drift of the path (see
`trajectory`). So a hundred frames of one second do not count as a hundred.

A frame whose residual is beyond `OUTLIER_SIGMA` (a box that jumped to the neighbour) has its pixel variance raised by
the fourth power of the excess, anew in each round, so that its pull vanishes with distance (iteratively re-weighted
least squares; Hartley and Zisserman, Multiple View Geometry, A6.8). Should the frames still disagree by more than
chance (the residual's chi-squared beyond 95 %), the covariance grows by its excess.

The yaw of the mounting weighs in the solution but is kept out of its covariance: `lever_m_rad` is how far the
*solution* moves for a radian of it, ``-K dp/dh`` with the estimator's gain K. It is not the lever of any single frame:
the turn between bearings from several places tells much of it. With P the covariance of the point in the whole
estimate, the own part is ``P - lever lever^T sigma^2``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.sight import DOWN, Trust, axes_of, skew
from detector.geo.terrain import Terrain, rise_and_slope
from detector.geo.view import Views

Array = NDArray[np.float64]

SWAY_S = 0.5
"""How long a nod or a sway holds on."""
COURSE_S = 2.0
"""How long an error of the heading from the fixes holds on."""
MIN_PARALLAX_DEG = 5.0
"""Seen from directions closer together than this, a thing has a single look's range, however many looks there are."""
MIN_FRAMES = 3
OUTLIER_SIGMA = 2.5
DEPTH_SIGMA = 0.5
"""How wrong the half depth is believed to be, as a share of it: things are deeper or flatter than they are thought."""
_ROUNDS = 8
_STILL_M = 0.02
_CHI2_95 = 1.645
_SHARED, _YAW = np.arange(2, 7), 5
"""Columns of the unknowns: east, north, then what is shared: ground, pitch, roll and yaw of the mounting, depth."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What the frames say. M frames of one track.

    Attributes:
        views: where the camera was.
        tangent: (M, 2) right and up over forward.
        cov_tangent: (M, 2, 2) of the pixels.
        times_s: (M,).
        drift_m2: (M, M) per axis, of the views' positions against each other.
        depth_m: (M,) by how much the near edge of the thing is believed to be nearer than its middle.
        heading_rad: (M,) one sigma of the heading, of each frame and not of the pass.
        yaw_rad: one sigma of the heading error that the pass shares.
    """

    views: Views
    tangent: Array
    cov_tangent: Array
    times_s: Array
    drift_m2: Array
    depth_m: Array
    heading_rad: Array
    yaw_rad: float


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A triangulated point.

    Attributes:
        east_north_m: (2,) in the views' plane.
        cov_m2: (2, 2) all but the pass: its position and the heading it shares.
        lever_m_rad: (2,) movement per radian of shared heading error.
        range_m: ground distance from the nearest view.
        parallax_deg: between the outermost directions.
        kept: (M,) share of each frame that was believed; below 1 for outliers.
    """

    east_north_m: Array
    cov_m2: Array
    lever_m_rad: Array
    range_m: float
    parallax_deg: float
    kept: Array


def triangulate(looks: Looks, start_m: Array, trust: Trust, terrain: Terrain | None = None) -> Point | None:
    """The point, or `None` when the frames determine none: too few, too near together, or at odds.

    Args:
        start_m: (2,) a first guess, such as the nearest single look.
    """
    count = len(looks.views)
    if count < MIN_FRAMES:
        return None
    model = _Model.of(looks, trust, terrain)
    point, kept = start_m, np.ones(count)
    fit: _Fit | None = None
    for _ in range(_ROUNDS):
        fit = model.fit(point, kept)
        if fit is None:
            return None
        step = fit.step_m * min(1.0, 10.0 / max(float(np.hypot(*fit.step_m)), 1e-9))
        point = point + step
        pulled = _believed(fit)
        settled = float(np.hypot(*step)) < _STILL_M and float(np.abs(pulled - kept).max()) < 0.05
        kept = pulled
        if settled:
            break
    if fit is None:
        return None
    arms = point - looks.views.centre_m[:, :2]
    parallax_deg = _spread_deg(arms[kept > 0.5])
    if parallax_deg < MIN_PARALLAX_DEG or (kept > 0.5).sum() < max(MIN_FRAMES, 0.5 * count):
        return None
    nearest_m = float(np.hypot(arms[:, 0], arms[:, 1]).min())
    return Point(point, fit.cov_m2, fit.lever_m_rad, nearest_m, parallax_deg, kept)


def _spread_deg(arms: Array) -> float:
    """Angle between the outermost of directions less than half a turn apart."""
    if not len(arms):
        return 0.0
    azimuth = np.arctan2(arms[:, 0], arms[:, 1])
    middle = np.arctan2(np.sin(azimuth).mean(), np.cos(azimuth).mean())
    off = np.angle(np.exp(1j * (azimuth - middle)))
    return float(np.degrees(off.max() - off.min()))


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    step_m: Array
    cov_m2: Array
    lever_m_rad: Array
    residual: Array
    frame_cov: Array


def _believed(fit: _Fit) -> Array:
    """(M,) 1 for a frame that fits, falling with the square of what it misses by."""
    (a, b), (c, d) = fit.residual.T, fit.frame_cov[:, 1].T
    e = fit.frame_cov[:, 0, 0]
    # r^T [[e, c], [c, d]]^-1 r, written out.
    distance2 = (d * a * a - 2.0 * c * a * b + e * b * b) / (e * d - c * c)
    return np.minimum(1.0, (OUTLIER_SIGMA**2 / np.maximum(distance2, 1e-9)) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """Directions to a point, and what errors do to them; all that does not depend on the point worked out once.

    Attributes:
        camera: (M, 3, 3) camera axes to east, north, up.
        turns: (M, 3, 6) axes of the attitude's errors: three that come and go (sway in pitch and roll, heading) by one
            sigma each, three that stay (pitch, roll and yaw of the mounting) by a radian.
        kernels: (5, 2M, 2M) how far two frames share each error that comes and goes, and the drift east and north.
        prior: (5,) one sigma of ground height, of pitch, roll and yaw of the mounting, and of the depth in `depth_m`.
        base_m: (M,) height of the ground under the camera above `datum_m`.
    """

    looks: Looks
    camera: Array
    turns: Array
    kernels: Array
    prior: Array
    terrain: Terrain | None
    base_m: Array
    datum_m: float

    @staticmethod
    def of(looks: Looks, trust: Trust, terrain: Terrain | None) -> _Model:
        views = looks.views
        axes = axes_of(views, np.arange(len(views)))
        down = np.broadcast_to(DOWN, axes.body_pitch.shape)
        turns = np.stack(
            (
                axes.body_pitch * trust.sway_pitch_rad,
                axes.body_roll * trust.sway_roll_rad,
                down * looks.heading_rad[:, None],
                axes.mount_pitch,
                axes.mount_roll,
                down,
            ),
            axis=2,
        )
        gap_s = np.abs(looks.times_s[:, None] - looks.times_s[None, :])
        sway = np.exp(-gap_s / SWAY_S)
        kernels = np.stack((sway, sway, np.exp(-gap_s / COURSE_S), looks.drift_m2, looks.drift_m2))
        base, datum, ground_m = np.zeros(len(views)), 0.0, trust.ground_m
        if terrain is not None:
            under = terrain.heights(views.plane.lon_lat_deg(views.centre_m[:, :2]))
            if bool(np.isfinite(under).all()):
                datum = float(under[0])
                base, ground_m = under - datum, trust.mapped_m
            else:
                terrain = None
        height_m = np.hypot(ground_m, trust.height_m)
        prior = np.array([height_m, trust.pitch_rad, trust.roll_rad, looks.yaw_rad, DEPTH_SIGMA])
        return _Model(
            looks=looks,
            camera=views.body @ views.mount,
            turns=turns,
            kernels=kernels.repeat(2, axis=1).repeat(2, axis=2),
            prior=np.maximum(prior, 1e-6),
            terrain=terrain,
            base_m=base,
            datum_m=datum,
        )

    def fit(self, point: Array, kept: Array) -> _Fit | None:
        """One Gauss-Newton step from `point`, frames believed as far as `kept`; `None` when it lies behind a camera."""
        views, count = self.looks.views, len(kept)
        rise, slope = rise_and_slope(self.terrain, views.plane, point, self.datum_m)
        away = np.append(point, rise) - views.centre_m
        away[:, 2] -= self.base_m
        nearer = away[:, :2] * (self.looks.depth_m / np.maximum(np.hypot(away[:, 0], away[:, 1]), 0.5))[:, None]
        away[:, :2] -= nearer
        seen = np.squeeze(away[:, None, :] @ self.camera, axis=1)
        if float(seen[:, 1].min()) < 0.2:
            return None
        tangent = seen[:, ::2] / seen[:, 1:2]
        bend = np.zeros((count, 2, 3))
        bend[:, 0, 0] = bend[:, 1, 2] = 1.0 / seen[:, 1]
        bend[:, :, 1] = -tangent / seen[:, 1:2]
        by_place = bend @ self.camera.transpose(0, 2, 1)
        # A camera turned by w sees the point turned by -w: -j . (w x d) = j [d] w for each row j.
        by_turn = by_place @ skew(away) @ self.turns
        by_point = by_place[:, :, :2] + by_place[:, :, 2:] * slope
        cov = self._covariance(np.concatenate((by_turn[:, :, :3], by_place[:, :, :2]), axis=2), kept)
        by_depth = -by_place[:, :, :2] @ nearer[:, :, None]
        design = np.concatenate((by_point, by_place[:, :, 2:], by_turn[:, :, 3:], by_depth), axis=2)
        design = design.reshape(2 * count, -1)
        residual = (self.looks.tangent - tangent).reshape(-1)
        weighted = np.linalg.solve(cov, np.column_stack((design, residual)))
        information = design.T @ weighted
        normal = information[:, :-1].copy()
        normal[_SHARED, _SHARED] += 1.0 / self.prior**2
        inverse = np.linalg.inv(normal)
        found = inverse @ information[:, -1]
        if not bool(np.isfinite(found).all()):
            return None
        # Priors are measurements of 0, so the degrees of freedom are those of the directions less the point's two.
        chi2 = float(residual @ weighted[:, -1] - found @ information[:, -1])
        freedom = max(2.0 * float(kept.sum()) - 2.0, 1.0)
        excess = chi2 / freedom if chi2 > freedom + _CHI2_95 * np.sqrt(2.0 * freedom) else 1.0
        lever = -(inverse[:2] @ information[:, _YAW])
        own = (inverse[:2, :2] - np.outer(lever, lever) * self.looks.yaw_rad**2) * excess
        frame = np.arange(count)
        frame_cov = cov.reshape(count, 2, count, 2)[frame, :, frame, :]
        return _Fit(
            step_m=found[:2],
            cov_m2=(own + own.T) / 2.0,
            lever_m_rad=lever,
            residual=(residual - design @ found).reshape(count, 2),
            frame_cov=frame_cov - self.looks.cov_tangent * (1.0 / kept - 1.0)[:, None, None],
        )

    def _covariance(self, changes: Array, kept: Array) -> Array:
        """(2M, 2M) of the directions: what each frame has of its own, and what frames near in time share.

        `changes` (M, 2, 5): how the directions move with each error of `kernels`.
        """
        count = len(kept)
        flat = changes.reshape(2 * count, 5).T
        cov = (flat[:, :, None] * flat[:, None, :] * self.kernels).sum(axis=0)
        frame = np.arange(count)
        cov.reshape(count, 2, count, 2)[frame, :, frame, :] += self.looks.cov_tangent / kept[:, None, None]
        return cov
