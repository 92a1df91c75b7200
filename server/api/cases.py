"""Cases, for reviewers. The pages call the same functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.report import Sha256, Utc
from detector.vocabulary import Kind
from server.api.evidence import suffix
from server.api.problems import documented
from server.api.schemas import (
    ActionIn,
    CaseDetailOut,
    CaseList,
    CaseOut,
    EventOut,
    EvidenceOut,
    LabelBoxOut,
    PointOut,
    SightingOut,
)
from server.cases import download, queries, workflow
from server.cases.queries import CaseFilter
from server.db.tables import Case, CaseState, Evidence, LabelBox, Report, Sighting
from server.security.guard import AsReviewer, AsWritingReviewer, UsesServices
from server.services import Services

router = APIRouter(prefix="/api/v1/cases", tags=["cases"])

CaseId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", responses=documented(401, 422, 503))
def list_cases(
    _who: AsReviewer,
    services: UsesServices,
    state: CaseState | None = None,
    kind: Kind | None = None,
    place_known: bool | None = None,
    seen_from: Utc | None = None,
    seen_to: Utc | None = None,
    device_id: Sha256 | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CaseList:
    """Cases by falling number. Give `next_before` as `before` to get the next page."""
    wanted = CaseFilter(state, kind.value if kind else None, place_known, seen_from, seen_to, device_id)
    with services.database.read() as session:
        page = queries.list_cases(session, wanted, limit=limit, before=before)
        cases = tuple(_case(services, listed.case, listed.sightings) for listed in page.cases)
    return CaseList(total=page.total, cases=cases, next_before=page.next_before)


@router.get("/{case_id}", responses=documented(401, 404, 422, 503))
def get_case(_who: AsReviewer, services: UsesServices, case_id: CaseId) -> CaseDetailOut:
    """Everything about a case: its sightings with their evidence, its history, and what people said of its boxes."""
    with services.database.read() as session:
        return _detail(session, services, workflow.get(session, case_id))


@router.post("/{case_id}/actions", responses=documented(401, 403, 404, 409, 413, 422, 503, 507))
def act(who: AsWritingReviewer, services: UsesServices, case_id: CaseId, asked: ActionIn) -> CaseDetailOut:
    """Confirms, rejects, changes the cue, redraws a box or undoes. 409: the case changed since `version`."""
    with services.database.write() as session:
        case = workflow.act(
            session,
            case_id,
            asked.action,
            expected_version=asked.version,
            actor=workflow.reviewer_actor(who.name),
            now=datetime.now(UTC),
        )
        return _detail(session, services, case)


@router.get(
    "/{case_id}/download",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "reports/<id>.json and evidence/<sha256>.*, as `kerbwatch verify` reads them.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(401, 404, 422, 503, 507),
    },
)
def download_case(_who: AsReviewer, services: UsesServices, case_id: CaseId) -> Response:
    """The case's sealed reports and evidence in one file."""
    with services.database.read() as session:
        archive = download.zip_case(workflow.get(session, case_id), services.evidence, suffix)
    return StreamingResponse(
        download.stream(archive),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="case-{case_id}.zip"'},
    )


def _case(services: Services, case: Case, sightings: int) -> CaseOut:
    return CaseOut(
        id=case.id,
        url=f"{services.settings.base_url}/cases/{case.id}",
        state=case.state,
        kind=Kind(case.kind),
        cue=case.cue,
        probability=case.probability,
        place=_point(case),
        synthetic=case.synthetic,
        first_seen_at=case.first_seen_at,
        last_seen_at=case.last_seen_at,
        opened_at=case.opened_at,
        decided_at=case.decided_at,
        reject_family=case.reject_family,
        reject_reason=case.reject_reason,
        sightings=sightings,
        version=case.version,
    )


def _detail(session: Session, services: Services, case: Case) -> CaseDetailOut:
    labels = session.scalars(select(LabelBox).where(LabelBox.case_id == case.id).order_by(LabelBox.id))
    return CaseDetailOut(
        **dict(_case(services, case, len(case.sightings))),
        sighting_list=tuple(_sighting(services, sighting) for sighting in case.sightings),
        history=tuple(EventOut.model_validate(line) for line in case.events),
        labels=tuple(_label(label) for label in labels),
    )


def _sighting(services: Services, sighting: Sighting) -> SightingOut:
    report = sighting.report
    return SightingOut(
        report_id=report.id,
        device_id=report.device_id,
        pass_id=report.pass_id,
        track_id=report.track_id,
        outcome=report.outcome,
        probability=report.probability,
        captured_at=report.captured_at,
        place=_point(report),
        score=sighting.score,
        suggested_case_id=sighting.suggested_case_id,
        evidence=tuple(_evidence(services, item) for item in report.evidence),
    )


def _evidence(services: Services, item: Evidence) -> EvidenceOut:
    url = f"{services.settings.base_url}/api/v1/evidence/{item.sha256}"
    fields = {name: getattr(item, name) for name in EvidenceOut.model_fields if name != "url"}
    return EvidenceOut(**fields, url=url)


def _label(label: LabelBox) -> LabelBoxOut:
    return LabelBoxOut(
        report_id=label.report_id,
        sha256=label.sha256,
        box=label.box,
        cue=label.cue,
        xyxy_px=(label.left_px, label.top_px, label.right_px, label.bottom_px),
        origin=label.origin,
        verdict=label.verdict,
    )


def _point(row: Case | Report) -> PointOut | None:
    return PointOut.model_validate(row) if row.lon_deg is not None else None
