"""Where the carrying vehicle is at each look, reckoned from one look to the next by its own speed and course.

The frame is its own: metres east and north of where reckoning began. Positions of a receiver wander by decimetres from
second to second, which is more than a box can bear; its Doppler speed is good to a decimetre per second. Over the
seconds in which a thing is in view the error stays under a decimetre or two, and the picture itself mends the angles
(`detector.tracking.align`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.frame import Fix
from detector.geo.camera import VehicleCamera
from detector.geo.plane import LocalPlane
from detector.geo.view import Views, carried_views

STILL_M_S: Final = 0.3
"""Slower than this is noise of the receiver."""
HELD_BELOW_M_S: Final = 2.0
"""So slow, a fix without a course keeps that of the look before."""
GAP_MAX_S: Final = 12.0
"""After so long without a look nothing is reckoned on: longer than the looks of a vehicle that stands are apart."""

_PLANE = LocalPlane(0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """The camera at one look.

    Attributes:
        view: one view, metres from where reckoning began.
        epoch: places of another epoch mean nothing here.
    """

    view: Views
    epoch: int


@dataclass(frozen=True, slots=True)
class _Last:
    at_s: float
    heading_deg: float
    velocity_m_s: tuple[float, float]
    east_north_m: tuple[float, float]


class Reckoner:
    """Feed it the fix of every look, in order."""

    def __init__(self, camera: VehicleCamera) -> None:
        self._camera = camera
        self._last: _Last | None = None
        self._epoch = 0

    def reset(self) -> None:
        """Forget where it was: at a hard cut."""
        self._last = None
        self._epoch += 1

    def look(self, fix: Fix | None, at_s: float) -> Stand | None:
        """Where the camera is now; `None` without fix, speed or course."""
        last = self._last
        if last is not None and at_s - last.at_s > GAP_MAX_S:
            self.reset()
            last = None
        if fix is None or fix.speed_m_s is None:
            self.reset()
            return None
        heading_deg = fix.heading_deg
        if heading_deg is None and last is not None and fix.speed_m_s < HELD_BELOW_M_S:
            heading_deg = last.heading_deg
        if heading_deg is None:
            self.reset()
            return None
        speed_m_s = fix.speed_m_s if fix.speed_m_s >= STILL_M_S else 0.0
        course = np.radians(heading_deg)
        velocity = speed_m_s * float(np.sin(course)), speed_m_s * float(np.cos(course))
        east, north = (0.0, 0.0) if last is None else _moved(last, velocity, at_s)
        self._last = _Last(at_s, heading_deg, velocity, (east, north))
        view = carried_views(
            self._camera,
            _PLANE,
            np.array([[east, north]]),
            np.array([[heading_deg, fix.pitch_deg, fix.roll_deg]]),
            np.array([np.nan]),
        )
        return Stand(view, self._epoch)


def _moved(last: _Last, velocity: tuple[float, float], at_s: float) -> tuple[float, float]:
    half_s = (at_s - last.at_s) / 2.0
    east, north = last.east_north_m
    return (
        east + (last.velocity_m_s[0] + velocity[0]) * half_s,
        north + (last.velocity_m_s[1] + velocity[1]) * half_s,
    )
