"""Puts the service together: `create_app` is the only place where all parts meet."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI

from server.api import openapi, problems
from server.api.routes import router as api_router
from server.db.engine import open_sqlite, usable
from server.db.migrate import upgrade
from server.errors import SettingsError
from server.fleet.packs import PackShelf
from server.ingest.uploads import UploadStore
from server.logs import LogRequests
from server.metrics import CountRequests, Metrics
from server.security.guard import require_guards
from server.security.headers import BodyLimit, SecurityHeaders
from server.security.tell_time import TellTime
from server.services import Services
from server.settings import Settings
from server.storage import EvidenceStore, make_folder
from server.web.install import install as install_pages


def open_services(settings: Settings) -> Services:
    """Opens the data folder, brings its database to the newest schema and clears what a kill left behind.

    The caller holds the folder's lock (`server.cli.lock_folder`): two services on one folder would corrupt uploads.

    Raises:
        SettingsError: the folder or the database in it cannot be used; says which file and why.
    """
    try:
        with usable(settings.database_path):
            return _open(settings)
    except OSError as error:
        raise SettingsError(f"{error.filename or settings.data} cannot be used: {error.strerror}") from error


def _open(settings: Settings) -> Services:
    make_folder(settings.data)
    # The folder may be one that everybody can enter; the journal files take over the mode.
    settings.database_path.touch(mode=0o600)
    database = open_sqlite(settings.database_path)
    upgrade(database)
    evidence = EvidenceStore(settings.data / "evidence")
    uploads = UploadStore(
        settings.data / "uploads",
        database,
        evidence,
        limits=settings.limits,
        life=settings.upload_life,
        originals_life=settings.originals_life,
    )
    uploads.expire(datetime.now(UTC))
    uploads.sweep()
    packs = PackShelf(
        settings.data / "packs", database, signers=settings.pack_signers, bytes_max=settings.limits.pack_bytes
    )
    return Services(settings, database, evidence, uploads, packs)


def create_app(services: Services) -> FastAPI:
    """The ASGI app over opened services.

    Raises:
        RuntimeError: a route names no guard.
    """
    app = FastAPI(title="Kerbwatch 街序", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.state.metrics = Metrics(services)
    problems.install(app)
    openapi.install(app)
    app.include_router(api_router)
    install_pages(app)
    require_guards(app.routes)
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimit, settings=services.settings)
    app.add_middleware(CountRequests, metrics=app.state.metrics)
    app.add_middleware(TellTime)
    app.add_middleware(SecurityHeaders, settings=services.settings)
    app.add_middleware(LogRequests)
    return app
