"""What a running service holds, handed to every route."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from server.db.engine import Database
from server.fleet.packs import PackShelf
from server.ingest.uploads import UploadStore
from server.security.rate_limit import Allowance, RateLimit
from server.settings import Settings
from server.storage import EvidenceStore


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one service. Routes and pages call them; they know nothing of HTTP."""

    settings: Settings
    database: Database
    evidence: EvidenceStore
    uploads: UploadStore
    packs: PackShelf
    sign_in_limit: RateLimit = field(default_factory=RateLimit)
    enrol_limit: RateLimit = field(default_factory=RateLimit)
    beat_limit: RateLimit = field(default_factory=lambda: RateLimit(Allowance(30, 60.0)))


def services(request: Request) -> Services:
    """The services of the app that got this request."""
    found: Services = request.app.state.services
    return found
