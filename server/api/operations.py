"""For whoever runs the service: is it well, and how is it doing."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import select

from server.api.problems import documented
from server.db.tables import Case
from server.metrics import Metrics
from server.security.guard import Anyone, AsCollector, UsesServices

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The service answers and its database can be read."""

    status: str


@router.get("/healthz", responses=documented(503))
def healthz(_guard: Anyone, services: UsesServices) -> Health:
    """Whether the service can work."""
    with services.database.read() as session:
        session.execute(select(Case.id).limit(1))  # a bare SELECT 1 would not read the file
    return Health(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Figures in the Prometheus text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **documented(403, 503),
    },
)
def metrics(_guard: AsCollector, request: Request) -> Response:
    """Figures for Prometheus: for this machine, or with the metrics token."""
    figures: Metrics = request.app.state.metrics
    return Response(figures.text(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/api/v1/openapi.json",
    response_class=JSONResponse,
    responses={200: {"description": "This description.", "content": {"application/json": {"schema": {}}}}},
)
def openapi(_guard: Anyone, request: Request) -> Response:
    """The description of this API."""
    return JSONResponse(request.app.openapi())
