"""Puts the service together: `create_app` is the only place where all parts meet."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI

from server.api import problems
from server.api.routes import router as api_router
from server.db.engine import open_sqlite
from server.db.migrate import upgrade
from server.ingest.uploads import UploadStore
from server.security.guard import require_guards
from server.services import Services
from server.settings import Settings
from server.storage import EvidenceStore, make_folder


def open_services(settings: Settings) -> Services:
    """Opens the data folder, brings its database to the newest schema and clears what a kill left behind."""
    make_folder(settings.data)
    database = open_sqlite(settings.database_path)
    upgrade(database)
    evidence = EvidenceStore(settings.data / "evidence")
    uploads = UploadStore(
        settings.data / "uploads", database, evidence, limits=settings.limits, life=settings.upload_life
    )
    uploads.expire(datetime.now(UTC))
    uploads.sweep()
    return Services(settings, database, evidence, uploads)


def create_app(services: Services) -> FastAPI:
    """The ASGI app over opened services.

    Raises:
        RuntimeError: a route names no guard.
    """
    app = FastAPI(title="Kerbwatch 街序", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    problems.install(app)
    app.include_router(api_router)
    require_guards(app.routes)
    return app
