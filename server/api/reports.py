"""Devices sending reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from detector.evidence.seal import check_seal
from detector.report import SealedReport
from server.api.problems import describe_invalid, documented
from server.api.schemas import ReportOut
from server.errors import BadRequest, Refused, UnsupportedMedia
from server.ingest import reports
from server.ingest.reports import ReportState
from server.ingest.space import require_space
from server.security.guard import AsDevice, UsesServices
from server.services import Services

router = APIRouter(prefix="/api/v1/reports", tags=["reports"])


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia(f"send the sealed report as application/json, not {kind[:100]!r}")
    return await request.body()


@router.put(
    "/{report_id}",
    status_code=201,
    responses={
        200: {"model": ReportOut, "description": "The same body was here before; nothing was changed."},
        **documented(400, 401, 403, 409, 413, 415, 422, 503, 507),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SealedReport"}}},
        }
    },
)
def put_report(
    device: AsDevice,
    services: UsesServices,
    response: Response,
    report_id: UUID,
    body: Annotated[bytes, Depends(_body)],
) -> ReportOut:
    """Takes a sealed report, once. It is on the disk for good, with its case, before this answers.

    409 with problem ``report-conflict``: the id is here with another body. 409 with ``hit-already-reported``: the same
    hit came under the id in ``report_id``. Neither is mended by sending again.
    """
    require_space(services)
    sealed = _read(body)
    if sealed.body.report_id != report_id:
        raise Refused(f"the body is of report {sealed.body.report_id}, the address of {report_id}", slug="wrong-id")
    check_seal(sealed)
    with services.database.write() as session:
        state, created = reports.accept(session, sealed, device, limits=services.settings.limits, now=datetime.now(UTC))
    response.status_code = 201 if created else 200
    return _out(services, state)


@router.get("/{report_id}", responses=documented(401, 404, 422, 503))
def get_report(device: AsDevice, services: UsesServices, report_id: UUID) -> ReportOut:
    """What the service has of one of the device's reports."""
    with services.database.read() as session:
        return _out(services, reports.find(session, str(report_id), device))


def _read(body: bytes) -> SealedReport:
    try:
        return SealedReport.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        if problems[0]["type"] == "json_invalid":
            raise BadRequest(f"the body is no JSON: {problems[0]['msg']}") from None
        raise Refused(describe_invalid(problems)) from None


def _out(services: Services, state: ReportState) -> ReportOut:
    return ReportOut(
        report_id=state.report_id,
        body_sha256=state.body_sha256,
        missing_evidence=state.missing_evidence,
        complete=state.complete,
        case_id=state.case_id,
        case_url=f"{services.settings.base_url}/cases/{state.case_id}",
    )
