"""A street of one thing: a vehicle drives past, everything that can be wrong is wrong by its stated sigma."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from detector.frame import Fix
from detector.geo.camera import DroneCamera, Lens, Profile, VehicleCamera, profile_sigmas
from detector.geo.plane import LocalPlane
from detector.geo.trajectory import path_of
from detector.geo.view import moving_views
from detector.hit import Place
from detector.tracks import Track
from tests.detector.things import MONDAY_10_LOCAL, make_track

ORIGIN = LocalPlane(117.19, 34.26)
LENS = Lens.from_fov(1280, 720, 80.0)
SIZE_PX = (1280, 720)


@dataclass(frozen=True)
class Pass:
    """How a vehicle drives past.

    Attributes:
        jump_share: of passes with a step of the positions that the receiver does not declare.
        outlier_share: of frames whose box lies on the neighbour.
    """

    profile: Profile = "car"
    yaw_deg: float = 60.0
    height_m: float = 1.6
    speed_m_s: float = 6.0
    turn_deg_s: float = 0.0
    rate_hz: float = 5.0
    gnss_sigma_m: float = 3.0
    heading_sigma_deg: float = 1.0
    jump_share: float = 0.0
    outlier_share: float = 0.0
    measured_roll: bool = False

    def camera(self) -> VehicleCamera:
        """As the site knows it."""
        return VehicleCamera("v", self.height_m, self.yaw_deg, -6.0, 0.0, 0.0, 0.5, LENS, profile_sigmas(self.profile),
                             profile=self.profile)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A track, its camera, and the truth: error of the path's place, and where the thing stood."""

    track: Track
    camera: VehicleCamera | DroneCamera
    truth_m: np.ndarray
    nearest_m: float

    def miss(self, place: Place) -> np.ndarray:
        """Error of a place (2,), m."""
        return ORIGIN.east_north_m((place.lon_deg, place.lat_deg))[0] - self.truth_m

    def path_error(self, true_m: np.ndarray) -> np.ndarray:
        """Mean error of the path the track is reckoned on: what the whole pass shares."""
        fixes = [look.fix for look in self.track.observations]
        start = self.track.observations[0].captured_at
        times = np.array([(look.captured_at - start).total_seconds() for look in self.track.observations])
        path = path_of(fixes, times, self.camera)
        found = ORIGIN.east_north_m([(fix.lon_deg, fix.lat_deg) for fix in path.fixes])
        return (found - true_m).mean(axis=0)


def _walk(rng: np.random.Generator, times: np.ndarray, sigma: float, hold_s: float) -> np.ndarray:
    """Correlated noise of one sigma."""
    cov = np.exp(-np.abs(times[:, None] - times[None, :]) / hold_s) + 1e-9 * np.eye(len(times))
    return sigma * np.linalg.cholesky(cov) @ rng.standard_normal(len(times))


def drive_past(rng: np.random.Generator, how: Pass, side_m: float) -> tuple[Seen, np.ndarray] | None:
    """One pass by a thing `side_m` to the right of the road; with the error of its path. `None` when never seen."""
    sigmas = profile_sigmas(how.profile)
    camera = how.camera()
    times = np.arange(0.0, 60.0 / how.speed_m_s, 1.0 / how.rate_hz)
    heading = 40.0 + how.turn_deg_s * times
    step = how.speed_m_s / how.rate_hz * np.column_stack((np.sin(np.radians(heading)), np.cos(np.radians(heading))))
    true = np.cumsum(step, axis=0) - 40.0 * np.array([np.sin(np.radians(40.0)), np.cos(np.radians(40.0))])
    right = np.array([np.cos(np.radians(40.0)), -np.sin(np.radians(40.0))])
    thing = right * side_m
    mount = replace(
        camera,
        yaw_deg=how.yaw_deg + rng.normal(0, sigmas.heading_deg),
        pitch_deg=camera.pitch_deg + rng.normal(0, sigmas.pitch_deg),
        roll_deg=rng.normal(0, sigmas.roll_deg),
    )
    lean = np.degrees(np.arctan(how.speed_m_s * np.radians(how.turn_deg_s) / 9.80665)) if how.profile == "e_bike" else 0
    pitch = _walk(rng, times, sigmas.sway_pitch_deg, 0.5)
    sway = sigmas.lean_deg if how.profile == "e_bike" else sigmas.sway_roll_deg
    roll = lean + _walk(rng, times, sway, 0.5)
    body = heading + _walk(rng, times, sigmas.sway_heading_deg, 2.0)
    ground = rng.normal(0, 0.15)
    off = np.column_stack([_walk(rng, times, how.gnss_sigma_m, 60.0) for _ in range(2)])
    if rng.random() < how.jump_share:
        off[times > rng.uniform(2.0, times[-1])] += rng.normal(0, 8.0, 2)
    velocity = np.diff(true, axis=0, append=2 * true[-1:] - true[-2:-1]) * how.rate_hz
    velocity += np.column_stack([_walk(rng, times, 0.1, 1.0) for _ in range(2)])
    course = heading + _walk(rng, times, how.heading_sigma_deg, 2.0)
    true_lon_lat = ORIGIN.lon_lat_deg(true)
    exact = [
        Fix(lon, lat, 1.0, MONDAY_10_LOCAL, heading_deg=float(body[k] % 360), pitch_deg=pitch[k], roll_deg=roll[k])
        for k, (lon, lat) in enumerate(true_lon_lat.tolist())
    ]
    views, _ = moving_views(mount, exact, ORIGIN)
    feet, heads = (LENS.pixels(views.to_camera(np.append(thing, high))) for high in (ground, ground + 1.8))
    boxes, fixes, rows = [], [], []
    for k, (foot, head) in enumerate(zip(feet, heads, strict=True)):
        if not (20 < foot[0] < 1260 and foot[1] < 715 and head[1] > 5):  # NaN, behind the camera, compares false
            continue
        tall = foot[1] - head[1]
        jitter = rng.normal(0, 0.03 * tall, 2) + rng.normal(0, 2.0, 2)
        u, v = foot + jitter * (0.6, 1.0)
        if rng.random() < how.outlier_share:
            u += 1.5 * tall * rng.choice((-1, 1))
        boxes.append((u - 0.3 * tall, v - tall, u + 0.3 * tall, v))
        lon, lat = ORIGIN.lon_lat_deg(true[k] + off[k])[0]
        fixes.append(Fix(lon, lat, how.gnss_sigma_m, MONDAY_10_LOCAL + timedelta(seconds=float(times[k])),
                         heading_deg=course[k] % 360, sigma_heading_deg=how.heading_sigma_deg,
                         speed_m_s=float(np.hypot(*velocity[k])),
                         roll_deg=roll[k] if how.measured_roll else 0.0))  # fmt: skip
        rows.append(k)
    if len(rows) < 3:
        return None
    drawn = make_track("stall", boxes, fixes=fixes, size_px=SIZE_PX)
    looks = tuple(replace(look, captured_at=fix.at) for look, fix in zip(drawn.observations, fixes, strict=True))
    track = replace(drawn, observations=looks)
    near = float(np.hypot(*(true[rows] - thing).T).min())
    seen = Seen(track, camera, thing, near)
    return seen, seen.path_error(true[rows])


def one_pass(how: Pass | None = None, seed: int = 3, side_m: float = 14.0) -> Seen:
    """One pass that saw the thing."""
    past = drive_past(np.random.default_rng(seed), how or Pass(), side_m)
    assert past is not None
    return past[0]
