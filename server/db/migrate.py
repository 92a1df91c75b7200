"""Brings a database to the newest schema, and never half-way."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from server.db.engine import Database
from server.errors import SettingsError


def upgrade(database: Database) -> None:
    """Applies every migration that is missing, in one transaction.

    Raises:
        SettingsError: the database was made by a newer version of the product.
    """
    config = Config()
    config.set_main_option("script_location", str(files("server.db").joinpath("migrations")).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    with database.write() as session:
        connection = session.connection()
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise SettingsError(
                f"the database is at schema {current!r}, which this version does not know: "
                "start the newer version that wrote it, or restore an older copy"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
