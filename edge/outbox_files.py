"""The outbox's database and its lock: opened safely, and their failures told in the product's own errors."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from edge import durable
from edge.database import open_database

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
    said = "another patrol (process {process}): wait until it ends, or name another folder"
    return durable.hold(folder / LOCK_FILE, said=said)


def connect(path: Path) -> sqlite3.Connection:
    """Open or make the index of the outbox."""
    database = open_database(path, _SCHEMA, _VERSION, _UPGRADES)
    database.execute("PRAGMA foreign_keys = ON")
    return database
