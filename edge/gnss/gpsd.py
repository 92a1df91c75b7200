"""gpsd's JSON, recorded or live: what the receiver says after the daemon has understood it.

A recording is what ``gpspipe -w > drive.json`` writes: one JSON object a line. TPV gives position, speed and course;
GST the error; SKY the DOP (https://gpsd.io/gpsd_json.html). A running gpsd says the same (`edge.gnss.wires`).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from detector.errors import InputError, SourceError
from detector.frame import Fix
from edge.gnss.motion import check_motion
from edge.gnss.quality import course, on_earth, plausible, sigma_m, sound_speed_m_s
from edge.gnss.reader import Heard
from edge.gnss.track import FixTrack, LogCounts
from edge.sources.source import file_sha256

LINE_MAX_BYTES: Final = 65_536
"""gpsd's own limit is 10,240 (GPS_JSON_RESPONSE_MAX)."""
PORT: Final = 2947

_QUALITIES = {2: "dgnss", 3: "rtk_fixed", 4: "rtk_float", 5: "estimated", 6: "estimated"}
_SIMULATED = 8
WATCH = b'?WATCH={"enable":true,"json":true,"pps":true};\n'


@dataclass(frozen=True, slots=True)
class GpsdAddress:
    """Where a gpsd listens."""

    host: str
    port: int = PORT

    @staticmethod
    def parse(text: str) -> GpsdAddress:
        """Read ``gpsd://host[:port]``.

        Raises:
            InputError: anything else.
        """
        scheme, _, rest = text.partition("://")
        host, _, port = rest.partition(":")
        number = int(port) if port.isascii() and port.isdigit() else PORT if not port else 0
        if scheme != "gpsd" or not host or "/" in rest or not 0 < number < 65_536:
            raise InputError(f"{text!r} is no gpsd address: write gpsd://127.0.0.1:{PORT}")
        return GpsdAddress(host, number)

    def __str__(self) -> str:
        return f"gpsd://{self.host}:{self.port}"


def looks_like_gpsd(path: Path) -> bool:
    """Whether a file's first line with anything in it is a JSON object of gpsd."""
    with path.open("rb") as log:
        for line in iter(lambda: log.readline(LINE_MAX_BYTES), b""):
            if line.strip():
                return line.lstrip().startswith(b'{"class"')
    return False


def read_gpsd(path: Path, *, max_gap_s: float = 5.0) -> FixTrack:
    """Read a recording of gpsd's JSON.

    Raises:
        SourceError: nothing there, or no report of gpsd in it.
    """
    if not path.is_file():
        raise SourceError(f"no such GNSS log: {path}")
    reader = GpsdReader()
    with path.open("rb") as log:
        fixes = list(reader.fixes(iter(lambda: log.readline(LINE_MAX_BYTES), b"")))
    if not reader.words:
        raise SourceError(f"{path} holds no report of gpsd (class TPV): record it with gpspipe -w")
    checked = check_motion(fixes)
    kept = tuple(replace(f, synthetic=True) for f in checked.fixes) if reader.synthetic else checked.fixes
    counts = LogCounts(
        fixes=len(kept),
        bad_checksum=reader.tally["damaged"],
        no_fix=reader.tally["no_fix"],
        out_of_order=reader.tally["out_of_order"],
        jumps=checked.jumps,
        implausible=reader.tally["implausible"],
        steps=checked.steps,
    )
    return FixTrack(kept, checked.breaks, max_gap_s, counts, file_sha256(path), checked.odd)


class GpsdReader:
    """Turns gpsd's reports into fixes, one per moment; see `edge.gnss.reader`.

    gpsd may report a moment more than once while it gathers the receiver's sentences; the fix is handed out when the
    next moment begins, from the last report that had a position.

    Attributes:
        words: TPV objects seen.
        synthetic: whether a simulator speaks.
        satellites: in use, by the last report that told.
        moments: begun so far.
        late: kinds of reports that came after their moment was closed by `flush`.
        devices: receivers that gpsd says it has; `None` before it said.
        tally: what was left out, by reason.
    """

    def __init__(self) -> None:
        self.words = 0
        self.synthetic = False
        self.satellites: int | None = None
        self.moments = 0
        self.late: set[str] = set()
        self._reports = 0
        self.devices: int | None = None
        self.tally: Counter[str] = Counter()
        self._hdop: float | None = None
        self._gst: dict[str, Any] = {}
        self._cycle: tuple[float | None, float] = (None, 0.0)
        self._waiting: Heard | None = None
        self._last: datetime | None = None

    def fixes(self, lines: Iterable[bytes]) -> Iterator[Fix]:
        """Every fix after the one before."""
        for line in lines:
            yield from (heard.fix for heard in self.feed(line))
        yield from (heard.fix for heard in self.flush())

    @property
    def gathered(self) -> frozenset[str]:
        """The reports of the moment that is open, numbered."""
        return frozenset() if self._waiting is None else frozenset(f"TPV {n}" for n in range(1, self._reports + 1))

    def feed(self, line: bytes, heard_s: float = 0.0) -> list[Heard]:
        """Take a line; the fix of the moment that it ends, if it ends one."""
        tpv = self._report(line, heard_s)
        fix = self._fix(tpv) if tpv is not None else None
        if fix is None:
            return []
        ends = self._waiting is not None and fix.at > self._waiting.fix.at
        done = self._release() if ends else []
        open_ = self._waiting
        if open_ is None and fix.at == self._last:
            self._reports += 1
            self.late.add(f"TPV {self._reports}")
        elif (self._last is not None and fix.at <= self._last) or (open_ is not None and fix.at < open_.fix.at):
            self.tally["out_of_order"] += 1
        else:
            self.moments += open_ is None
            self._reports = 1 if open_ is None else self._reports + 1
            self._waiting = Heard(fix, self._begun_s(fix, heard_s) if open_ is None else open_.heard_s)
        return done

    def _begun_s(self, fix: Fix, heard_s: float) -> float:
        """When the first word of a fix's cycle came, if gpsd told."""
        second, begun_s = self._cycle
        return begun_s if second == int(fix.at.timestamp()) else heard_s

    def forget_time(self) -> None:
        """Take the next fix whatever its time is: the receiver has set its clock back."""
        self._last = None

    def flush(self) -> list[Heard]:
        """End the moment that is open; what comes of it later is passed over."""
        return self._release()

    def _release(self) -> list[Heard]:
        done, self._waiting = self._waiting, None
        if done is None:
            return []
        self._last = done.fix.at
        return [done]

    def _report(self, line: bytes, heard_s: float) -> dict[str, Any] | None:
        """A TPV report; what the others tell is noted."""
        if not line.strip():
            return None
        try:
            report = json.loads(line)
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict):
            self.tally["damaged"] += 1
            return None
        match report.get("class"):
            case "TPV":
                self.words += 1
                return report
            case "SKY":
                # gpsd splits it: an object with satellites alone says nothing of the DOP.
                self._hdop = _number(report, "hdop") or self._hdop
                satellites = _number(report, "uSat")
                self.satellites = None if satellites is None else int(satellites)
            case "GST":
                self._gst = report
            case "TOFF":
                # Sent (for "pps") when a cycle's first sentence comes; TPV waits for its last.
                self._cycle = _number(report, "real_sec"), heard_s
            case "DEVICES":
                devices = report.get("devices")
                self.devices = len(devices) if isinstance(devices, list) else 0
        return None

    def _fix(self, tpv: dict[str, Any]) -> Fix | None:
        mode, status = _number(tpv, "mode") or 0.0, int(_number(tpv, "status") or 0)
        lon_deg, lat_deg = _number(tpv, "lon"), _number(tpv, "lat")
        at = _time(tpv)
        if mode < 2 or at is None or lon_deg is None or lat_deg is None or not on_earth(lon_deg, lat_deg):
            self.tally["no_fix"] += 1
            return None
        quality = _QUALITIES.get(status, "autonomous")
        if not plausible(self._hdop, self.satellites, quality):
            self.tally["implausible"] += 1
            return None
        self.synthetic |= status == _SIMULATED
        speed_m_s = sound_speed_m_s(_number(tpv, "speed"))
        heading_deg, sigma_heading_deg = course(_number(tpv, "track"), speed_m_s)
        # GST comes a line before or after its TPV; its figures hold for seconds.
        gst = self._gst if _near(_time(self._gst), at) else {}
        height_m = _number(tpv, "altMSL")
        return Fix(
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            sigma_m=sigma_m(_number(gst, "lat"), _number(gst, "lon"), self._hdop, quality),
            at=at,
            heading_deg=heading_deg,
            sigma_heading_deg=sigma_heading_deg,
            height_m=height_m if mode >= 3 else None,
            speed_m_s=speed_m_s,
            quality=quality,
        )


def _near(stamp: datetime | None, at: datetime) -> bool:
    return stamp is not None and abs((stamp - at).total_seconds()) <= 2.0


def _time(report: dict[str, Any]) -> datetime | None:
    try:
        value = datetime.fromisoformat(str(report.get("time", "")))
    except ValueError:
        return None
    # Before GPS began and at the end of the calendar there are no fixes, and times there cannot be reckoned with.
    return value.astimezone(UTC) if value.tzinfo is not None and 1980 <= value.year <= 2200 else None


def _number(report: dict[str, Any], name: str) -> float | None:
    """A finite number of a report, or `None`; JSON knows no NaN, but Python's reader does."""
    value = report.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
