"""Looks: stretches of a patrol over which the camera saw about the same ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import shapely

from detector.frame import Fix, Frame
from detector.geo.camera import Camera, FixedHomography, FixedPose
from detector.geo.plane import LocalPlane
from edge.coverage.footprint import Ring, footprint
from edge.coverage.quality import LIGHT_MIN, SHARP_MIN, light, sharpness

STEP_M: Final = 15.0
"""A new look after so much way: views reach at least as far, so no ground is left out between two looks."""
TURN_DEG: Final = 20.0
LOOK_MAX: Final = timedelta(minutes=10)
"""A camera that stands still begins a new look so often: what a kill costs, and how exactly "when" is known."""
HOLE: Final = timedelta(seconds=10)
"""After so long without a picture or a position nobody knows what was seen in between."""
SIGMA_MAX_M: Final = 10.0
"""With a fix less sure than this it is not known which side of the street was seen."""
SURVEYED: Final = "surveyed"
_MEASURE_EVERY = timedelta(seconds=0.5)
_STEP_NOISE_M = 2.0
"""The way is measured in steps of this length, so that the jitter of a fix adds little ..."""
_STANDING_M_S = 0.5
"""... and only while the receiver, whose Doppler speed is good to a decimetre, says that the carrier moves."""
_FASTEST_M_S = 60.0
"""Faster than this a position jumped, and nothing between the two places was looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """Ground looked at.

    Attributes:
        begins_at, ends_at: UTC.
        pictures: how many were looked at.
        lon_deg, lat_deg: the camera (WGS-84) at the begin.
        ring: the ground seen well enough: what was in view at the begin, at the end, and between the two.
        way_m: how far the camera moved meanwhile; 0 for a standing one.
        sharp, light: means over the look, see `quality`.
        speed_m_s: mean, `None` where the receiver gave none.
        sigma_m: error of the fix (or of the survey), one sigma per axis.
        fix: the receiver's word for its fix; ``surveyed`` for a standing camera.
        observed_by: who looked.
    """

    begins_at: datetime
    ends_at: datetime
    pictures: int
    lon_deg: float
    lat_deg: float
    ring: Ring
    way_m: float
    sharp: float
    light: float
    speed_m_s: float | None
    sigma_m: float
    fix: str
    observed_by: str

    @property
    def good(self) -> bool:
        """Whether a stall on this ground would have been found and placed."""
        return self.sharp >= SHARP_MIN and self.light >= LIGHT_MIN and self.sigma_m <= SIGMA_MAX_M


class LookLog:
    """Makes looks of the pictures of one source; feed it every picture that is looked at, in order."""

    def __init__(self, camera: Camera, observed_by: str, keep: Callable[[Look], None]) -> None:
        """Args: keep: takes each look as soon as it is over."""
        self._camera = camera
        self._observed_by = observed_by
        self._keep = keep
        self._open: _Open | None = None

    def saw(self, frame: Frame) -> None:
        """One more picture."""
        if self._open is not None and self._goes_on(self._open, frame):
            self._open.add(frame)
            return
        before = self._open
        self.end()
        ring = footprint(self._camera, frame.fix, _size_px(frame))
        if ring is None:
            return
        self._open = _Open(frame, self._position(frame), ring, self._observed_by)
        if before is not None:
            self._open.follow(before, frame)

    def end(self) -> None:
        """The pass is over."""
        if self._open is not None:
            look, self._open = self._open, None
            last = footprint(self._camera, look.last_fix, look.frame_px) if look.last_fix is not None else None
            self._keep(look.look(last or ()))

    def _position(self, frame: Frame) -> Fix:
        """Where the camera is: its carrier's fix, or its own survey told like one."""
        camera = self._camera
        if isinstance(camera, FixedPose | FixedHomography):
            sigma_m = camera.sigmas.position_m
            return Fix(camera.lon_deg, camera.lat_deg, sigma_m, frame.captured_at, quality=SURVEYED)
        if frame.fix is None:
            raise ValueError("a camera that is carried has no footprint without a fix")
        return frame.fix

    def _goes_on(self, look: _Open, frame: Frame) -> bool:
        if frame.captured_at - look.ends_at > HOLE or frame.captured_at - look.begins_at >= LOOK_MAX:
            return False
        if look.fix.quality == SURVEYED:
            return True
        fix = frame.fix
        if fix is None or look.off_m(fix) >= STEP_M:
            return False
        # Without a heading the vehicle stands, and looks where it looked.
        return fix.heading_deg is None or _turned_deg(look.fix.heading_deg, fix.heading_deg) <= TURN_DEG


class _Open:
    """A look that is not over."""

    def __init__(self, frame: Frame, fix: Fix, ring: Ring, observed_by: str) -> None:
        self.begins_at = self.ends_at = frame.captured_at
        self.fix = fix
        self.last_fix: Fix | None = None
        self.frame_px = _size_px(frame)
        self._ring = ring
        self._observed_by = observed_by
        self._plane = LocalPlane(fix.lon_deg, fix.lat_deg)
        self._pictures = 0
        self._way_m = 0.0
        self._at_m = np.zeros(2)
        self._sharp: list[float] = []
        self._light: list[float] = []
        self._speeds: list[float] = []
        self._measured_at: datetime | None = None
        self.add(frame)

    def off_m(self, fix: Fix) -> float:
        """How far a fix is from where the look began."""
        return float(np.hypot(*self._plane.east_north_m((fix.lon_deg, fix.lat_deg))[0]))

    def add(self, frame: Frame) -> None:
        """One more picture."""
        self._pictures += 1
        self.ends_at = frame.captured_at
        if self._measured_at is None or frame.captured_at - self._measured_at >= _MEASURE_EVERY:
            self._measured_at = frame.captured_at
            self._sharp.append(sharpness(frame.image))
            self._light.append(light(frame.image))
        if frame.fix is not None and self.fix.quality != SURVEYED:
            self._move(frame.fix)

    def follow(self, before: _Open, frame: Frame) -> None:
        """Go on from where the look before ended: the way between the two belongs to this one."""
        gap_s = (frame.captured_at - before.ends_at).total_seconds()
        if gap_s > HOLE.total_seconds() or self.fix.quality == SURVEYED or _stands(self.fix):
            return
        last = before._plane.lon_lat_deg(before._at_m)
        step_m = float(np.hypot(*self._plane.east_north_m(last)[0]))
        if step_m <= STEP_M + _FASTEST_M_S * gap_s:
            self._way_m += step_m

    def look(self, last: Ring) -> Look:
        """What it came to; `last` is the ground in view at the end."""
        return Look(
            begins_at=self.begins_at,
            ends_at=self.ends_at,
            pictures=self._pictures,
            lon_deg=self.fix.lon_deg,
            lat_deg=self.fix.lat_deg,
            ring=_hull(self._ring + last) if last else self._ring,
            way_m=self._way_m,
            sharp=float(np.mean(self._sharp)),
            light=float(np.mean(self._light)),
            speed_m_s=float(np.mean(self._speeds)) if self._speeds else None,
            sigma_m=self.fix.sigma_m,
            fix=self.fix.quality,
            observed_by=self._observed_by,
        )

    def _move(self, fix: Fix) -> None:
        if fix.heading_deg is not None:
            self.last_fix = fix
        if fix.speed_m_s is not None:
            self._speeds.append(fix.speed_m_s)
        here_m = self._plane.east_north_m((fix.lon_deg, fix.lat_deg))[0]
        step_m = float(np.hypot(*(here_m - self._at_m)))
        if step_m >= _STEP_NOISE_M:
            self._way_m += 0.0 if _stands(fix) else step_m
            self._at_m = here_m


def _stands(fix: Fix) -> bool:
    return fix.speed_m_s is not None and fix.speed_m_s < _STANDING_M_S


def _hull(corners: Ring) -> Ring:
    outline = shapely.MultiPoint(corners).convex_hull
    return tuple((lon, lat) for lon, lat in shapely.get_coordinates(outline)[:-1].tolist())


def _size_px(frame: Frame) -> tuple[int, int]:
    height_px, width_px = frame.image.shape[:2]
    return width_px, height_px


def _turned_deg(a_deg: float | None, b_deg: float) -> float:
    return abs((b_deg - (a_deg or 0.0) + 180.0) % 360.0 - 180.0)
