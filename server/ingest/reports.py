"""Takes a sealed report in: once, whole, and only from the device that sealed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.evidence.seal import sealed_bytes
from detector.report import Covariance, EvidenceItem, ReportBody, ReportPlace, SealedReport
from detector.vocabulary import Text
from server.cases.associate import associate, cell_of
from server.db.tables import Device, Evidence, EvidenceState, Report
from server.errors import Conflict, Forbidden, NotFound, Refused
from server.originals import asking as originals
from server.security.devices import KnownDevice
from server.settings import Limits


@dataclass(frozen=True, slots=True)
class ReportState:
    """What the service has of a report: `complete` once every evidence file is stored."""

    report_id: str
    body_sha256: str
    missing_evidence: tuple[str, ...]
    case_id: int

    @property
    def complete(self) -> bool:
        """Nothing is left to send."""
        return not self.missing_evidence


def accept(
    session: Session, sealed: SealedReport, device: KnownDevice, *, limits: Limits, now: datetime
) -> tuple[ReportState, bool]:
    """Stores a report whose seal has been checked, inside the caller's write transaction.

    Returns:
        The state, and whether the report is new. The same body again changes nothing.

    Raises:
        Forbidden: sealed by another device than the one that sends it.
        Conflict: the id has another body, or the hit was reported under another id.
        Refused: an evidence file is larger than the service takes.
    """
    body = sealed.body
    if body.device_id != device.id:
        raise Forbidden(
            f"the report is sealed by device {body.device_id[:12]}, the token is of device {device.id[:12]}",
            slug="wrong-device",
        )
    known = session.get(Report, str(body.report_id))
    if known is not None:
        if known.device_id != device.id or known.body_sha256 != sealed.seal.body_sha256:
            raise Conflict(
                f"report {body.report_id} is here with another body: a report never changes",
                slug="report-conflict",
                title=Text("同一报告编号内容不同", "The report id has another body"),
            )
        return _state(known), False
    twin = session.scalar(select(Report.id).where(Report.device_id == device.id, Report.hit_key == body.hit_key))
    if twin is not None:
        raise Conflict(
            f"this hit was reported as {twin}",
            slug="hit-already-reported",
            title=Text("该事件已上报", "The hit was reported before"),
            extra={"report_id": twin},
        )
    for item in body.evidence:
        if item.size_bytes > limits.evidence_bytes:
            raise Refused(
                f"evidence {item.sha256[:12]} has {item.size_bytes} bytes, at most {limits.evidence_bytes} are taken",
                slug="evidence-too-large",
            )
        if item.width_px * item.height_px > limits.picture_px:
            raise Refused(
                f"evidence {item.sha256[:12]} has {item.width_px} x {item.height_px} px, "
                f"at most {limits.picture_px} px are taken",
                slug="evidence-too-large",
            )
    report = _row(sealed, now)
    report.evidence = _evidence(session, body)
    report.originals = originals.named(body)
    session.add(report)
    sender = session.get(Device, device.id)
    if sender is not None:
        sender.last_seen_at = now
    session.flush()
    associate(session, report, now=now)
    return _state(report), True


def find(session: Session, report_id: str, device: KnownDevice) -> ReportState:
    """What the service has of one of the device's reports.

    Raises:
        NotFound: no such report of this device.
    """
    report = session.get(Report, report_id)
    if report is None or report.device_id != device.id:
        raise NotFound(f"there is no report {report_id} of this device")
    return _state(report)


def _state(report: Report) -> ReportState:
    return ReportState(
        report.id,
        report.body_sha256,
        tuple(item.sha256 for item in report.evidence if item.state is EvidenceState.MISSING),
        report.sighting.case_id,
    )


def _row(sealed: SealedReport, now: datetime) -> Report:
    body = sealed.body
    report = Report(
        id=str(body.report_id),
        device_id=body.device_id,
        hit_key=body.hit_key,
        body_sha256=sealed.seal.body_sha256,
        sealed_json=sealed_bytes(sealed),
        kind=body.kind.value,
        cue=body.cue,
        outcome=body.outcome.value,
        probability=body.probability,
        count=body.count,
        source_id=body.source_id,
        pass_id=body.pass_id,
        track_id=body.track_id,
        not_same_as=list(body.not_same_as),
        first_seen_at=body.first_seen_at,
        last_seen_at=body.last_seen_at,
        captured_at=body.captured_at,
        synthetic=bool((body.place and body.place.synthetic) or (body.fix and body.fix.synthetic)),
        received_at=now,
    )
    if body.place is not None:
        whole = _whole_error(body.place)
        report.lon_deg, report.lat_deg = body.place.lon_deg, body.place.lat_deg
        report.cov_ee_m2, report.cov_en_m2, report.cov_nn_m2 = whole.ee_m2, whole.en_m2, whole.nn_m2
        report.h3_cell = cell_of(body.place.lon_deg, body.place.lat_deg)
    return report


def _whole_error(place: ReportPlace) -> Covariance:
    own, shared = place.cov_own, place.cov_pass
    # The sum of two covariances is one, though it may lie beyond what a report may give.
    return Covariance.model_construct(
        ee_m2=own.ee_m2 + shared.ee_m2, en_m2=own.en_m2 + shared.en_m2, nn_m2=own.nn_m2 + shared.nn_m2
    )


def _evidence(session: Session, body: ReportBody) -> list[Evidence]:
    """The declared files; one that the same device has sent for another report is not asked for again."""
    hashes = [item.sha256 for item in body.evidence]
    stored = {
        _nature(row): row.stored_at
        for row in session.scalars(
            select(Evidence)
            .join(Report)
            .where(
                Report.device_id == body.device_id,
                Evidence.sha256.in_(hashes),
                Evidence.state == EvidenceState.STORED,
            )
        )
    }
    return [
        Evidence(
            sha256=item.sha256,
            position=position,
            role=item.role,
            media_type=item.media_type,
            size_bytes=item.size_bytes,
            frame_id=item.frame_id,
            captured_at=item.captured_at,
            width_px=item.width_px,
            height_px=item.height_px,
            boxes=[box.model_dump(mode="json") for box in item.boxes],
            blurred=item.blurred,
            blur_method=item.blur_method,
            state=EvidenceState.STORED if _nature(item) in stored else EvidenceState.MISSING,
            stored_at=stored.get(_nature(item)),
        )
        for position, item in enumerate(body.evidence)
    ]


def _nature(item: Evidence | EvidenceItem) -> tuple[str, int, str, int, int]:
    """What makes two declarations one and the same file."""
    return item.sha256, item.size_bytes, item.media_type, item.width_px, item.height_px
