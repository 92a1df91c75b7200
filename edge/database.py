"""SQLite files of the box: durable when a statement returns, and their failures told in the product's own errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detector.errors import InputError, TransientError
from edge.durable import NotWritable, disk_full, fsync_dir

BUSY_WAIT_S: Final = 10.0
"""How long a statement waits for another process that writes."""


class UnsureWrite(TransientError):
    """The disk failed while a transaction was made durable: it may be there after the next start, or not.

    So nothing may be taken back that it would rest on. (SQLite has written the frames of its log by then; whoever opens
    the file next takes them for good when they are whole.)
    """


def open_database(
    path: Path, schema: str, version: int, upgrades: Mapping[int, str] | None = None, *, mode: int | None = None
) -> sqlite3.Connection:
    """Open the file, or make it, prepared (`prepare`), for threads that take turns.

    Args:
        mode: the permissions of a file that is not for everybody's eyes.

    Raises:
        InputError: damaged, written by a newer Kerbwatch, or not to be written.
        TransientError: the disk is full or fails.
    """
    with translated(path):
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_WAIT_S)
        try:
            if mode is not None:
                path.chmod(mode)
            prepare(database, path, schema, version, upgrades)
        except BaseException:  # also Ctrl-C: no connection is left open
            database.close()
            raise
    fsync_dir(path.parent)
    return database


def prepare(
    database: sqlite3.Connection, path: Path, schema: str, version: int, upgrades: Mapping[int, str] | None = None
) -> None:
    """Make writes durable; make the tables when the file is new, and bring older ones to this version.

    Args:
        upgrades: what brings the version before to this one, by version.

    Raises:
        InputError: a newer Kerbwatch wrote the file.
    """
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    ((found,),) = database.execute("PRAGMA user_version")
    if found > version:
        raise InputError(f"{path} was written by a newer Kerbwatch (format {found}): update this one")
    if found == 0:
        database.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {version}; COMMIT;")
        return
    for step in range(found + 1, version + 1):
        text = (upgrades or {}).get(step, "")
        database.executescript(f"BEGIN IMMEDIATE; {text} PRAGMA user_version = {step}; COMMIT;")


@contextmanager
def transaction(database: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    """All or nothing, durable at the end."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:  # also Ctrl-C: nothing half done stays
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Generator[None]:
    """SQLite's errors as the product's: a full disk passes, a damaged file does not."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            raise disk_full(path, 0, why=f"the database could not be written ({error})") from error
        if name.startswith("SQLITE_IOERR"):
            raise UnsureWrite(f"cannot write {path}: the disk fails ({error}); check it, nothing is lost") from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise InputError(f"{path} is damaged ({error}): keep a copy, then move it away to start anew") from error
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise NotWritable(f"cannot write {path} ({error}): name a folder this user may write") from error
        raise
