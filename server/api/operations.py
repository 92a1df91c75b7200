"""For whoever runs the service: is it well, and how is it doing."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import select

from server.api.problems import documented
from server.security.guard import Anyone, UsesServices

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The service answers and its database can be read."""

    status: str


@router.get("/healthz", responses=documented(503))
def healthz(_guard: Anyone, services: UsesServices) -> Health:
    """Whether the service can work."""
    with services.database.read() as session:
        session.execute(select(1))
    return Health(status="ok")
