"""What every part of the outbox stands on: the folder, its database, and one statement at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.database import transaction, translated

DATABASE_FILE: Final = "outbox.db"
EVIDENCE_DIR: Final = "evidence"


class OutboxBase:
    """A held state folder and its open database; may be used from several threads."""

    def __init__(self, folder: Path, database: sqlite3.Connection) -> None:
        self._folder = folder
        self._database = database
        self._mutex = threading.RLock()

    @property
    def folder(self) -> Path:
        """The folder held; what else belongs to the device's state lies there too, under the same lock."""
        return self._folder

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / EVIDENCE_DIR / f"{name}{suffix}"

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing, durable at the end; SQLite's own errors become the product's."""
        with self._mutex, translated(self._folder / DATABASE_FILE), transaction(self._database) as database:
            yield database

    def _run(self, statement: str, *values: object) -> None:
        with self._transaction() as database:
            database.execute(statement, values)

    def _one(self, statement: str, *values: object) -> tuple | None:
        with self._mutex, translated(self._folder / DATABASE_FILE):
            return self._database.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: object) -> list[tuple]:
        with self._mutex, translated(self._folder / DATABASE_FILE):
            return self._database.execute(statement, values).fetchall()
