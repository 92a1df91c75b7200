"""The outbox's database and its lock: opened safely, and their failures told in the product's own errors."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from detector.errors import InputError, TransientError
from edge.database import prepare, translated
from edge.durable import fsync_dir, sign_lock

LOCK_FILE: Final = "outbox.lock"
_VERSION = 2

_SCHEMA = """
CREATE TABLE hits (
    hit_key TEXT PRIMARY KEY,
    report_id TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE reports (
    report_id TEXT PRIMARY KEY REFERENCES hits (report_id),
    sealed BLOB NOT NULL,
    body_sha256 TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'stored', 'conflict', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    last_error TEXT,
    case_url TEXT
) STRICT;
CREATE INDEX reports_by_state ON reports (state);
CREATE TABLE files (
    sha256 TEXT PRIMARY KEY,
    suffix TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'held')),
    dropped INTEGER NOT NULL DEFAULT 0 CHECK (dropped IN (0, 1)),
    upload_url TEXT,
    offset_hint_bytes INTEGER NOT NULL DEFAULT 0,
    mismatches INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    last_error TEXT,
    role TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE report_files (
    report_id TEXT NOT NULL REFERENCES reports (report_id),
    sha256 TEXT NOT NULL REFERENCES files (sha256),
    PRIMARY KEY (report_id, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_files_by_file ON report_files (sha256);
CREATE TABLE sent_bytes (
    day TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT;
"""
_UPGRADES = {
    2: """
ALTER TABLE files ADD COLUMN role TEXT NOT NULL DEFAULT '';
UPDATE files SET role = coalesce((
    SELECT max(item.value ->> '$.role')
    FROM report_files JOIN reports USING (report_id),
        json_each(CAST(reports.sealed AS TEXT), '$.body.evidence') AS item
    WHERE report_files.sha256 = files.sha256 AND item.value ->> '$.sha256' = files.sha256
), '');
CREATE TABLE sent_bytes (
    day TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT;
"""
}


def hold(folder: Path) -> int:
    """Hold the folder until this process ends, however it ends."""
    path = folder / LOCK_FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise TransientError(
            f"{folder} is in use by another patrol (process {holder}): wait until it ends, or name another folder"
        ) from None
    sign_lock(fd)
    return fd


def connect(path: Path) -> sqlite3.Connection:
    with translated(path):
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            prepare(database, path, _SCHEMA, _VERSION, _UPGRADES)
            database.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            database.close()
            raise
    fsync_dir(path.parent)
    return database
