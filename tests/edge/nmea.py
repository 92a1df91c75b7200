"""NMEA sentences with right checksums, and small synthetic drives."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

SYNTHETIC = "# Kerbwatch synthetic position"


def sentence(body: str) -> str:
    """``$body*checksum``."""
    checksum = 0
    for byte in body.encode():
        checksum ^= byte
    return f"${body}*{checksum:02X}"


def _angle(value_deg: float, positive: str, negative: str, width: int) -> str:
    degrees, minutes = divmod(abs(value_deg) * 60.0, 60.0)
    return f"{int(degrees):0{width}d}{minutes:09.6f},{positive if value_deg >= 0 else negative}"


def rmc(
    at: datetime,
    lon_deg: float,
    lat_deg: float,
    *,
    knots: float = 10.0,
    course_deg: float = 90.0,
    talker: str = "GN",
    status: str = "A",
) -> str:
    """A fix with its date, speed and course."""
    position = f"{_angle(lat_deg, 'N', 'S', 2)},{_angle(lon_deg, 'E', 'W', 3)}"
    moment = f"{at:%H%M%S}.{at.microsecond // 10000:02d}"
    return sentence(f"{talker}RMC,{moment},{status},{position},{knots},{course_deg},{at:%d%m%y},,,A")


def gga(
    at: datetime, lon_deg: float, lat_deg: float, *, quality: int = 1, hdop: str = "0.9", talker: str = "GN"
) -> str:
    """A fix with its quality."""
    position = f"{_angle(lat_deg, 'N', 'S', 2)},{_angle(lon_deg, 'E', 'W', 3)}"
    return sentence(
        f"{talker}GGA,{at:%H%M%S}.{at.microsecond // 10000:02d},{position},{quality},12,{hdop},35.0,M,0.0,M,,"
    )


def drive_east(
    path: Path, start: datetime, seconds: int, *, lon_deg: float = 117.2, lat_deg: float = 34.26, speed_m_s: float = 5.0
) -> Path:
    """A drive due east at one fix a second; the log says that it is synthetic."""
    lines = [SYNTHETIC]
    for second in range(seconds + 1):
        at = start + timedelta(seconds=second)
        here_deg = lon_deg + second * speed_m_s / (111_195.0 * 0.8265)
        lines += [rmc(at, here_deg, lat_deg, knots=speed_m_s / 0.514444), gga(at, here_deg, lat_deg)]
    path.write_text("\r\n".join(lines) + "\r\n")
    return path
