"""Things seen from a vehicle or a drone: the path it took, the looks along it, and one place from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.frame import Fix
from detector.geo.answer import Unplaced, lever_of, make_place, trust_of, why_not
from detector.geo.average import average
from detector.geo.camera import DroneCamera, VehicleCamera
from detector.geo.contact import FROM_ABOVE_DEG, Contacts, contacts_of
from detector.geo.plane import LocalPlane
from detector.geo.sight import MAX_RANGE_M, Bearings, Sights, Trust, bearings_of, sights_by_pose
from detector.geo.terrain import Terrain
from detector.geo.trajectory import Path, measured_attitude, path_of
from detector.geo.triangulate import MIN_FRAMES, Looks, triangulate
from detector.geo.view import Views, carried_views
from detector.hit import Place
from detector.tracks import Track

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_FRAMES = 16
"""So many frames, evenly through the track, are triangulated: more share their errors anyway."""
DEPTH_SHARE = 0.6
"""Depth of a thing as a share of its width along the street: a stall of 2 x 1.2 m, a table, goods before a shop."""
MOST_DEPTH_M = 1.2
MEASURED_SWAY_DEG = 0.5
"""What an attitude sensor on the vehicle leaves of pitch and roll."""


def place_from_carrier(track: Track, camera: VehicleCamera | DroneCamera, terrain: Terrain | None) -> Place | Unplaced:
    """The place of what a vehicle or a drone saw: triangulated where it can be, else the mean of its looks."""
    seen = track.observations
    times_s = np.array([(look.captured_at - seen[0].captured_at).total_seconds() for look in seen])
    fixed = np.array([row for row, look in enumerate(seen) if look.fix is not None], np.int64)
    path = path_of([look.fix for look in seen if look.fix is not None], times_s[fixed], camera) if len(fixed) else None
    lacks = [_lacks(look.fix, camera) for look in seen]
    # The horizon needs no fix: a sign up on a wall is known not to stand on the ground, even in a tunnel.
    plane = path.plane if path else LocalPlane(0.0, 0.0)
    antenna, attitude, height = np.zeros((len(seen), 2)), np.zeros((len(seen), 3)), np.full(len(seen), np.nan)
    if path is not None:
        for row, heading in zip(fixed.tolist(), np.isnan(path.heading_deg).tolist(), strict=True):
            lacks[row] = "no_heading" if heading else lacks[row]
        antenna[fixed] = path.east_north_m
        pitch = [fix.pitch_deg for fix in path.given]
        attitude[fixed] = np.column_stack((np.nan_to_num(path.heading_deg), pitch, path.roll_deg))
        height[fixed] = [fix.above_ground_m or np.nan for fix in path.given]
    views = carried_views(camera, plane, antenna, attitude, height)
    above = isinstance(camera, DroneCamera) & (attitude[:, 1] <= FROM_ABOVE_DEG)
    contacts = contacts_of(seen, above)
    bearings = bearings_of(seen, contacts, camera.lens, camera.sigmas.pixel_px)
    trust = _carried_trust(camera, path, terrain)
    known = ~contacts.cut_off & np.array([not lack for lack in lacks], np.bool_)
    sights, reasons = sights_by_pose(views, bearings, trust, known, terrain)
    if path is None or not len(sights.rows):
        return why_not(contacts, reasons, lacks)
    carried = _Carried(camera, path, fixed, times_s, views, antenna, contacts, bearings, trust, sights, terrain)
    return (None if track.moving else carried.triangulated()) or carried.averaged()


def _lacks(fix: Fix | None, camera: VehicleCamera | DroneCamera) -> str:
    if fix is None:
        return "no_fix"
    return "no_height" if isinstance(camera, DroneCamera) and not fix.above_ground_m else ""


@dataclass(frozen=True, slots=True, eq=False)
class _Carried:
    """A thing seen from a carrier, ready to be placed."""

    camera: VehicleCamera | DroneCamera
    path: Path
    fixed: Rows
    times_s: Array
    views: Views
    antenna_m: Array
    contacts: Contacts
    bearings: Bearings
    trust: Trust
    sights: Sights
    terrain: Terrain | None

    def triangulated(self) -> Place | None:
        """From several directions, when there are."""
        rows = self.sights.rows
        if len(rows) < MIN_FRAMES:
            return None
        picked = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_FRAMES)).round().astype(np.int64))
        nearest = int(self.sights.range_m.argmin())
        rows = rows[np.unique(np.append(picked, nearest))]
        on_path = np.searchsorted(self.fixed, rows)
        rays, slope = self.bearings.rays[rows], self.bearings.slope[rows]
        by_pixel = slope[:, :, ::2].transpose(0, 2, 1)
        looks = Looks(
            views=self.views.at(rows),
            tangent=rays[:, ::2],
            cov_tangent=(by_pixel * self.bearings.cov_px[rows][:, None, :]) @ by_pixel.transpose(0, 2, 1),
            times_s=self.times_s[rows],
            drift_m2=self.path.drift_m2[np.ix_(on_path, on_path)],
            depth_m=self._depth_m(rows),
            heading_rad=np.radians(np.hypot(self._fix_heading_deg(on_path), self.camera.sigmas.sway_heading_deg)),
            yaw_rad=float(np.radians(self.camera.sigmas.heading_deg)),
        )
        point = triangulate(looks, np.median(self.sights.point_m, axis=0), self.trust, self.terrain)
        if point is None or point.range_m > MAX_RANGE_M:
            return None
        return self._place(
            point.east_north_m,
            point.cov_m2,
            lever=point.lever_m_rad,
            sigma_heading_rad=looks.yaw_rad,
            range_m=point.range_m,
            method="triangulated",
        )

    def _depth_m(self, rows: Rows) -> Array:
        """How much nearer than its middle the thing's lower edge is; from straight above nothing.

        The edge is the corner nearest to the camera. A thing of width w along the street and depth d seen at an angle a
        from square on shows a width ``w cos a + d sin a``, and its corner is ``(w sin a + d cos a) / 2`` nearer.
        """
        seen = self.sights.rows
        slant_m = np.hypot(self.sights.range_m, self.views.centre_m[seen, 2])
        shown_m = self.contacts.width_share[seen] * slant_m * (self.camera.lens.width_px / self.camera.lens.fx_px)
        square, oblique = self._aspects()
        width_m = float(np.median(shown_m / (square + DEPTH_SHARE * oblique)))
        depth_m = np.minimum(width_m * (oblique + DEPTH_SHARE * square) / 2.0, MOST_DEPTH_M)
        return np.where(self.contacts.from_above[rows], 0.0, depth_m[np.searchsorted(seen, rows)])

    def _aspects(self) -> tuple[Array, Array]:
        """Cosine and sine of the angle from square on at which each look sees things that stand along the course.

        A gimbal's heading is no course: what a drone sees counts as seen square on.
        """
        if isinstance(self.camera, DroneCamera):
            return np.ones(len(self.sights.rows)), np.zeros(len(self.sights.rows))
        heading = np.radians(self.views.attitude_deg[self.sights.rows, 0])
        along = self.sights.arm_m[:, 0] * np.sin(heading) + self.sights.arm_m[:, 1] * np.cos(heading)
        oblique = np.minimum(np.abs(along) / np.maximum(self.sights.range_m, 0.1), 1.0)
        return np.sqrt(1.0 - oblique**2), oblique

    def averaged(self) -> Place:
        """From one direction, or nearly."""
        mean, sights = average(self.sights), self.sights
        used = sights.rows[mean.rows]
        own = np.hypot(self.camera.sigmas.heading_deg, self.camera.sigmas.sway_heading_deg)
        heading_deg = np.hypot(self._fix_heading_deg(np.searchsorted(self.fixed, used)), own)
        return self._place(
            mean.east_north_m,
            mean.cov_m2,
            lever=lever_of(mean.weights @ (sights.point_m[mean.rows] - self.antenna_m[used])),
            sigma_heading_rad=float(np.radians(mean.weights @ heading_deg)),
            range_m=float(mean.weights @ sights.range_m[mean.rows]),
            method="drone_ground" if isinstance(self.camera, DroneCamera) else "vehicle_ground",
        )

    def _fix_heading_deg(self, on_path: Rows) -> Array:
        """One sigma of the fixes' headings. A drone's logs hold none, and then its gimbal's error is all there is."""
        sigma = self.path.sigma_heading_deg[on_path]
        return np.where(sigma >= 180.0, 0.0, sigma) if isinstance(self.camera, DroneCamera) else sigma

    def _place(
        self, point: Array, cov: Array, *, lever: Array, sigma_heading_rad: float, range_m: float, method: str
    ) -> Place:
        return make_place(
            self.views.plane,
            point,
            cov_own=cov,
            shift=self.path.shift_m2,
            lever=lever,
            sigma_heading_rad=sigma_heading_rad,
            range_m=range_m,
            method=method,
            synthetic=any(fix.synthetic for fix in self.path.given),
        )


def _carried_trust(camera: VehicleCamera | DroneCamera, path: Path | None, terrain: Terrain | None) -> Trust:
    sigmas = camera.sigmas
    sway_pitch, sway_roll = sigmas.sway_pitch_deg, sigmas.sway_roll_deg
    height_m = 0.0
    if path is not None:
        if isinstance(camera, DroneCamera):
            height_m = max(fix.sigma_above_ground_m for fix in path.given)
        elif path.leant:
            sway_roll = sigmas.lean_deg
        elif measured_attitude(path.given):
            sway_pitch, sway_roll = min(sway_pitch, MEASURED_SWAY_DEG), min(sway_roll, MEASURED_SWAY_DEG)
    return trust_of(sigmas, sway_pitch_deg=sway_pitch, sway_roll_deg=sway_roll, height_m=height_m, terrain=terrain)
