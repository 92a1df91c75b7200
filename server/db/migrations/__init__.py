"""Alembic migrations; `server.db.migrate.upgrade` brings a database to the newest one."""
