"""The site memory: what this box saw where and when, so that a second pass can confirm the first.

SQLite (WAL, `synchronous=FULL`) beside the outbox, under the outbox's lock. It holds the kind and cue of a thing, its
place with the error, and times: no picture, no person, nothing that was permitted.

A patrol is no evidence for itself. What counts are stretches that ended before this one began, by the time of
capture: those of other patrols that were in the memory when this patrol was first begun, and this patrol's own that
come before in its order. So a patrol that is killed and run again, or run twice, is told the same each time.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from detector.errors import InputError, TransientError
from detector.geo.plane import metres_per_degree
from detector.hit import SeenBefore
from edge.again import LONGEST_WINDOW, SIGMA_MAX_M, Sighting, seen_before
from edge.database import prepare, transaction, translated
from edge.durable import explain, fsync_dir, make_dir

MEMORY_FILE: Final = "memory.db"
ROWS_MAX: Final = 200_000
"""About 50 MB. Beyond, the oldest written are forgotten: their things count as seen for the first time again."""
BUSY_WAIT_S: Final = 10.0
"""A backup that reads the file is waited for so long."""
_VERSION = 1
_US = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REACH_M = 30.0
"""No pair lies further apart: the gate at two such errors, each wholly along one axis."""

_SCHEMA = """
CREATE TABLE patrols (
    patrol_id TEXT PRIMARY KEY,
    horizon INTEGER NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;
CREATE TABLE sightings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    patrol_id TEXT NOT NULL,
    source INTEGER NOT NULL,
    stretch INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    stretch_ends_at INTEGER NOT NULL,
    family TEXT NOT NULL,
    cue TEXT NOT NULL CHECK (cue != 'person'),
    lon_deg REAL NOT NULL,
    lat_deg REAL NOT NULL,
    own_ee REAL NOT NULL, own_en REAL NOT NULL, own_nn REAL NOT NULL,
    pass_ee REAL NOT NULL, pass_en REAL NOT NULL, pass_nn REAL NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    standing_camera TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    UNIQUE (patrol_id, source, stretch, ordinal)
) STRICT;
CREATE INDEX sightings_by_place ON sightings (lat_deg);
"""
_COLUMNS = (
    "family, cue, lon_deg, lat_deg, own_ee, own_en, own_nn, pass_ee, pass_en, pass_nn, first_seen_at, last_seen_at,"
    " standing_camera"
)


@dataclass(frozen=True, slots=True, order=True)
class StretchId:
    """Which part of a patrol: in the order in which it is judged.

    Attributes:
        source: index of the source.
        number: counts what was judged together, from 0.
    """

    source: int
    number: int


class SiteMemory:
    """One patrol's view of the memory of its folder."""

    def __init__(self, path: Path, database: sqlite3.Connection, patrol_id: str, warnings: tuple[str, ...]) -> None:
        """Use `SiteMemory.open`."""
        self._path = path
        self._database = database
        self._patrol_id = patrol_id
        self._horizon = 0
        self.warnings = warnings
        """What the user should know: a damaged memory was begun anew."""

    @staticmethod
    def open(folder: Path, patrol_id: str) -> SiteMemory:
        """Open or make the memory of a folder, which the caller holds (see `Outbox`).

        A damaged file is moved aside and the memory begun anew: what was seen before then counts as never seen, which
        delays a verdict by one pass and accuses nobody.

        Raises:
            TransientError: another program holds the file, or the disk is full.
            InputError: the folder cannot be written, or a newer Kerbwatch wrote the file.
        """
        make_dir(folder, mode=0o700)
        path = folder / MEMORY_FILE
        database = _connect(path)
        warnings: tuple[str, ...] = ()
        if database is None:
            _move_aside(path)
            database = _connect(path)
            if database is None:
                raise InputError(f"{path} is damaged again just after it was made: check the disk")
            warnings = (
                f"{path.name} was damaged; it was moved to {path.name}.damaged and the memory begins anew: things that "
                "must be seen twice are counted from now (现场记忆已重建，须两次确认的问题从现在起重新计次)",
            )
        memory = SiteMemory(path, database, patrol_id, warnings)
        try:
            memory._begin()
        except BaseException:
            memory.close()
            raise
        return memory

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        self._database.close()

    def __enter__(self) -> SiteMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def recall(self, stretch: StretchId, things: Sequence[Sighting]) -> dict[str, SeenBefore]:
        """What is remembered of the things of one stretch, by their names; new things are not in it.

        Raises:
            TransientError: another program holds the file.
            InputError: the file was damaged meanwhile.
        """
        things = [thing for thing in things if thing.sigma_m <= SIGMA_MAX_M]
        if not things:
            return {}
        begins_at = min(thing.first_seen_at for thing in things)
        lon_deg = [thing.lon_deg for thing in things]
        lat_deg = [thing.lat_deg for thing in things]
        per_lon, per_lat = (float(scale) for scale in metres_per_degree(max(lat_deg, key=abs)))
        rows = self._all(
            f"SELECT patrol_id, source, stretch, {_COLUMNS} FROM sightings"  # noqa: S608 (our text)
            " WHERE lat_deg BETWEEN ? AND ? AND lon_deg BETWEEN ? AND ?"
            " AND stretch_ends_at < ? AND last_seen_at >= ?"
            " AND ((patrol_id != ? AND id <= ?) OR (patrol_id = ? AND (source, stretch) < (?, ?)))"
            " ORDER BY patrol_id, source, stretch, ordinal",
            min(lat_deg) - _REACH_M / per_lat,
            max(lat_deg) + _REACH_M / per_lat,
            min(lon_deg) - _REACH_M / per_lon,
            max(lon_deg) + _REACH_M / per_lon,
            _us(begins_at),
            _us(begins_at - LONGEST_WINDOW),
            self._patrol_id,
            self._horizon,
            self._patrol_id,
            stretch.source,
            stretch.number,
        )
        stretches = itertools.groupby(rows, key=lambda row: row[:3])
        return seen_before(things, ([_sighting(row[3:]) for row in group] for _, group in stretches))

    def remember(self, stretch: StretchId, things: Iterable[Sighting]) -> None:
        """Keep what was seen; when this returns, it survives a power cut. A stretch known already stays as it is.

        Raises:
            TransientError: the disk is full, or another program holds the file.
        """
        kept = [thing for thing in things if thing.sigma_m <= SIGMA_MAX_M]
        if not kept:
            return
        ends_at, now = _us(max(thing.last_seen_at for thing in kept)), int(time.time() * 1e6)
        where = (self._patrol_id, stretch.source, stretch.number)
        with self._transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO sightings (patrol_id, source, stretch, ordinal, stretch_ends_at, written_at,"  # noqa: S608 (our text)
                f" {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, {', '.join('?' * 13)})",
                [(*where, ordinal, ends_at, now, *_values(thing)) for ordinal, thing in enumerate(kept)],
            )

    def forget(self, patrol_began_at: datetime) -> None:
        """Drop what is older than the longest window, and what is too much.

        Old by the time of capture and by the clock on the wall: a clock that jumps once loses nothing.
        """
        window_us = LONGEST_WINDOW // _US
        with self._transaction() as database:
            database.execute(
                "DELETE FROM sightings WHERE last_seen_at < ? AND written_at < ? AND patrol_id != ?",
                (_us(patrol_began_at) - window_us, int(time.time() * 1e6) - window_us, self._patrol_id),
            )
            database.execute(
                "DELETE FROM sightings WHERE id <= (SELECT id FROM sightings ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (ROWS_MAX,),
            )
            database.execute(
                "DELETE FROM patrols WHERE written_at < ? AND patrol_id NOT IN (SELECT patrol_id FROM sightings)",
                (int(time.time() * 1e6) - window_us,),
            )

    # -- inside --------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Fix once and for all what this patrol may know of others."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO patrols SELECT ?, coalesce(max(id), 0), ? FROM sightings",
                (self._patrol_id, int(time.time() * 1e6)),
            )
            ((self._horizon,),) = database.execute(
                "SELECT horizon FROM patrols WHERE patrol_id = ?", (self._patrol_id,)
            )

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with _told(self._path):
            return self._database.execute(statement, values).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with _told(self._path), transaction(self._database) as database:
            yield database


@contextmanager
def _told(path: Path) -> Generator[None]:
    try:
        with translated(path):
            yield
    except sqlite3.OperationalError as error:
        if not getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise
        raise TransientError(f"{path} is held by another program: close it and run again, nothing is lost") from error


def _connect(path: Path) -> sqlite3.Connection | None:
    """The open database, or `None` when the file is damaged."""
    with _told(path):
        database = sqlite3.connect(path, isolation_level=None, timeout=BUSY_WAIT_S)
        try:
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                database.close()
                return None
            prepare(database, path, _SCHEMA, _VERSION)
            database.execute(f"SELECT patrol_id, source, stretch, ordinal, {_COLUMNS} FROM sightings LIMIT 0")  # noqa: S608 (our text)
            database.execute("SELECT patrol_id, horizon FROM patrols LIMIT 0")
        except sqlite3.DatabaseError as error:
            database.close()
            # SQLITE_ERROR: its tables are not those of its version.
            name = getattr(error, "sqlite_errorname", "")
            if name == "SQLITE_ERROR" or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                return None
            raise
        except BaseException:
            database.close()
            raise
    fsync_dir(path.parent)
    return database


def _move_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError as error:
        raise explain(error, aside, 0) from error
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
    fsync_dir(path.parent)


def _us(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _US


def _values(thing: Sighting) -> tuple[object, ...]:
    (own_ee, own_en), (_, own_nn) = thing.cov_own_m2
    (pass_ee, pass_en), (_, pass_nn) = thing.cov_pass_m2
    errors = (own_ee, own_en, own_nn, pass_ee, pass_en, pass_nn)
    times = (_us(thing.first_seen_at), _us(thing.last_seen_at))
    return (thing.family, thing.cue, thing.lon_deg, thing.lat_deg, *errors, *times, thing.standing_camera)


def _sighting(row: tuple[Any, ...]) -> Sighting:
    family, cue, lon_deg, lat_deg, own_ee, own_en, own_nn, pass_ee, pass_en, pass_nn, first, last, camera = row
    return Sighting(
        name="",
        family=family,
        cue=cue,
        lon_deg=lon_deg,
        lat_deg=lat_deg,
        cov_own_m2=((own_ee, own_en), (own_en, own_nn)),
        cov_pass_m2=((pass_ee, pass_en), (pass_en, pass_nn)),
        first_seen_at=_EPOCH + first * _US,
        last_seen_at=_EPOCH + last * _US,
        standing_camera=camera,
    )
