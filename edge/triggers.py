"""When a live camera's picture is worth a look of the network, as `box.yaml` says."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from detector.tracking import TrackerLimits
from edge.box.settings import LookSettings
from edge.gnss.fixes import LiveFixes
from edge.sources.live.picture import PictureNote
from edge.sources.pace import Pace, Pacer

RECKONED_MAX_S: Final = 2.0
"""The way is reckoned on from the last fix by its speed for so long: receivers give one a second, or ten."""


class Trigger:
    """Asked once for every picture of one camera, in order, by one thread."""

    def __init__(self, settings: LookSettings, fixes: LiveFixes | None = None) -> None:
        """Use one for each camera.

        Args:
            settings: of the camera.
            fixes: of the vehicle's receiver; without one, `by: distance` looks by time.
        """
        self._pacer = Pacer(pace_of(settings))
        self._way = Way(fixes) if fixes is not None and settings.by == "distance" else None
        self._begin_s: float | None = None

    def wants(self, note: PictureNote) -> bool:
        """Whether the picture is to be looked at."""
        if self._begin_s is None:
            self._begin_s = note.monotonic_s
        way_m = self._way.at(note.monotonic_s) if self._way is not None else None
        return self._pacer.wants(note.monotonic_s - self._begin_s, way_m=way_m, motion=note.motion)


class Way:
    """Metres driven at the moment of a picture: the receiver's odometer, reckoned on by its speed."""

    def __init__(self, fixes: LiveFixes) -> None:
        self._fixes = fixes
        self._odometer_m = 0.0
        self._odometer_s: float | None = None
        self._way_m = 0.0

    def at(self, monotonic_s: float) -> float | None:
        """Never going back; `None` while nobody knows how fast the vehicle is."""
        speed_m_s, odometer_m = self._fixes.speed_m_s, self._fixes.odometer_m
        if self._odometer_s is None or odometer_m != self._odometer_m:
            self._odometer_m, self._odometer_s = odometer_m, monotonic_s
        if speed_m_s is None:
            return None
        since_s = min(monotonic_s - self._odometer_s, RECKONED_MAX_S)
        # Reckoned a little far, it waits for the odometer: the way never goes back.
        self._way_m = max(self._way_m, odometer_m + speed_m_s * max(0.0, since_s))
        return self._way_m


def pace_of(settings: LookSettings) -> Pace:
    """The settings as the pacer takes them."""
    match settings.by:
        case "every":
            return Pace()
        case "time":
            return Pace(every_s=settings.every_s)
        case "motion":
            return Pace(by_motion=True, every_s=settings.moving_every_s, standing_every_s=settings.standing_every_s)
        case "distance":
            return Pace(every_m=settings.every_m, every_s=settings.every_s, standing_every_s=settings.standing_every_s)


def tracker_limits(settings: LookSettings) -> TrackerLimits:
    """The tracker's patience with looks that are so far apart."""
    usual = TrackerLimits()
    if settings.by == "time":
        step_s = settings.every_s
        return replace(usual, lost_s=max(usual.lost_s, 2.5 * step_s), tentative_s=max(usual.tentative_s, 1.5 * step_s))
    # Looks come as they come: a thing is gone when it was missed twice, however long that took.
    return replace(usual, lost_looks=1 if settings.by == "every" else 2)
