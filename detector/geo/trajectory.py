"""How the carrier moved while it saw one thing: a path that is right in itself, though its place may be metres off.

A receiver's position is metres off in a street, slowly wandering, and now and then it jumps by ten metres without a
word (a reflected signal is lost or found). Its speed comes from the Doppler shift and is good to a decimetre or two per
second. So between two fixes the path follows speed and heading, drawn towards the positions only as far as these are
the better source (RTK). Per axis and step, with the variance ``q`` of the velocity's step and ``e`` of the positions':
``step = q / (q + e) * position step + e / (q + e) * velocity step``, the variance of which is ``q e / (q + e)``. A
position step that the velocity does not show, more than `JUMP_SIGMA` of ``q + e``, is a jump: its excess counts as
error of the positions.

The whole path lies at the robust mean (Huber) of the fixes. Fixes far from it, before or after a jump, are not known
to be wrong, so their scatter about the path widens the shift shared by the pass: a fifth of the fixes 10 m east adds
0.2 * 10^2 m^2 east.

Without speed or heading the fixes are taken as they are, and a drone's always: its heading is where the gimbal looks,
not where it flies, and it is never held.

While the vehicle stands, its course is noise and fixes carry no heading. The nearest known heading in time is held for
up to `HOLD_S`, its error growing like a random walk of `HOLD_DEG_SQRT_S`: 1 degree becomes 4.1 after 16 s. Later there
is none, and things seen have no place (``no_heading``).

A two-wheeler in a steady turn leans until weight and centrifugal force pass through its contact line:
``tan(roll) = v * yaw rate / g`` (Cossalter, Motorcycle Dynamics, 4.1). Heading grows in a right turn, and the right
side goes down: both positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.frame import Fix
from detector.geo.camera import Camera, DroneCamera, VehicleCamera
from detector.geo.plane import LocalPlane

Array = NDArray[np.float64]

VELOCITY_SIGMA_M_S = 0.15
VELOCITY_CORRELATED_S = 1.0
"""Errors of the velocity: their size, and how long they hold on (receivers smooth)."""
WANDER_S = 60.0
"""How long the position's error holds on: over a step it changes by ``2 sigma^2 (1 - exp(-dt / 60 s))``."""
JUMP_SIGMA = 3.0
HUBER_SIGMA = 2.0
HOLD_S = 60.0
HOLD_DEG_SQRT_S = 1.0
GRAVITY_M_S2 = 9.80665
LEAN_NOISE_DEG = 0.8
"""What the noise of a course makes of a rider who goes straight; a lean this small is halved, one of 5 degrees kept."""
TURN_WINDOW_S = 1.0
"""The yaw rate is the slope of the heading over this much time to either side: a single degree of noise in a tenth of
a second would lean a bike by 5 degrees."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Where the carrier was at N observations.

    Attributes:
        plane: east and north are counted from here, the first fix.
        east_north_m: (N, 2).
        heading_deg, sigma_heading_deg: (N,) from the fix or held; NaN where none could be held.
        roll_deg: (N,) from the fix, or reckoned from the turns (`leant`).
        drift_m2: (N, N) covariance, per axis, of the positions against each other (about the path's middle).
        shift_m2: (2, 2) covariance of the whole path, shared by the pass.
        given: (N) the fixes it was made from, headings held.
    """

    plane: LocalPlane
    east_north_m: Array
    heading_deg: Array
    sigma_heading_deg: Array
    roll_deg: Array
    drift_m2: Array
    shift_m2: Array
    leant: bool
    given: tuple[Fix, ...]

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The fixes moved onto the path."""
        places = self.plane.lon_lat_deg(self.east_north_m).tolist()
        return tuple(
            replace(fix, lon_deg=lon, lat_deg=lat, roll_deg=roll)
            for fix, (lon, lat), roll in zip(self.given, places, self.roll_deg.tolist(), strict=True)
        )


def path_of(fixes: Sequence[Fix], times_s: Array, camera: Camera) -> Path:
    """The path through N fixes (in time order, at least one) at `times_s`, for what is seen by `camera`."""
    drone = isinstance(camera, DroneCamera)
    held = tuple(fixes) if drone else hold_headings(fixes, times_s)
    plane = LocalPlane(held[0].lon_deg, held[0].lat_deg)
    given = plane.east_north_m([(fix.lon_deg, fix.lat_deg) for fix in held])
    sigma = np.array([fix.sigma_m for fix in held])
    heading_deg = np.array([np.nan if fix.heading_deg is None else fix.heading_deg for fix in held], np.float64)
    steps, variance = _steps(None if drone else _velocity(held, heading_deg), times_s, given, sigma)
    path = np.concatenate((np.zeros((1, 2)), np.cumsum(steps, axis=0)))
    middle, scatter = _robust_middle(given - path, sigma, times_s)
    rolls = _roll(held, times_s, camera)
    return Path(
        plane=plane,
        east_north_m=path + middle,
        heading_deg=heading_deg,
        sigma_heading_deg=np.array([fix.sigma_heading_deg for fix in held]),
        roll_deg=np.array([fix.roll_deg for fix in held]) if rolls is None else np.array(rolls),
        drift_m2=_drift(variance),
        shift_m2=np.eye(2) * float((sigma**2).mean()) + scatter,
        leant=rolls is not None,
        given=held,
    )


def hold_headings(fixes: Sequence[Fix], times_s: Array) -> tuple[Fix, ...]:
    """Fixes with the nearest known heading where they have none, its sigma grown; unchanged beyond `HOLD_S`."""
    known = [index for index, fix in enumerate(fixes) if fix.heading_deg is not None]
    if not known or len(known) == len(fixes):
        return tuple(fixes)
    held: list[Fix] = []
    for index, fix in enumerate(fixes):
        nearest = min(known, key=lambda other: abs(times_s[other] - times_s[index]))
        gap_s = float(abs(times_s[nearest] - times_s[index]))
        if fix.heading_deg is None and gap_s <= HOLD_S:
            source = fixes[nearest]
            sigma_deg = float(np.hypot(source.sigma_heading_deg, HOLD_DEG_SQRT_S * np.sqrt(gap_s)))
            fix = replace(fix, heading_deg=source.heading_deg, sigma_heading_deg=sigma_deg)
        held.append(fix)
    return tuple(held)


def _steps(velocity: Array | None, times_s: Array, given: Array, sigma: Array) -> tuple[Array, Array]:
    """Steps of the path (N - 1, 2) and their variance per axis (N - 1,)."""
    dt = np.diff(times_s)
    by_position = np.diff(given, axis=0)
    wander = 2.0 * sigma[1:] * sigma[:-1] * -np.expm1(-np.maximum(dt, 0.0) / WANDER_S)
    if velocity is None:
        return by_position, wander
    by_velocity = (velocity[1:] + velocity[:-1]) / 2.0 * dt[:, None]
    # An error that holds on for a while adds up like a random walk of density 2 sigma^2 tau; at once it is sigma dt.
    walk = 2.0 * VELOCITY_SIGMA_M_S**2 * VELOCITY_CORRELATED_S * np.maximum(dt, 0.0) + 1e-9
    gap2 = ((by_position - by_velocity) ** 2).sum(axis=1)
    wander = wander + np.maximum(gap2 - JUMP_SIGMA**2 * (walk + wander), 0.0) + 1e-12
    share = (walk / (walk + wander))[:, None]
    return share * by_position + (1.0 - share) * by_velocity, walk * wander / (walk + wander)


def _velocity(fixes: Sequence[Fix], heading_deg: Array) -> Array | None:
    """(N, 2) east, north; `None` when any fix lacks speed or heading."""
    speed = np.array([np.nan if fix.speed_m_s is None else fix.speed_m_s for fix in fixes], np.float64)
    heading = np.radians(heading_deg)
    velocity = np.column_stack((np.sin(heading), np.cos(heading))) * speed[:, None]
    return velocity if bool(np.isfinite(velocity).all()) else None


def _robust_middle(off: Array, sigma: Array, times_s: Array) -> tuple[Array, Array]:
    """Mean of positions less path, far ones pulled in, and the (2, 2) scatter that jumps leave."""
    span_s = float(times_s[-1] - times_s[0])
    usual = sigma * np.sqrt(-np.expm1(-max(span_s, 0.0) / WANDER_S)) + 0.1 * sigma
    weights = 1.0 / sigma**2
    middle = np.median(off, axis=0)
    for _ in range(4):
        distance = np.hypot(*(off - middle).T) / usual
        pulled = weights * np.minimum(1.0, HUBER_SIGMA / np.maximum(distance, 1e-9))
        middle = pulled @ off / pulled.sum()
    away = off - middle
    distance = np.hypot(*away.T) / usual
    excess = away * np.sqrt(np.maximum(1.0 - (JUMP_SIGMA / np.maximum(distance, 1e-9)) ** 2, 0.0))[:, None]
    return middle, excess.T @ excess / len(off)


def _drift(variance: Array) -> Array:
    """Covariance (N, N) of a walk with independent steps, counted from its mean."""
    end = np.concatenate(([0.0], np.cumsum(variance)))
    walk = np.minimum(end[:, None], end[None, :])
    mean = walk.mean(axis=0)
    return walk - mean[:, None] - mean[None, :] + mean.mean()


def _roll(fixes: Sequence[Fix], times_s: Array, camera: Camera) -> list[float] | None:
    """Lean of a two-wheeler whose roll nobody measured; `None` when it does not apply or cannot be told."""
    if not isinstance(camera, VehicleCamera) or camera.profile != "e_bike" or measured_attitude(fixes):
        return None
    return lean_deg(fixes, times_s)


def measured_attitude(fixes: Sequence[Fix]) -> bool:
    """Whether any fix comes with a pitch or roll of the body."""
    return any(fix.roll_deg != 0.0 or fix.pitch_deg != 0.0 for fix in fixes)


def lean_deg(fixes: Sequence[Fix], times_s: Array) -> list[float] | None:
    """Roll (N) of a two-wheeler from speed and yaw rate, right side down positive; `None` without a second of both."""
    if len(fixes) < 3 or times_s[-1] - times_s[0] < TURN_WINDOW_S:
        return None
    heading_deg = np.array([np.nan if fix.heading_deg is None else fix.heading_deg for fix in fixes], np.float64)
    velocity = _velocity(fixes, heading_deg)
    if velocity is None:
        return None
    heading = np.unwrap(np.radians(heading_deg))
    near = (np.abs(times_s[:, None] - times_s[None, :]) <= TURN_WINDOW_S).astype(np.float64)
    near /= near.sum(axis=1, keepdims=True)
    time_off = times_s[None, :] - (near @ times_s)[:, None]
    spread = (near * time_off**2).sum(axis=1)
    rate = np.where(spread > 1e-6, (near * time_off) @ heading / np.maximum(spread, 1e-6), 0.0)
    lean = np.degrees(np.arctan(np.hypot(*velocity.T) * rate / GRAVITY_M_S2))
    rolls: list[float] = (lean**3 / (lean**2 + LEAN_NOISE_DEG**2)).tolist()
    return rolls
