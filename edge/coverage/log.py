"""The coverage log on disk: one line of GeoJSON for each look, appended while the patrol runs.

A line is whole or it is the last one, so a log that was cut off by a kill is read up to there. A patrol run again
writes beside its earlier log and takes that one's place only when it is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import inf, isfinite
from pathlib import Path
from typing import IO, Any, Final

from detector.errors import InputError
from edge.coverage.footprint import Ring
from edge.coverage.looks import Look
from edge.durable import explain, fsync_dir, make_dir

LOGS_DIR: Final = "coverage"
WHOLE, PART = ".jsonl", ".part"
LOGS_MAX_BYTES: Final = 64 * 1024 * 1024
"""The oldest logs of a folder beyond this are dropped: about twenty shifts."""
_SYNC_EVERY = 50
_RING_MAX_DEG = 0.1


class CoverageLog:
    """Appends one patrol's looks to a file of its own."""

    def __init__(self, folder: Path, patrol_id: str) -> None:
        """Begin the log of a patrol in the `LOGS_DIR` of a folder.

        Raises:
            InputError: the folder cannot be written.
            TransientError: the disk is full.
        """
        make_dir(folder / LOGS_DIR)
        self._patrol = patrol_name(patrol_id)
        self._part = folder / LOGS_DIR / f"{self._patrol}{PART}"
        self._unsynced = 0
        try:
            self._file: IO[str] = self._part.open("w", encoding="utf-8")
        except OSError as error:
            raise explain(error, self._part, 0) from error

    def append(self, look: Look) -> None:
        """Keep one look.

        Raises:
            TransientError: the disk is full.
        """
        line = feature_line(look, self._patrol)
        try:
            self._file.write(line + "\n")
            self._file.flush()
            self._unsynced += 1
            if self._unsynced >= _SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._unsynced = 0
        except OSError as error:
            raise explain(error, self._part, len(line)) from error

    def close(self, *, complete: bool) -> None:
        """End the log; a `complete` one takes the place of what an earlier run of this patrol left."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if complete:
                self._part.replace(self._part.with_suffix(WHOLE))
            fsync_dir(self._part.parent)
        except OSError as error:
            raise explain(error, self._part, 0) from error


def patrol_name(patrol_id: str) -> str:
    """Half of a patrol's id: name enough to count patrols by."""
    return patrol_id[:16]


def feature_line(look: Look, patrol: str) -> str:
    """A look as one line of GeoJSON, WGS-84."""
    ring = [*look.ring, look.ring[0]]
    properties: dict[str, Any] = {
        "patrol": patrol,
        "begins_at": _stamp(look.begins_at),
        "ends_at": _stamp(look.ends_at),
        "pictures": look.pictures,
        "camera": [round(look.lon_deg, 6), round(look.lat_deg, 6)],
        "way_m": round(look.way_m, 1),
        "sharp": round(look.sharp, 2),
        "light": round(look.light, 2),
        "speed_m_s": None if look.speed_m_s is None else round(look.speed_m_s, 1),
        "sigma_m": round(look.sigma_m, 2),
        "fix": look.fix,
        "observed_by": look.observed_by,
    }
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def look_of(feature: Mapping[str, Any]) -> tuple[str, Look]:
    """Patrol and look of a feature that `feature_line` wrote.

    Raises:
        InputError: it is none.
    """
    try:
        (ring,) = feature["geometry"]["coordinates"]
        told = feature["properties"]
        lon_deg, lat_deg = told["camera"]
        speed_m_s = told["speed_m_s"]
        return str(told["patrol"]), Look(
            begins_at=_moment(told["begins_at"]),
            ends_at=_moment(told["ends_at"]),
            pictures=int(told["pictures"]),
            lon_deg=_number(lon_deg, -180.0),
            lat_deg=_number(lat_deg, -90.0),
            ring=_ring(ring[:-1]),
            way_m=_number(told["way_m"]),
            sharp=_number(told["sharp"]),
            light=_number(told["light"]),
            speed_m_s=None if speed_m_s is None else _number(speed_m_s),
            sigma_m=_number(told["sigma_m"]),
            fix=str(told["fix"]),
            observed_by=str(told["observed_by"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"this feature is no look of a coverage log ({error!r})") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return moment


def _number(value: float, least: float = 0.0) -> float:
    number = float(value)
    if not least <= number < inf:
        raise ValueError(f"{number} is below {least} or no number")
    return number


def _ring(corners: Sequence[Sequence[float]]) -> Ring:
    """Ground that one look can have seen: anything larger would be millions of cells."""
    ring = tuple((float(lon), float(lat)) for lon, lat in corners)
    lon_deg, lat_deg = zip(*ring, strict=True)
    if len(ring) < 3 or not all(map(isfinite, (*lon_deg, *lat_deg))) or max(map(abs, lat_deg)) > 90.0:
        raise ValueError(f"{ring} is no outline")
    if max(max(lon_deg) - min(lon_deg), max(lat_deg) - min(lat_deg)) > _RING_MAX_DEG:
        raise ValueError(f"the outline reaches over more than {_RING_MAX_DEG} degrees")
    return ring


def logs(folder: Path) -> list[Path]:
    """The logs of a folder, oldest first: the whole one of a patrol, else what there is of it."""
    found = {path.stem: path for path in (folder / LOGS_DIR).glob(f"*{PART}")}
    found |= {path.stem: path for path in (folder / LOGS_DIR).glob(f"*{WHOLE}")}
    return sorted(found.values(), key=lambda path: (path.stat().st_mtime_ns, path.name))


def close_left(folder: Path) -> int:
    """End the logs that a kill left in a folder whose patrols are not run again; gives how many there were.

    One without a look goes: a box that is switched on and off would gather them for ever.

    Raises:
        InputError: the folder cannot be written.
        TransientError: the disk is full or fails.
    """
    left = list((folder / LOGS_DIR).glob(f"*{PART}"))
    for part in left:
        try:
            if part.stat().st_size:
                part.rename(part.with_suffix(WHOLE))
            else:
                part.unlink()
        except OSError as error:
            raise explain(error, part, 0) from error
    if left:
        fsync_dir(folder / LOGS_DIR)
    return len(left)


def lines(path: Path) -> Iterator[str]:
    """The whole lines of a log, without their ends; a line that a power cut damaged is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.endswith("}\n") and _is_json(line):
                yield line[:-1]


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def drop_old(folder: Path, max_bytes: int = LOGS_MAX_BYTES) -> None:
    """Drop the oldest logs of a folder beyond a size; the newest stays, however large."""
    kept = 0
    for age, path in enumerate(reversed(logs(folder))):
        kept += path.stat().st_size
        if age and kept > max_bytes:
            path.unlink()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
