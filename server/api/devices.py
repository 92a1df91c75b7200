"""Letting devices in."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from server.api.problems import documented
from server.api.schemas import CodeOut, Enrol, EnrolledOut
from server.errors import Forbidden
from server.security import devices
from server.security.guard import Anyone, AsWritingReviewer, UsesServices

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])


@router.post("/codes", status_code=201, responses=documented(401, 403, 503, 507))
def mint_code(who: AsWritingReviewer, services: UsesServices) -> CodeOut:
    """Makes a one-time enrolment code."""
    with services.database.write() as session:
        code = devices.mint_code(
            session,
            now=datetime.now(UTC),
            life=services.settings.enrolment_code_life,
            created_by=who.reviewer_id,
        )
    return CodeOut.model_validate(code)


@router.post("/enrol", status_code=201, responses=documented(403, 413, 422, 429, 503, 507))
def enrol(_guard: Anyone, request: Request, services: UsesServices, asked: Enrol) -> EnrolledOut:
    """Lets a device in with a one-time code. The same key with a new code gets a new token; the old one ends."""
    key = request.client.host if request.client else ""
    services.enrol_limit.check(key)
    try:
        with services.database.write() as session:
            enrolled = devices.enrol(
                session,
                code=asked.code,
                public_key=asked.public_key,
                name=asked.name,
                signature=asked.signature,
                now=datetime.now(UTC),
            )
    except Forbidden:
        services.enrol_limit.failed(key)
        raise
    return EnrolledOut.model_validate(enrolled, from_attributes=True)
