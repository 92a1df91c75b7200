"""How good a receiver's word is: qualities, errors from DOP, headings from course."""

from __future__ import annotations

import math
from typing import Final

POOREST: Final = ("rtk_fixed", "rtk_float", "dgnss", "autonomous", "estimated")
"""Qualities from best to poorest."""

_UERE_M: Final = {"autonomous": 5.0, "dgnss": 2.5, "rtk_float": 0.5, "rtk_fixed": 0.03, "estimated": 15.0}
"""User-equivalent range error by quality, metres, for receivers that send no GST. HDOP x UERE is the horizontal
distance error (DRMS); one axis has it divided by sqrt(2). With HDOP 0.9 in a street: 3.2 m per axis."""
_HDOP_UNKNOWN = 2.0
_HDOP_MAX = 50.0
"""Receivers write 99.99 or the like when the satellites give no horizontal position at all."""
_SATELLITES_MIN = 3
"""With a known height three satellites give a position; fewer never do."""
_SIGMA_MIN_M = 0.01
_SIGMA_MAX_M = 1e6
"""A thousand kilometres say as well as any more that the receiver does not know."""

_SPEED_MAX_M_S = 150.0
"""Nothing that patrols is faster; a damaged report may say anything."""

_COURSE_MIN_M_S = 1.0
"""Slower than a walk, the course over ground is noise."""
_COURSE_FLOOR_DEG = 0.3
"""Of filters in the receiver. That the body points off its course is the camera's `sway_heading_deg`."""
_VELOCITY_SIGMA_M_S = 0.1
"""Per axis, by Doppler; receivers of the last ten years state 0.05 m/s in the open."""
COMPASS_SIGMA_DEG: Final = 1.0
"""Of a two-antenna heading (HDT)."""


def plausible(hdop: float | None, satellites: float | None, quality: str) -> bool:
    """Whether the satellites can give a position at all; dead reckoning (``estimated``) needs none."""
    if quality == "estimated":
        return True
    if hdop is not None and hdop >= _HDOP_MAX:
        return False
    return satellites is None or satellites >= _SATELLITES_MIN


def sigma_m(lat_m: float | None, lon_m: float | None, hdop: float | None, quality: str) -> float:
    """Horizontal one-sigma error per axis: the receiver's own word (GST), else HDOP x UERE / sqrt(2).

    Args:
        lat_m, lon_m: standard deviations by the receiver; `None` or 0 when it gives none.
        hdop: `None` or 0 when unknown.
    """
    if lat_m is not None and lon_m is not None and max(lat_m, lon_m) > 0:
        sigma = math.hypot(lat_m, lon_m) / math.sqrt(2)
    else:
        sigma = (hdop or _HDOP_UNKNOWN) * _UERE_M[quality] / math.sqrt(2)
    return min(max(_SIGMA_MIN_M, sigma), _SIGMA_MAX_M)


def course(course_deg: float | None, speed_m_s: float | None) -> tuple[float | None, float]:
    """Heading and its sigma out of the course over ground, degrees; `None` when too slow for it to mean anything."""
    if course_deg is None or speed_m_s is None or speed_m_s < _COURSE_MIN_M_S:
        return None, 180.0
    # A velocity error across the course turns it by sigma / speed.
    return compass_deg(course_deg), math.hypot(_COURSE_FLOOR_DEG, math.degrees(_VELOCITY_SIGMA_M_S / speed_m_s))


def sound_speed_m_s(speed_m_s: float | None) -> float | None:
    """A speed that a vehicle or drone can have, m/s; `None` for any other."""
    return speed_m_s if speed_m_s is not None and 0.0 <= speed_m_s <= _SPEED_MAX_M_S else None


def compass_deg(angle_deg: float) -> float:
    """0 <= angle < 360; the remainder of a tiny negative number alone would be 360.0."""
    turned = angle_deg % 360.0
    return 0.0 if turned >= 360.0 else turned


def on_earth(lon_deg: float, lat_deg: float) -> bool:
    """A receiver without a fix may send 0, 0; a damaged one anything."""
    return abs(lon_deg) <= 180.0 and abs(lat_deg) <= 90.0 and (lon_deg, lat_deg) != (0.0, 0.0)
