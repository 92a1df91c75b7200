"""The vault's index: which originals there are, until when, and who looked at them.

The wrapped key of an original lies in its row. Setting it to NULL is what makes the original unreadable for ever, so
SQLite is told to overwrite what it frees. The row itself stays, and tells later that the original was deleted when its
time was over, not lost. The access log only grows: each line holds the hash of the one before.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from detector.errors import SealError
from edge import durable
from edge.database import open_database

_VERSION: Final = 1
_GENESIS = "0" * 64
_SCHEMA = """
CREATE TABLE originals (
    report_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('frame', 'clip')),
    begins_at TEXT NOT NULL,
    header BLOB NOT NULL,
    sealed_bytes INTEGER NOT NULL CHECK (sealed_bytes > 0),
    key_id TEXT,
    wrapped BLOB,
    state TEXT NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'deleted', 'lost')),
    kept_until REAL,
    kept_because TEXT NOT NULL DEFAULT 'new' CHECK (kept_because IN ('new', 'server')),
    answered INTEGER NOT NULL DEFAULT 0 CHECK (answered IN (0, 1)),
    wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
    released_at REAL,
    ended_at REAL,
    ended_because TEXT,
    PRIMARY KEY (report_id, sha256),
    CHECK (state != 'kept' OR wrapped IS NOT NULL)
) STRICT;
CREATE INDEX originals_by_state ON originals (state, kept_until);
CREATE TABLE accesses (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    did TEXT NOT NULL,
    why TEXT NOT NULL,
    report_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER accesses_stay BEFORE DELETE ON accesses BEGIN SELECT RAISE(ABORT, 'the access log only grows'); END;
CREATE TRIGGER accesses_same BEFORE UPDATE ON accesses BEGIN SELECT RAISE(ABORT, 'the access log only grows'); END;
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the access log.

    Attributes:
        at: UTC, ISO 8601.
        who: name of the account, or of the person at the server.
        did: ``open``, ``release``, ``rotate``.
    """

    seq: int
    at: str
    who: str
    did: str
    why: str
    report_id: str
    sha256: str
    prev_hash: str

    def hash(self) -> str:
        """Hash over everything in the line, hex."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(text.encode()).hexdigest()


def log_access(
    database: sqlite3.Connection, *, at: str, who: str, did: str, why: str, report_id: str = "", sha: str = ""
) -> None:
    """Add a line to the access log, inside the caller's transaction."""
    last = database.execute("SELECT seq, hash FROM accesses ORDER BY seq DESC LIMIT 1").fetchone() or (0, _GENESIS)
    line = Access(last[0] + 1, at, who, did, why, report_id, sha, last[1])
    database.execute("INSERT INTO accesses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*asdict(line).values(), line.hash()))


def check_accesses(lines: list[tuple[Access, str]]) -> None:
    """Check the whole access log.

    Raises:
        SealError: names the first line that is missing or was changed.
    """
    previous = _GENESIS
    for expected, (line, digest) in enumerate(lines, start=1):
        if line.seq != expected:
            raise SealError(f"access log: line {expected} is missing")
        if line.prev_hash != previous or line.hash() != digest:
            raise SealError(f"access log: line {expected} was changed after it was written")
        previous = digest


def connect(path: Path) -> sqlite3.Connection:
    """Open or make the index.

    Raises:
        InputError: damaged, or written by a newer Kerbwatch.
        TransientError: the disk is full.
    """
    database = open_database(path, _SCHEMA, _VERSION)
    database.execute("PRAGMA secure_delete = ON")
    return database


def hold(path: Path) -> int:
    """Hold the vault until the descriptor is closed or this process ends.

    Raises:
        TransientError: another process holds it.
        InputError: the lock file cannot be opened.
    """
    return durable.hold(path, said="the box (process {process}): stop it first, e.g. systemctl stop kerbwatch-box")
