"""A camera that was knocked: the way ahead no longer lies in the picture where the site says it does.

A vehicle that drives straight moves along its own axis, so the direction of motion in the camera's axes is the mounting
(`edge.calibrate.mount`). Two looks that follow each other closely give one such direction; the median of many gives
yaw and pitch to a few tenths of a degree. Roll does not show in it.

Following points costs some 50 ms, so only one pair of looks in several seconds is used.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.errors import InputError
from detector.frame import Fix, Frame
from detector.geo.camera import VehicleCamera
from edge.calibrate.flow import Motion, motions
from edge.calibrate.road import yaw_pitch

KNOCKED_DEG: Final = 3.0
"""So far off places are wrong by more than their error says."""
_BACK_DEG: Final = 2.0
_EVERY_S = 5.0
_PAIRS_MIN: Final = 24
_PAIRS_MAX: Final = 48
_SIGMAS = 4.0
"""Of the median: what scatters so widely is no knock."""

_PAIR_S = (0.05, 1.0)
_PAIR_M = (0.3, 4.0)
_SPEED_MIN_M_S = 1.5
_TURN_MAX_DEG_S = 3.0


@dataclass(frozen=True, slots=True)
class MountFinding:
    """How far the camera is off its place, degrees: clockwise and up are positive. `figure` for the alarm's text."""

    yaw_deg: float
    pitch_deg: float

    @property
    def figure(self) -> str:
        """In both languages."""
        return f"偏航 yaw {self.yaw_deg:+.1f}°, 俯仰 pitch {self.pitch_deg:+.1f}°"


class MountWatch:
    """Watches one camera's looks; for one thread."""

    def __init__(self, camera: VehicleCamera) -> None:
        """Against the mounting that the site names."""
        self._camera = camera
        self._before: tuple[Frame, Fix] | None = None
        self._due_s = 0.0
        self._off: deque[tuple[float, float]] = deque(maxlen=_PAIRS_MAX)
        self._found: MountFinding | None = None

    def saw(self, frame: Frame, fix: Fix | None) -> MountFinding | None:
        """Take a look in; how far the camera is off, as far as is known now.

        Args:
            fix: of the vehicle at that moment; without one, or while standing or turning, the look tells nothing.
        """
        if frame.monotonic_s < self._due_s:
            return self._found
        before, self._before = self._before, None
        if fix is None or fix.speed_m_s is None or fix.speed_m_s < _SPEED_MIN_M_S or fix.heading_deg is None:
            return self._found
        self._before = (frame, fix)
        if before is None or not _is_pair(*before, frame, fix):
            return self._found
        self._before, self._due_s = None, frame.monotonic_s + _EVERY_S
        try:
            for motion in motions((before[0], frame), self._camera.lens):
                self.moved(motion)
        except InputError:  # another shape than the site's camera: told elsewhere, and no knock
            return self._found
        return self._found

    def moved(self, motion: Motion) -> MountFinding | None:
        """Take in the motion between two looks of a straight drive."""
        if not motion.way.any() or abs(motion.yaw_deg) > _TURN_MAX_DEG_S * motion.seconds:
            return self._found
        yaw_deg, pitch_deg = yaw_pitch(motion.way, self._camera.roll_deg)
        self._off.append((yaw_deg - self._camera.yaw_deg, pitch_deg - self._camera.pitch_deg))
        if len(self._off) >= _PAIRS_MIN:
            self._judge()
        return self._found

    def _judge(self) -> None:
        off = np.array(self._off)
        middle = np.median(off, axis=0)
        spread = 1.4826 * np.median(np.abs(off - middle), axis=0)
        sigma = 1.2533 * spread / np.sqrt(len(off))
        limit_deg = KNOCKED_DEG if self._found is None else _BACK_DEG
        if bool(((np.abs(middle) > limit_deg) & (np.abs(middle) > _SIGMAS * sigma)).any()):
            self._found = MountFinding(float(middle[0]), float(middle[1]))
        else:
            self._found = None


def _is_pair(first: Frame, fix_a: Fix, second: Frame, fix_b: Fix) -> bool:
    """Whether two looks are close enough for their points to be followed, and the road between them is straight."""
    seconds = second.monotonic_s - first.monotonic_s
    if not _PAIR_S[0] <= seconds <= _PAIR_S[1] or fix_a.speed_m_s is None or fix_b.speed_m_s is None:
        return False
    way_m = seconds * (fix_a.speed_m_s + fix_b.speed_m_s) / 2.0
    turned_deg = abs(((fix_b.heading_deg or 0.0) - (fix_a.heading_deg or 0.0) + 180.0) % 360.0 - 180.0)
    return _PAIR_M[0] <= way_m <= _PAIR_M[1] and turned_deg <= _TURN_MAX_DEG_S * seconds
