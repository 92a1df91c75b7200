"""The engine: the only place that knows which database it is.

On SQLite every transaction that is committed is on the disk (WAL, ``synchronous=FULL``), and writers come one after
the other (``BEGIN IMMEDIATE``), so a write transaction sees everything decided before it. On another database the
same is asked for by isolation level SERIALIZABLE.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from server.errors import SettingsError

_WRITES = "kerbwatch_writes"


class Database:
    """Sessions to read and to write. Thread-safe; every session belongs to one thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(**({_WRITES: True} if sqlite else {"isolation_level": "SERIALIZABLE"}))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database; nothing is kept of what is changed in it."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """The one session that writes now: commits at the end, rolls back on any error."""
        with Session(self._writer) as session, session.begin():
            yield session

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Says in one line that a database file is of no use to a command.

    Raises:
        SettingsError: it is no database, is damaged, cannot be written, or its disk is full.
    """
    try:
        yield
    except DatabaseError as error:
        raise SettingsError(
            f"the database {path} cannot be used: {error.orig}. Mend the disk or its permissions, restore a copy, "
            "or give another --data"
        ) from error


def open_sqlite(path: Path, *, busy_timeout_s: float = 15.0) -> Database:
    """Opens (and creates) a SQLite database file.

    Args:
        busy_timeout_s: how long a writer waits for the one before it until `sqlalchemy.exc.OperationalError`
            says busy, which the service answers with 503.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_s},
        hide_parameters=True,  # an error that is logged must not carry names or token hashes
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return Database(engine)
