"""How a patrol drives through a district: its true path, and how its body turns, leans and nods on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim.layout import turned
from benchmarks.street_sim.noise import gauss_markov
from benchmarks.street_sim.world import World

Array = NDArray[np.float64]

GRAVITY_M_S2 = 9.81
STEP_M = 0.25
"""The path is laid out in steps of this length."""
TRUE_HZ = 20.0
"""Truth is kept at this rate and interpolated between."""


@dataclass(frozen=True, slots=True)
class RideProfile:
    """One kind of patrol.

    Attributes:
        camera_id, zh: of its camera in the site folder.
        speed_m_s: least and greatest cruising speed: a car drives 20 to 30 km/h on patrol, an e-bike 10 to 20.
        lane_m: from the middle of the street: a car in its lane, an e-bike by the kerb.
        stops: mean number of stops for each way along a street, of `stop_s` seconds: lights, people, deliveries.
        turn_accel_m_s2: sideways acceleration that the driver takes; a rider leans by atan(a / g).
        camera_height_m, yaw_deg, pitch_deg, fov_deg, lever_forward_m: the mounting; yaw looks towards the footway.
        mount_sd_deg: what calibration leaves of (yaw, pitch, roll), one draw for each pass.
        leans: a two-wheeler leans into its turns; a car's body rolls outwards a little.
        sway_deg, sway_s: of the body's roll besides, and how long a sway lasts. A rider sways by a few degrees at
            walking rhythm; a car's springs allow half a degree.
        nod_deg, nod_s: the same of pitch.
        weave_deg, weave_s: how far the body points off its course over ground.
        imu_deg: one-sigma error of a roll and pitch sensor; `None` without one.
        nod_per_m_s2: pitch in degrees for each m/s2 of acceleration (nose up).
    """

    camera_id: str
    zh: str
    speed_m_s: tuple[float, float]
    lane_m: float
    stops: float
    stop_s: tuple[float, float]
    turn_accel_m_s2: float
    camera_height_m: float
    yaw_deg: float
    pitch_deg: float
    fov_deg: float
    lever_forward_m: float
    mount_sd_deg: tuple[float, float, float]
    leans: bool
    sway_deg: float
    sway_s: float
    nod_deg: float
    nod_s: float
    weave_deg: float
    weave_s: float
    imu_deg: float | None = None
    nod_per_m_s2: float = 0.0


CAR = RideProfile(
    camera_id="car", zh="巡逻车前视", speed_m_s=(20 / 3.6, 30 / 3.6), lane_m=2.0, stops=0.4, stop_s=(5.0, 20.0),
    turn_accel_m_s2=1.5, camera_height_m=1.6, yaw_deg=20.0, pitch_deg=-5.0, fov_deg=78.0, lever_forward_m=0.5,
    mount_sd_deg=(0.5, 0.3, 0.3), leans=False, sway_deg=0.5, sway_s=0.8, nod_deg=0.4, nod_s=0.5, weave_deg=0.3,
    weave_s=1.0, nod_per_m_s2=0.4,
)  # fmt: skip
E_BIKE = RideProfile(
    camera_id="e-bike", zh="巡逻电动车前视", speed_m_s=(10 / 3.6, 20 / 3.6), lane_m=5.0, stops=0.4, stop_s=(3.0, 12.0),
    turn_accel_m_s2=1.5, camera_height_m=1.3, yaw_deg=20.0, pitch_deg=-5.0, fov_deg=78.0, lever_forward_m=0.4,
    mount_sd_deg=(0.5, 0.3, 0.3), leans=True, sway_deg=2.0, sway_s=0.7, nod_deg=0.7, nod_s=0.4, weave_deg=1.0,
    weave_s=0.8, nod_per_m_s2=0.2,
)  # fmt: skip
E_BIKE_IMU = replace(E_BIKE, imu_deg=0.5)
PROFILES = (CAR, E_BIKE)


@dataclass(frozen=True, slots=True, eq=False)
class Ride:
    """Where a patrol truly was. Arrays of N moments.

    Attributes:
        times_s: since the start of the pass.
        east_north_m: (N, 2) of its antenna.
        course_deg: of its velocity, clockwise from north.
        attitude_deg: (N, 3) heading, pitch (nose up), roll (right side down) of its body.
        speed_m_s: over ground.
    """

    profile: RideProfile
    times_s: Array
    east_north_m: Array
    course_deg: Array
    attitude_deg: Array
    speed_m_s: Array

    def at(self, times_s: Array) -> tuple[Array, Array, Array, Array]:
        """Place (M, 2), course (M,), attitude (M, 3) and speed (M,) at other times."""
        place = np.column_stack([np.interp(times_s, self.times_s, column) for column in self.east_north_m.T])
        course = np.interp(times_s, self.times_s, np.unwrap(self.course_deg, period=360.0)) % 360.0
        angles = np.column_stack(
            (np.unwrap(self.attitude_deg[:, 0], period=360.0), self.attitude_deg[:, 1], self.attitude_deg[:, 2])
        )
        attitude = np.column_stack([np.interp(times_s, self.times_s, column) for column in angles.T])
        return place, course, attitude, np.interp(times_s, self.times_s, self.speed_m_s)


def ride(world: World, profile: RideProfile, rng: np.random.Generator) -> Ride:
    """Along every street of the district, up one side and back along the other."""
    path = turned(_path(world, profile), world.sides[0].turn_deg)
    along_m = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))))
    tangent = np.gradient(path, along_m, axis=0)
    course_rad = np.unwrap(np.arctan2(tangent[:, 0], tangent[:, 1]))
    bend = np.gradient(course_rad, along_m)
    speed, pause_s = _speeds(along_m, np.abs(bend), profile, rng)
    seconds = np.diff(along_m) / np.maximum((speed[1:] + speed[:-1]) / 2.0, 0.15)
    at_s = np.concatenate(([0.0], np.cumsum(seconds + pause_s[1:])))
    times = np.arange(0.0, at_s[-1], 1.0 / TRUE_HZ)
    place = np.column_stack([np.interp(times, at_s, column) for column in path.T])
    course_deg = np.degrees(np.interp(times, at_s, course_rad))
    moved = np.gradient(place, times, axis=0)
    velocity = np.hypot(*moved.T)
    turn_rad_s = np.gradient(np.radians(course_deg), times)
    attitude = _attitude(times, course_deg, velocity, turn_rad_s, profile, rng)
    return Ride(profile, times, place, course_deg % 360.0, attitude, velocity)


def _attitude(
    times: Array, course_deg: Array, speed: Array, turn_rad_s: Array, profile: RideProfile, rng: np.random.Generator
) -> Array:
    """Heading, pitch and roll: a rider leans by the angle that balances the turn (Whipple, to first order)."""
    sideways = _smooth(speed * turn_rad_s, 0.4)
    lean = np.degrees(np.arctan(sideways / GRAVITY_M_S2)) if profile.leans else -0.6 * sideways
    nod = profile.nod_per_m_s2 * _smooth(np.gradient(speed, times), 0.3)
    heading = course_deg + gauss_markov(times, profile.weave_deg, profile.weave_s, rng)
    pitch = nod + gauss_markov(times, profile.nod_deg, profile.nod_s, rng)
    roll = lean + gauss_markov(times, profile.sway_deg, profile.sway_s, rng)
    return np.column_stack((heading, pitch, roll))


def _smooth(values: Array, seconds: float) -> Array:
    width = max(1, int(seconds * TRUE_HZ))
    return np.convolve(np.pad(values, width, mode="edge"), np.ones(width) / width, mode="same")[width:-width]


def _path(world: World, profile: RideProfile) -> Array:
    """(N, 2) along and across the district's streets, corners rounded, every `STEP_M`."""
    p, lane = world.params, profile.lane_m
    corners: list[tuple[float, float]] = []
    for street in range(p.streets):
        centre = street * p.between_m
        west, east = -20.0, p.street_m + 20.0
        corners += [(west, centre - lane), (east, centre - lane), (east, centre + lane), (west, centre + lane)]
    radius = 0.95 * min(lane, 5.0)
    points = [np.array([corners[0]])]
    for before, here, after in zip(corners, corners[1:], corners[2:], strict=False):
        points.append(_rounded(np.array(before), np.array(here), np.array(after), radius))
    points.append(np.array([corners[-1]]))
    rough = np.concatenate(points)
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(rough, axis=0).T))))
    even = np.arange(0.0, along[-1], STEP_M)
    return np.column_stack([np.interp(even, along, column) for column in rough.T])


def _rounded(before: Array, here: Array, after: Array, radius_m: float) -> Array:
    """A quarter turn from one leg to the next, right angles only."""
    back, ahead = (before - here) / np.hypot(*(before - here)), (after - here) / np.hypot(*(after - here))
    centre = here + radius_m * (back + ahead)
    angle = np.linspace(0.0, np.pi / 2.0, 24)[:, None]
    return centre - radius_m * (ahead * np.cos(angle) + back * np.sin(angle))


def _speeds(along_m: Array, bend: Array, profile: RideProfile, rng: np.random.Generator) -> tuple[Array, Array]:
    """Speed at each step of the path, and seconds stood still there."""
    low, high = profile.speed_m_s
    wish = np.clip(
        (low + high) / 2.0 + gauss_markov(along_m, (high - low) / 3.0, 60.0, rng), low, high
    )  # in metres here: the wish changes every 60 m
    wish = np.minimum(wish, np.sqrt(profile.turn_accel_m_s2 / np.maximum(bend, 1e-6)))
    pause_s = np.zeros(len(along_m))
    stretch_m = 300.0
    for _ in range(int(rng.poisson(profile.stops * along_m[-1] / stretch_m))):
        where = int(rng.integers(1, len(along_m) - 1))
        wish[where] = 0.0
        pause_s[where] = float(rng.uniform(*profile.stop_s))
    accel_m_s2 = 1.0
    for order in (range(1, len(wish)), range(len(wish) - 2, -1, -1)):
        for i in order:
            from_i = i - 1 if order.step > 0 else i + 1
            wish[i] = min(wish[i], float(np.sqrt(wish[from_i] ** 2 + 2.0 * accel_m_s2 * STEP_M)))
    return wish, pause_s
