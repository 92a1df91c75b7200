"""What a receiver says of a ride: errors that last, jumps that it does not declare, and outages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim.noise import gauss_markov
from benchmarks.street_sim.vehicle import Ride
from benchmarks.street_sim.world import PLANE
from detector.frame import Fix
from edge.gnss.quality import course

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GnssProfile:
    """One kind of receiver in a street canyon.

    Attributes:
        sigma_m: one-sigma error per axis, and what the receiver declares.
        memory_s: least and greatest correlation time of the error, one draw for each pass: reflections change as the
            satellites and the walls do, over one to two minutes.
        white_m: error of a single fix besides.
        jump_share: passes with one canyon jump, which the receiver does not declare.
        jump_m, jump_s: least and greatest size and length of it.
        outage_share, outage_s: passes with one outage, and how long.
        rates_hz: a pass has one of these.
        velocity_m_s, velocity_memory_s: error of the Doppler velocity per axis. Doppler is good to a decimetre per
            second also where ranges are not.
        still_m_s: below it the receiver gives no course.
        clock_s: what the alignment of video and receiver leaves, one sigma, one draw for each pass.
        quality: the receiver's word.
    """

    sigma_m: float = 3.0
    memory_s: tuple[float, float] = (60.0, 120.0)
    white_m: float = 0.25
    jump_share: float = 0.15
    jump_m: tuple[float, float] = (5.0, 20.0)
    jump_s: tuple[float, float] = (10.0, 60.0)
    outage_share: float = 0.15
    outage_s: tuple[float, float] = (6.0, 20.0)
    rates_hz: tuple[float, ...] = (1.0, 5.0, 10.0)
    velocity_m_s: float = 0.1
    velocity_memory_s: float = 3.0
    still_m_s: float = 1.0
    clock_s: float = 0.03
    quality: str = "autonomous"


AUTONOMOUS = GnssProfile()
RTK = GnssProfile(sigma_m=0.02, white_m=0.01, jump_share=0.0, outage_share=0.0, velocity_m_s=0.03, quality="rtk_fixed")


@dataclass(frozen=True, slots=True, eq=False)
class Reception:
    """What came out of the receiver, and by how much it was wrong.

    Attributes:
        fixes: in time order, without those of an outage.
        times_s, error_m: (N,), (N, 2) error of the position, east and north, at each fix.
        jump_s: start and end of the canyon jump, `None` without one.
        clock_s: by which the pictures' times are late against the receiver's.
    """

    fixes: tuple[Fix, ...]
    times_s: Array
    error_m: Array
    jump_s: tuple[float, float] | None
    clock_s: float


def receive(truth: Ride, profile: GnssProfile, start: datetime, rng: np.random.Generator) -> Reception:
    """The fixes of a ride."""
    times = np.arange(0.0, float(truth.times_s[-1]), 1.0 / float(rng.choice(profile.rates_hz)))
    place, course, _, speed = truth.at(times)
    memory_s = float(rng.uniform(*profile.memory_s))
    error = np.column_stack([gauss_markov(times, profile.sigma_m, memory_s, rng) for _ in range(2)])
    error += rng.normal(0.0, profile.white_m, error.shape)
    jump = _jump(times, profile, rng)
    if jump is not None:
        error += jump[1]
    keep = ~_outage(times, profile, rng)
    clock_s = float(rng.normal(0.0, profile.clock_s))
    velocity = np.column_stack([speed * np.sin(np.radians(course)), speed * np.cos(np.radians(course))])
    velocity += np.column_stack(
        [gauss_markov(times, profile.velocity_m_s, profile.velocity_memory_s, rng) for _ in range(2)]
    )
    lon_lat = PLANE.lon_lat_deg(place + error)
    fixes = [
        _fix(lon_lat[i], velocity[i], start + timedelta(seconds=float(times[i])), profile)
        for i in np.flatnonzero(keep).tolist()
    ]
    return Reception(tuple(fixes), times[keep], error[keep], jump[0] if jump else None, clock_s)


def _fix(lon_lat: Array, velocity: Array, at: datetime, profile: GnssProfile) -> Fix:
    speed = float(np.hypot(*velocity))
    fix = Fix(
        lon_deg=float(lon_lat[0]),
        lat_deg=float(lon_lat[1]),
        sigma_m=profile.sigma_m,
        at=at,
        speed_m_s=speed,
        quality=profile.quality,
        synthetic=True,
    )
    if speed < profile.still_m_s:
        return fix
    # As the product reads a course.
    heading, sigma = course(float(np.degrees(np.arctan2(velocity[0], velocity[1]))), speed)
    return fix if heading is None else replace(fix, heading_deg=heading, sigma_heading_deg=sigma)


def _jump(times: Array, profile: GnssProfile, rng: np.random.Generator) -> tuple[tuple[float, float], Array] | None:
    """Times and error (N, 2) of a canyon jump: it comes and goes within a second."""
    here = rng.random() < profile.jump_share
    size, length = float(rng.uniform(*profile.jump_m)), float(rng.uniform(*profile.jump_s))
    start = float(rng.uniform(0.0, max(1.0, times[-1] - length)))
    turn = float(rng.uniform(0.0, 2.0 * np.pi))
    if not here:
        return None
    rise = np.clip(times - start, 0.0, 1.0) * np.clip(start + length - times, 0.0, 1.0)
    return (start, start + length), rise[:, None] * size * np.array([np.sin(turn), np.cos(turn)])


def _outage(times: Array, profile: GnssProfile, rng: np.random.Generator) -> NDArray[np.bool_]:
    here, length = rng.random() < profile.outage_share, float(rng.uniform(*profile.outage_s))
    start = float(rng.uniform(0.0, max(1.0, times[-1] - length)))
    return (times >= start) & (times < start + length) & here
