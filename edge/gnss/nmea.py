"""NMEA 0183 logs of any talker, as receivers write them: sentences gathered into moments, moments into fixes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from pynmeagps import NMEAMessage, NMEAReader
from pynmeagps.exceptions import NMEAMessageError, NMEAParseError, NMEATypeError

from detector.errors import SourceError
from detector.frame import Fix
from edge.gnss.motion import check_motion
from edge.gnss.quality import COMPASS_SIGMA_DEG, compass_deg, course, on_earth, plausible, sigma_m, sound_speed_m_s
from edge.gnss.reader import Heard
from edge.gnss.track import FixTrack, LogCounts
from edge.sources.source import file_sha256

SYNTHETIC_COMMENT: Final = b"# kerbwatch synthetic position"
"""A log with this comment line is made up; every fix from it says so."""

_SENTENCE = re.compile(rb"\$[A-Z]{2}(?:RMC|GGA|GNS|GST|VTG|HDT),[\x20-\x23\x25-\x7e]*")
_LINE_MAX_BYTES = 4096

_QUALITIES = {1: "autonomous", 2: "dgnss", 3: "autonomous", 4: "rtk_fixed", 5: "rtk_float", 6: "estimated"}
_SIMULATED = 8
_MODES = {"R": 4, "F": 5, "P": 2, "D": 2, "A": 1, "E": 6, "M": 6, "S": _SIMULATED}
"""GNS gives one letter per constellation, best first; as GGA's quality codes."""

_KNOT_M_S = 1852.0 / 3600.0


def read_nmea(path: Path, *, max_gap_s: float = 5.0) -> FixTrack:
    """Read an NMEA 0183 log of any talker (GP, GN, BD, GB, GL, GA ...).

    RMC gives date, speed and course; GGA (or GNS) quality, HDOP and height; GST the error; HDT the heading of two
    antennas. Damaged sentences, comments and binary messages in between are passed over and counted. A log without
    any fix is no error: everything seen is then "place unknown".

    Raises:
        SourceError: nothing there, or no NMEA sentence in it.
    """
    if not path.is_file():
        raise SourceError(f"no such GNSS log: {path}")
    reader = NmeaReader()
    with path.open("rb") as log:
        fixes = list(reader.fixes(iter(lambda: log.readline(_LINE_MAX_BYTES), b"")))
    if not reader.words and not reader.tally["bad_checksum"]:
        raise SourceError(
            f"{path} holds no NMEA sentence ($..RMC, $..GGA): give the receiver's NMEA log, not its binary one"
        )
    checked = check_motion(fixes)
    kept = checked.fixes
    if reader.synthetic:
        kept = tuple(replace(f, synthetic=True) for f in kept)
    tally = reader.tally
    counts = LogCounts(
        fixes=len(kept),
        bad_checksum=tally["bad_checksum"],
        no_fix=tally["no_fix"],
        undated=tally["undated"],
        out_of_order=tally["out_of_order"],
        jumps=checked.jumps,
        implausible=tally["implausible"],
        steps=checked.steps,
    )
    return FixTrack(kept, checked.breaks, max_gap_s, counts, file_sha256(path), checked.odd)


@dataclass(slots=True)
class _Epoch:
    """All sentences of one moment."""

    at: time
    heard_s: float
    kinds: set[str] = field(default_factory=set)
    rmc: NMEAMessage | None = None
    gga: NMEAMessage | None = None
    gns: NMEAMessage | None = None
    gst: NMEAMessage | None = None
    vtg: NMEAMessage | None = None
    heading_deg: float | None = None


class NmeaReader:
    """Gathers sentences into moments, and moments into fixes, from a file or from a wire; see `edge.gnss.reader`.

    Attributes:
        words: sentences understood.
        satellites: in use, by the last sentence that told.
        moments: begun so far.
        late: kinds of sentences that came after their moment was closed by `flush`.
    """

    def __init__(self) -> None:
        self.words = 0
        self.synthetic = False
        self.satellites: int | None = None
        self.moments = 0
        self.late: set[str] = set()
        self.tally: Counter[str] = Counter()
        self._date: date | None = None
        self._last: datetime | None = None
        self._open: _Epoch | None = None
        self._closed: time | None = None

    def fixes(self, lines: Iterable[bytes]) -> Iterator[Fix]:
        """Every fix of a log whose time is known and after the one before."""
        for line in lines:
            yield from (heard.fix for heard in self.feed(line))
        yield from (heard.fix for heard in self.flush())

    @property
    def gathered(self) -> frozenset[str]:
        """Kinds of sentences of the moment that is open."""
        return frozenset() if self._open is None else frozenset(self._open.kinds)

    def feed(self, line: bytes, heard_s: float = 0.0) -> list[Heard]:
        """Take a line; the fixes of moments that it ends."""
        done = (self._sort_in(message, heard_s) for message in self._messages(line))
        return [heard for epoch in done if epoch is not None for heard in self._heard(epoch)]

    def forget_time(self) -> None:
        """Take the next fix whatever its time is: the receiver has set its clock back."""
        self._last = None

    def flush(self) -> list[Heard]:
        """End the moment that is open; what comes of it later is passed over."""
        epoch, self._open = self._open, None
        if epoch is None:
            return []
        self._closed = epoch.at
        return self._heard(epoch)

    def _heard(self, epoch: _Epoch) -> list[Heard]:
        at = self._utc(epoch)
        if at is None:
            self.tally["undated"] += 1
            return []
        fix = self._fix(epoch, at)
        if fix is None:
            # A receiver without a fix may not know the time either: its word must not put later fixes out of order.
            return []
        if self._last is not None and at <= self._last:
            self.tally["out_of_order"] += 1
            return []
        self._last = at
        return [Heard(fix, epoch.heard_s)]

    def _sort_in(self, message: NMEAMessage, heard_s: float) -> _Epoch | None:
        """Put a sentence to its moment; the moment before when this one begins another."""
        if message.msgID in ("VTG", "HDT"):  # without a time of their own: they belong to the moment around them
            self._add_to_open(message)
            return None
        if message.msgID == "GNS" and set(str(getattr(message, "posMode", ""))) <= {"N"}:
            return None  # sent beside an RMC or GGA that says the same, but with the clock of a receiver without a fix
        at = getattr(message, "time", None)
        if not isinstance(at, time):
            self.tally["no_fix"] += message.msgID == "RMC"
            return None
        if self._open is None and at == self._closed:
            self.late.add(message.msgID)
            return None
        ended: _Epoch | None = None
        if self._open is None or at != self._open.at:
            ended, self._open, self._closed = self._open, _Epoch(at, heard_s), None
            self.moments += 1
        self._open.kinds.add(message.msgID)
        setattr(self._open, message.msgID.lower(), message)
        if message.msgID in ("GGA", "GNS"):
            satellites = _number(message, "numSV")
            self.satellites = None if satellites is None else int(satellites)
        return ended

    def _add_to_open(self, message: NMEAMessage) -> None:
        if self._open is None:
            if self._closed is not None:
                self.late.add(message.msgID)
            return
        self._open.kinds.add(message.msgID)
        if message.msgID == "VTG":
            self._open.vtg = message
        else:
            self._open.heading_deg = _number(message, "headingT")

    def _messages(self, line: bytes) -> Iterator[NMEAMessage]:
        if line.lstrip().lower().startswith(SYNTHETIC_COMMENT):
            self.synthetic = True
        if line.lstrip().startswith(b"#"):
            return
        for sentence in _SENTENCE.findall(line):
            try:
                message = NMEAReader.parse(sentence.rstrip() + b"\r\n")
            except (NMEAParseError, NMEAMessageError, NMEATypeError, ValueError):
                message = None
            if message is None:  # also for a sentence cut off before its checksum
                self.tally["bad_checksum"] += 1
                continue
            self.words += 1
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
        rmc, detail = epoch.rmc, epoch.gga if epoch.gga is not None else epoch.gns
        quality_code = _quality_code(epoch)
        if quality_code == 0 or (rmc is not None and getattr(rmc, "status", "V") != "A"):
            return self._without("no_fix")
        position = rmc if rmc is not None else detail
        lat_deg, lon_deg = _number(position, "lat"), _number(position, "lon")
        if lat_deg is None or lon_deg is None or not on_earth(lon_deg, lat_deg):
            return self._without("no_fix")
        quality = _QUALITIES.get(quality_code or 1, "estimated")
        hdop = _number(detail, "HDOP")
        if not plausible(hdop, _number(detail, "numSV"), quality):
            return self._without("implausible")
        self.synthetic |= quality_code == _SIMULATED or getattr(rmc, "posMode", "") == "S"
        speed_m_s = _speed_m_s(epoch)
        heading_deg, sigma_heading_deg = _heading(epoch, speed_m_s)
        return Fix(
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            sigma_m=sigma_m(_number(epoch.gst, "stdLat"), _number(epoch.gst, "stdLong"), hdop, quality),
            at=at,
            heading_deg=heading_deg,
            sigma_heading_deg=sigma_heading_deg,
            height_m=_number(detail, "alt"),
            speed_m_s=speed_m_s,
            quality=quality,
        )

    def _without(self, why: str) -> None:
        self.tally[why] += 1


def _number(message: NMEAMessage | None, name: str) -> float | None:
    """A field of a sentence, or `None` when it is empty."""
    value = getattr(message, name, None)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _speed_m_s(epoch: _Epoch) -> float | None:
    knots = _number(epoch.rmc, "spd")
    if knots is None:
        knots = _number(epoch.vtg, "sogn")
    return None if knots is None else sound_speed_m_s(knots * _KNOT_M_S)


def _heading(epoch: _Epoch, speed_m_s: float | None) -> tuple[float | None, float]:
    """Heading and its sigma, degrees: two antennas first, else the course when fast enough."""
    if epoch.heading_deg is not None:
        return compass_deg(epoch.heading_deg), COMPASS_SIGMA_DEG
    course_deg = _number(epoch.rmc, "cog")
    if course_deg is None:
        course_deg = _number(epoch.vtg, "cogt")
    return course(course_deg, speed_m_s)


def _quality_code(epoch: _Epoch) -> int | None:
    """GGA's quality, else the best of GNS's modes; `None` when neither was sent, 0 without a fix."""
    if epoch.gga is not None:
        return int(_number(epoch.gga, "quality") or 0)
    if epoch.gns is not None:
        modes = str(getattr(epoch.gns, "posMode", ""))
        return next((code for letter, code in _MODES.items() if letter in modes), 0)
    return None
