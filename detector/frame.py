"""A picture with its time and the fix it was taken at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError

Image = NDArray[np.uint8]
"""BGR picture, uint8, shape (H, W, 3)."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Where the vehicle was: a GNSS position in WGS-84. No fix is `None`, never (0, 0).

    Attributes:
        lon_deg, lat_deg: WGS-84.
        height_m: height above mean sea level, when the receiver gives it.
        heading_deg: clockwise from true north, 0 <= heading < 360; `None` when standing (course is noise then).
        speed_m_s: over ground; `None` when the receiver does not say.
        quality: receiver's word: ``autonomous``, ``dgnss``, ``rtk_fixed``, ``rtk_float``, ``estimated``.
        sigma_m: one-sigma horizontal error per axis, metres.
        sigma_heading_deg: one-sigma error of `heading_deg`.
        at: UTC time of the fix (interpolated fixes carry the frame's own time).
        synthetic: the position is made up (demonstration), and every report says so.
        pitch_deg, roll_deg: of the vehicle body, nose up and right side down positive; 0 when not measured. On a drone
            heading, pitch and roll are those of the gimbal: the camera's own.
        above_ground_m: height of the camera above the ground below it, for a drone; `None` on a vehicle, whose camera
            has a height of its own.
        sigma_above_ground_m: one-sigma error of `above_ground_m`.
    """

    lon_deg: float
    lat_deg: float
    sigma_m: float
    at: datetime
    heading_deg: float | None = None
    sigma_heading_deg: float = 180.0
    height_m: float | None = None
    speed_m_s: float | None = None
    quality: str = "autonomous"
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    above_ground_m: float | None = None
    sigma_above_ground_m: float = 1.0
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not (-180.0 <= self.lon_deg <= 180.0 and -90.0 <= self.lat_deg <= 90.0):
            raise InputError(f"fix at lon {self.lon_deg}, lat {self.lat_deg} is not on Earth; swapped axes?")
        if self.sigma_m <= 0:
            raise InputError(f"fix sigma_m is {self.sigma_m}; it must be above 0")


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one source.

    Attributes:
        image: BGR uint8 (H, W, 3).
        seq: frame number in the source, from 0, counted before any is skipped.
        captured_at: UTC (aware).
        monotonic_s: seconds on the source's own clock (container time for files), never going back.
        source_id: stable name of the source, free of credentials.
        source_sha256: hash of the source's bytes for files and folders, "" for live sources.
        fix: where the vehicle was; `None` without a fix, and for standing cameras.
        scene: counts hard cuts; tracks never cross scenes.
    """

    image: Image
    seq: int
    captured_at: datetime
    monotonic_s: float
    source_id: str
    source_sha256: str = ""
    fix: Fix | None = None
    scene: int = 0

    @property
    def frame_id(self) -> str:
        """Name of the frame in reports and labels: the same picture always gets the same name."""
        return f"{self.source_sha256[:12] or self.source_id}:{self.seq}"
