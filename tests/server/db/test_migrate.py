"""The migrations make exactly the tables of the code, and refuse a database from the future."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from server.db import migrate
from server.db.engine import Database, open_sqlite
from server.db.migrate import upgrade
from server.db.tables import Base, Reviewer, UtcDateTime
from server.errors import SettingsError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_sqlite(tmp_path / "x.sqlite", busy_timeout_s=0.1)
    yield opened
    opened.close()


def test_migrations_and_tables_agree(database: Database) -> None:
    upgrade(database)
    upgrade(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_of_the_first_release_keeps_its_rows_up_and_down_again(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))

    def go(move: Callable[[Config, str], None], revision: str) -> None:
        with database.write() as session:
            config.attributes["connection"] = session.connection()
            move(config, revision)

    def tables() -> list[str]:
        with database.engine.connect() as connection:
            return sorted(connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql NOT NULL").scalars())

    assert len(ScriptDirectory.from_config(config).get_heads()) == 1
    go(command.upgrade, "0001")
    first = tables()
    with database.write() as session:
        session.add(Reviewer(name="审核员", password_hash="x", created_at=datetime(2026, 5, 17, tzinfo=UTC)))
    upgrade(database)
    newest = tables()
    go(command.downgrade, "0001")
    assert tables() == first
    upgrade(database)
    assert tables() == newest
    with database.read() as session:
        assert session.query(Reviewer).one().name == "审核员"


def test_database_of_a_newer_version_is_refused(database: Database) -> None:
    upgrade(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="schema '9999', which this version does not know"):
        upgrade(database)


def test_tables_are_valid_for_postgresql() -> None:
    for table in Base.metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_commits_are_durable_by_setting(database: Database) -> None:
    with database.engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_times_come_back_as_utc(database: Database) -> None:
    upgrade(database)
    beijing = datetime(2026, 5, 17, 17, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    with database.write() as session:
        session.add(Reviewer(name="a", password_hash="x", created_at=beijing))
    with database.read() as session:
        assert session.query(Reviewer).one().created_at == datetime(2026, 5, 17, 9, 30, 0, 123456, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), postgresql.dialect())  # noqa: DTZ001


def test_failed_write_leaves_nothing(database: Database) -> None:
    upgrade(database)

    def break_half_way() -> None:
        with database.write() as session:
            session.add(Reviewer(name="a", password_hash="x", created_at=datetime.now(UTC)))
            session.flush()
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        break_half_way()
    with database.read() as session:
        assert session.query(Reviewer).count() == 0
