"""Where the vehicle was: an NMEA log read into a track that can be asked for any moment.

The rule of this file: no invented positions. Between two good fixes close in time the track interpolates; in gaps,
before the first, after the last and across jumps it answers `None`.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from pynmeagps import NMEAMessage, NMEAReader
from pynmeagps.exceptions import NMEAMessageError, NMEAParseError, NMEATypeError

from detector.errors import InputError, SourceError
from detector.frame import Fix
from edge.sources.source import file_sha256

SYNTHETIC_COMMENT: Final = b"# kerbwatch synthetic position"
"""A log with this comment line is made up; every fix from it says so."""

GNSS_ERA: Final = timedelta(weeks=1024)
"""GPS counts weeks modulo 1024: an old receiver is off by 19.6 years after a roll-over."""

_SENTENCE = re.compile(rb"\$[A-Z]{2}(?:RMC|GGA|GST|VTG|HDT),[\x20-\x23\x25-\x7e]*")
_LINE_MAX_BYTES = 4096

_QUALITIES = {1: "autonomous", 2: "dgnss", 3: "autonomous", 4: "rtk_fixed", 5: "rtk_float", 6: "estimated"}
_SIMULATED = 8
_UERE_M = {"autonomous": 5.0, "dgnss": 2.5, "rtk_float": 0.5, "rtk_fixed": 0.03, "estimated": 15.0}
"""User-equivalent range error by quality, metres, for receivers that send no GST. HDOP x UERE is the horizontal
distance error (DRMS); one axis has it divided by sqrt(2). With HDOP 0.9 in a street: 3.2 m per axis."""
_POOREST = ("rtk_fixed", "rtk_float", "dgnss", "autonomous", "estimated")
_HDOP_UNKNOWN = 2.0
_SIGMA_MIN_M = 0.01
_SIGMA_MAX_M = 1e6
"""A thousand kilometres say as well as any more that the receiver does not know."""

_KNOT_M_S = 1852.0 / 3600.0
_COURSE_MIN_M_S = 1.0
"""Slower than a walk, the course over ground is noise."""
_COURSE_FLOOR_DEG = 1.0
_VELOCITY_SIGMA_M_S = 0.2
_COMPASS_SIGMA_DEG = 1.0
"""Of a two-antenna heading (HDT)."""

_JUMP_MARGIN_M_S = 10.0
_SPEED_UNKNOWN_M_S = 50.0
_REACQUIRED_AFTER = 3
"""So many fixes in a row that agree with each other are a new place, not a jump."""

_METRES_PER_DEG = 111_195.0


@dataclass(frozen=True, slots=True)
class LogCounts:
    """What a log held besides good fixes: nothing is dropped silently.

    Attributes:
        fixes: good ones kept.
        bad_checksum: sentences damaged on the wire.
        no_fix: moments at which the receiver said it had none.
        undated: moments before the first RMC, whose date nobody knows.
        out_of_order: moments not after the one before.
        jumps: fixes that no vehicle could have driven to.
    """

    fixes: int = 0
    bad_checksum: int = 0
    no_fix: int = 0
    undated: int = 0
    out_of_order: int = 0
    jumps: int = 0


@dataclass(frozen=True, slots=True)
class FixTrack:
    """The good fixes of a log, in time order.

    Attributes:
        fixes: strictly increasing in `Fix.at`.
        breaks: indices of fixes that no line is drawn to from the one before (re-acquired elsewhere).
        max_gap_s: longest time between two fixes that is interpolated; longer bridges tunnels with guesses.
        counts: what else was in the log.
        sha256: of the log.
    """

    fixes: tuple[Fix, ...]
    breaks: frozenset[int] = frozenset()
    max_gap_s: float = 5.0
    counts: LogCounts = LogCounts()
    sha256: str = ""
    _times: tuple[datetime, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_times", tuple(f.at for f in self.fixes))

    @property
    def synthetic(self) -> bool:
        """Whether the positions are made up."""
        return any(f.synthetic for f in self.fixes)

    def span(self) -> tuple[datetime, datetime] | None:
        """First and last moment with a fix, or `None` without any."""
        return (self._times[0], self._times[-1]) if self.fixes else None

    def shifted(self, offset_s: float) -> FixTrack:
        """The track with `offset_s` added to every time: positive when the video's clock is ahead of GNSS."""
        if not offset_s:
            return self
        offset = timedelta(seconds=offset_s)
        return replace(self, fixes=tuple(replace(f, at=f.at + offset) for f in self.fixes))

    def at(self, utc: datetime) -> Fix | None:
        """The fix at a moment, interpolated on a straight line, or `None` where nobody knows."""
        after = bisect_right(self._times, utc)
        if after and self._times[after - 1] == utc:
            return self.fixes[after - 1]
        if not 0 < after < len(self.fixes) or after in self.breaks:
            return None
        a, b = self.fixes[after - 1], self.fixes[after]
        gap_s = (b.at - a.at).total_seconds()
        if gap_s > self.max_gap_s:
            return None
        return _between(a, b, (utc - a.at).total_seconds() / gap_s, utc)


def read_nmea(path: Path, *, max_gap_s: float = 5.0) -> FixTrack:
    """Read an NMEA 0183 log of any talker (GP, GN, BD, GB, GL, GA ...).

    RMC gives date, speed and course; GGA quality, HDOP and height; GST the error; HDT the heading of two antennas.
    Damaged sentences, comments and binary messages in between are passed over and counted. A log without any fix is
    no error: everything seen is then "place unknown".

    Raises:
        SourceError: nothing there, or no NMEA sentence in it.
    """
    if not path.is_file():
        raise SourceError(f"no such GNSS log: {path}")
    reader = _LogReader()
    with path.open("rb") as log:
        fixes = list(reader.fixes(iter(lambda: log.readline(_LINE_MAX_BYTES), b"")))
    if not reader.sentences and not reader.tally["bad_checksum"]:
        raise SourceError(
            f"{path} holds no NMEA sentence ($..RMC, $..GGA): give the receiver's NMEA log, not its binary one"
        )
    kept, breaks, jumps = _without_jumps(fixes)
    if reader.synthetic:
        kept = [replace(f, synthetic=True) for f in kept]
    tally = reader.tally
    counts = LogCounts(
        fixes=len(kept),
        bad_checksum=tally["bad_checksum"],
        no_fix=tally["no_fix"],
        undated=tally["undated"],
        out_of_order=tally["out_of_order"],
        jumps=jumps,
    )
    return FixTrack(tuple(kept), frozenset(breaks), max_gap_s, counts, file_sha256(path))


def check_overlap(track: FixTrack, name: str, start: datetime, end: datetime | None) -> None:
    """See that a source and the GNSS log speak of the same time.

    Args:
        track: after `shifted`.
        name: of the source, for the message.
        start, end: of the part of the source that is looked at; `None` for an unknown end.

    Raises:
        InputError: they do not overlap; the message gives both ranges and the offset that would align the starts.
    """
    span = track.span()
    if span is None:
        return
    first, last = span
    if start <= last and (end is None or end >= first):
        return
    eras = round((start - first) / GNSS_ERA)
    era_off = eras != 0 and abs((start - first) - eras * GNSS_ERA) < timedelta(days=1)
    shift_s = (eras * GNSS_ERA if era_off else start - first).total_seconds()
    why = (
        f"the receiver's date is {abs(eras)} x 1024 weeks off (a roll-over of GPS weeks)"
        if era_off
        else "the clocks differ, or they are of different drives"
    )
    raise InputError(
        f"{name} was recorded {_span_text(start, end)}, but the GNSS log covers {_span_text(first, last)}: {why}. "
        f"If they belong together, --gnss-offset-s {shift_s:+.0f} {'mends it' if era_off else 'aligns their starts'}"
        " (it adds to one given already)"
    )


def _span_text(start: datetime, end: datetime | None) -> str:
    last = f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else "?"
    return f"{start:%Y-%m-%dT%H:%M:%SZ} to {last}"


@dataclass(slots=True)
class _Epoch:
    """All sentences of one moment."""

    at: time
    rmc: NMEAMessage | None = None
    gga: NMEAMessage | None = None
    gst: NMEAMessage | None = None
    vtg: NMEAMessage | None = None
    heading_deg: float | None = None


class _LogReader:
    """Gathers sentences into moments, and moments into fixes."""

    def __init__(self) -> None:
        self.sentences = 0
        self.synthetic = False
        self.tally: Counter[str] = Counter()
        self._date: date | None = None
        self._last: datetime | None = None

    def fixes(self, lines: Iterator[bytes]) -> Iterator[Fix]:
        """Every fix of the log whose time is known and after the one before."""
        for epoch in self._epochs(lines):
            at = self._utc(epoch)
            if at is None:
                self.tally["undated"] += 1
                continue
            fix = self._fix(epoch, at)
            if fix is None:
                # A receiver without a fix may not know the time either: its word must not put later fixes out of order.
                self.tally["no_fix"] += 1
            elif self._last is not None and at <= self._last:
                self.tally["out_of_order"] += 1
            else:
                self._last = at
                yield fix

    def _epochs(self, lines: Iterator[bytes]) -> Iterator[_Epoch]:
        epoch: _Epoch | None = None
        for message in self._messages(lines):
            if message.msgID in ("VTG", "HDT"):  # without a time of their own: they belong to the moment around them
                if epoch is not None and message.msgID == "VTG":
                    epoch.vtg = message
                elif epoch is not None:
                    epoch.heading_deg = _number(message, "headingT")
                continue
            at = getattr(message, "time", None)
            if not isinstance(at, time):
                self.tally["no_fix"] += message.msgID == "RMC"
                continue
            if epoch is None or at != epoch.at:
                if epoch is not None:
                    yield epoch
                epoch = _Epoch(at)
            setattr(epoch, message.msgID.lower(), message)
        if epoch is not None:
            yield epoch

    def _messages(self, lines: Iterator[bytes]) -> Iterator[NMEAMessage]:
        for line in lines:
            if line.lstrip().lower().startswith(SYNTHETIC_COMMENT):
                self.synthetic = True
            if line.lstrip().startswith(b"#"):
                continue
            for sentence in _SENTENCE.findall(line):
                try:
                    message = NMEAReader.parse(sentence.rstrip() + b"\r\n")
                except (NMEAParseError, NMEAMessageError, NMEATypeError, ValueError):
                    message = None
                if message is None:  # also for a sentence cut off before its checksum
                    self.tally["bad_checksum"] += 1
                    continue
                self.sentences += 1
                yield message

    def _utc(self, epoch: _Epoch) -> datetime | None:
        stamped = getattr(epoch.rmc, "date", None)
        if isinstance(stamped, date):
            if getattr(epoch.rmc, "status", "V") != "A":
                return datetime.combine(stamped, epoch.at, UTC)
            self._date = stamped
        if self._date is None:
            return None
        at = datetime.combine(self._date, epoch.at, UTC)
        if not isinstance(stamped, date) and self._last is not None and self._last - at > timedelta(hours=12):
            # No RMC in this moment: its time of day falls back by most of a day only when midnight has passed.
            self._date += timedelta(days=1)
            at += timedelta(days=1)
        return at

    def _fix(self, epoch: _Epoch, at: datetime) -> Fix | None:
        rmc, gga = epoch.rmc, epoch.gga
        quality_code = int(_number(gga, "quality") or 0) if gga is not None else None
        if quality_code == 0 or (rmc is not None and getattr(rmc, "status", "V") != "A"):
            return None
        position = rmc if rmc is not None else gga
        lat_deg, lon_deg = _number(position, "lat"), _number(position, "lon")
        if lat_deg is None or lon_deg is None or not _on_earth(lon_deg, lat_deg):
            return None
        self.synthetic |= quality_code == _SIMULATED or getattr(rmc, "posMode", "") == "S"
        quality = _QUALITIES.get(quality_code or 1, "estimated")
        speed_m_s = _speed_m_s(epoch)
        heading_deg, sigma_heading_deg = _heading(epoch, speed_m_s)
        return Fix(
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            sigma_m=_sigma_m(epoch, quality),
            at=at,
            heading_deg=heading_deg,
            sigma_heading_deg=sigma_heading_deg,
            height_m=_number(gga, "alt"),
            speed_m_s=speed_m_s,
            quality=quality,
        )


def _on_earth(lon_deg: float, lat_deg: float) -> bool:
    """A receiver without a fix may send 0, 0; a damaged one anything."""
    return abs(lon_deg) <= 180.0 and abs(lat_deg) <= 90.0 and (lon_deg, lat_deg) != (0.0, 0.0)


def _number(message: NMEAMessage | None, name: str) -> float | None:
    """A field of a sentence, or `None` when it is empty."""
    value = getattr(message, name, None)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _speed_m_s(epoch: _Epoch) -> float | None:
    knots = _number(epoch.rmc, "spd")
    if knots is None:
        knots = _number(epoch.vtg, "sogn")
    return None if knots is None else knots * _KNOT_M_S


def _heading(epoch: _Epoch, speed_m_s: float | None) -> tuple[float | None, float]:
    """Heading and its sigma, degrees: two antennas first, else the course when fast enough."""
    if epoch.heading_deg is not None:
        return _compass_deg(epoch.heading_deg), _COMPASS_SIGMA_DEG
    course_deg = _number(epoch.rmc, "cog")
    if course_deg is None:
        course_deg = _number(epoch.vtg, "cogt")
    if course_deg is None or speed_m_s is None or speed_m_s < _COURSE_MIN_M_S:
        return None, 180.0
    # A velocity error across the course turns it by sigma / speed; the floor is the body's slip against its path.
    return _compass_deg(course_deg), math.hypot(_COURSE_FLOOR_DEG, math.degrees(_VELOCITY_SIGMA_M_S / speed_m_s))


def _compass_deg(angle_deg: float) -> float:
    """0 <= angle < 360; the remainder of a tiny negative number alone would be 360.0."""
    turned = angle_deg % 360.0
    return 0.0 if turned >= 360.0 else turned


def _sigma_m(epoch: _Epoch, quality: str) -> float:
    """Horizontal one-sigma error per axis: the receiver's own word (GST), else HDOP x UERE / sqrt(2)."""
    lat_m, lon_m = _number(epoch.gst, "stdLat"), _number(epoch.gst, "stdLong")
    if lat_m is not None and lon_m is not None and max(lat_m, lon_m) > 0:
        sigma_m = math.hypot(lat_m, lon_m) / math.sqrt(2)
    else:
        sigma_m = (_number(epoch.gga, "HDOP") or _HDOP_UNKNOWN) * _UERE_M[quality] / math.sqrt(2)
    return min(max(_SIGMA_MIN_M, sigma_m), _SIGMA_MAX_M)


def _distance_m(a: Fix, b: Fix) -> float:
    """Ground distance on the local plane; exact enough below 10 km."""
    mid = math.radians((a.lat_deg + b.lat_deg) / 2)
    east_deg = (b.lon_deg - a.lon_deg + 180.0) % 360.0 - 180.0
    return _METRES_PER_DEG * math.hypot(b.lat_deg - a.lat_deg, east_deg * math.cos(mid))


def _could_drive(a: Fix, b: Fix) -> bool:
    """Whether b follows a at the speed the receiver itself reports, within the error of both."""
    seconds = (b.at - a.at).total_seconds()
    speeds = [f.speed_m_s for f in (a, b) if f.speed_m_s is not None]
    fastest_m_s = max(speeds) + _JUMP_MARGIN_M_S if speeds else _SPEED_UNKNOWN_M_S
    return _distance_m(a, b) <= fastest_m_s * seconds + 3.0 * math.hypot(a.sigma_m, b.sigma_m)


def _without_jumps(fixes: list[Fix]) -> tuple[list[Fix], set[int], int]:
    """Drop fixes that jump away; go on from a new place once several fixes in a row agree on it.

    Returns:
        the fixes kept, the indices among them where a new place begins, and how many were dropped.
    """
    kept: list[Fix] = []
    breaks: set[int] = set()
    away: list[Fix] = []
    dropped = 0
    for fix in fixes:
        if not kept or _could_drive(kept[-1], fix):
            dropped += len(away)
            away = []
            kept.append(fix)
            continue
        if away and not _could_drive(away[-1], fix):
            dropped += len(away)
            away = []
        away.append(fix)
        if len(away) == _REACQUIRED_AFTER:
            breaks.add(len(kept))
            kept.extend(away)
            away = []
    return kept, breaks, dropped + len(away)


def _between(a: Fix, b: Fix, share: float, at: datetime) -> Fix:
    """The fix at `share` of the way; its error is the larger of the two, its quality the poorer."""
    east_deg = (b.lon_deg - a.lon_deg + 180.0) % 360.0 - 180.0
    heading_deg: float | None = None
    if a.heading_deg is not None and b.heading_deg is not None:
        turn_deg = (b.heading_deg - a.heading_deg + 180.0) % 360.0 - 180.0
        heading_deg = _compass_deg(a.heading_deg + share * turn_deg)
    return Fix(
        lon_deg=(a.lon_deg + share * east_deg + 180.0) % 360.0 - 180.0,
        lat_deg=_mix(a.lat_deg, b.lat_deg, share),
        sigma_m=max(a.sigma_m, b.sigma_m),
        at=at,
        heading_deg=heading_deg,
        sigma_heading_deg=max(a.sigma_heading_deg, b.sigma_heading_deg),
        height_m=None if a.height_m is None or b.height_m is None else _mix(a.height_m, b.height_m, share),
        speed_m_s=None if a.speed_m_s is None or b.speed_m_s is None else _mix(a.speed_m_s, b.speed_m_s, share),
        quality=max(a.quality, b.quality, key=_POOREST.index),
        synthetic=a.synthetic or b.synthetic,
    )


def _mix(a: float, b: float, share: float) -> float:
    return a + share * (b - a)
