"""Everything the case page shows, read once and handed to the template."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from detector.errors import SealError
from detector.evidence.seal import read_sealed
from detector.report import ReportPlace, ReportReason, SealedReport
from detector.vocabulary import Text, vocabulary
from server.cases import history, workflow
from server.cases.actions import (
    Attached,
    ChangeCue,
    Confirm,
    Decided,
    Detached,
    Event,
    Opened,
    OriginalAnswered,
    OriginalAsked,
    OriginalSeen,
    RedrawBox,
    Reject,
    Undone,
    Warned,
)
from server.cases.workflow import Standing
from server.db.tables import Case, CaseState, Device, EvidenceState, Original, Sighting
from server.web import case_list, reasons
from server.web.pictures import Picture, cue_text, picture
from server.web.position_error import PositionError, error_from, error_of
from server.web.reasons import ReasonChoice

_ANSWER_WORDS = {
    "refused": Text("终端策略不允许原件离开终端", "the box's policy lets no original leave"),
    "gone": Text("终端已无该原件", "the box no longer has the original"),
    "stored": Text("原件已到达，与封印报告一致", "the original arrived, as the sealed report names it"),
    "deleted": Text("原件到期，已从服务器删除", "the original's time was over: deleted here"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A sighting's point with both parts of its error."""

    lon_deg: float
    lat_deg: float
    own: PositionError
    shared: PositionError
    range_m: float
    method: str
    synthetic: bool
    moved_m: float | None
    """How far registration moved it onto the map; `None`: as the fix gave it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One sighting of the case."""

    report_id: str
    captured_at: datetime
    observed_by: str
    camera_id: str
    device_id: str
    device_name: str
    pass_id: str
    probability: float
    count: int
    score: float | None
    place: Place | None
    reasons: tuple[ReportReason, ...]
    zone_ids: tuple[str, ...]
    rule_id: str
    software: str
    model_name: str
    model_sha256: str
    site_sha256: str
    fix_quality: str | None
    seal: str | None
    """What is wrong with the seal; `None` when it holds."""
    evidence_missing: int
    pictures: tuple[Picture, ...]
    originals: tuple[Original, ...]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the history, in words."""

    seq: int
    at: datetime
    actor: str
    what: Text
    hash: str
    undone: bool


@dataclass(frozen=True, slots=True)
class CasePage:
    """The case page."""

    id: int
    version: int
    state: CaseState
    kind: str
    kind_text: Text
    national_code: str | None
    cue: str
    cue_text: Text
    reason: Text | None
    probability: float
    place: tuple[float, float] | None
    error: PositionError | None
    synthetic: bool
    first_seen_at: datetime
    last_seen_at: datetime
    seen: tuple[Seen, ...]
    shown: Seen
    picture: Picture | None
    standing: Standing
    warned_at: datetime | None
    """When a rider first told the people there."""
    history: tuple[HistoryLine, ...]
    chain: str | None
    """What is wrong with the history's hash chain; `None` when it holds."""
    next_id: int | None
    not_the_object: tuple[ReasonChoice, ...]
    object_but_allowed: tuple[ReasonChoice, ...]
    cues: dict[str, Text]


def load(session: Session, case: Case, shown_key: str | None = None) -> CasePage:
    """The page of a case, showing the picture asked for, else the newest sighting's first full still."""
    stands = workflow.standing(case)
    seen = tuple(_seen(session, sighting, stands) for sighting in case.sightings)
    shown, shown_picture = _shown(seen, shown_key)
    vocab = vocabulary()
    wrong, allowed = reasons.menu(case.kind)
    known = case.lon_deg is not None and case.lat_deg is not None
    return CasePage(
        id=case.id,
        version=case.version,
        state=case.state,
        kind=case.kind,
        kind_text=vocab.kinds.get(case.kind, Text(case.kind, case.kind)),
        national_code=vocab.national_codes.get(case.kind),
        cue=case.cue,
        cue_text=cue_text(case.cue),
        reason=reasons.reason_text(case.reject_reason),
        probability=case.probability,
        place=(case.lon_deg or 0.0, case.lat_deg or 0.0) if known else None,
        error=error_of(case.cov_ee_m2, case.cov_en_m2, case.cov_nn_m2),
        synthetic=case.synthetic,
        first_seen_at=case.first_seen_at,
        last_seen_at=case.last_seen_at,
        seen=seen,
        shown=shown,
        picture=shown_picture,
        standing=stands,
        warned_at=min(
            (event.warned_at for _, event in history.events(case) if isinstance(event, Warned)), default=None
        ),
        history=_history(case),
        chain=_chain(case),
        next_id=case_list.next_pending(session, case),
        not_the_object=tuple(wrong),
        object_but_allowed=tuple(allowed),
        cues=vocab.cues,
    )


def _shown(seen: tuple[Seen, ...], key: str | None) -> tuple[Seen, Picture | None]:
    for sighting in seen:
        for item in sighting.pictures:
            if item.key == key:
                return sighting, item
    newest = max(seen, key=lambda s: s.captured_at)
    full = next((p for p in newest.pictures if p.role == "still_full"), None)
    return newest, full or next(iter(newest.pictures), None)


def _seen(session: Session, sighting: Sighting, stands: Standing) -> Seen:
    report = sighting.report
    sealed = SealedReport.model_validate_json(report.sealed_json)
    body = sealed.body
    device = session.get(Device, report.device_id)
    return Seen(
        report_id=report.id,
        captured_at=report.captured_at,
        observed_by=body.observed_by,
        camera_id=body.camera_id,
        device_id=report.device_id,
        device_name=device.name if device else report.device_id[:12],
        pass_id=report.pass_id,
        probability=report.probability,
        count=report.count,
        score=sighting.score,
        place=_place(body.place) if body.place else None,
        reasons=body.reasons,
        zone_ids=body.zone_ids,
        rule_id=body.rule_id,
        software=body.versions.software,
        model_name=body.versions.model_name,
        model_sha256=body.versions.model_sha256,
        site_sha256=body.versions.site_sha256,
        fix_quality=body.fix.quality if body.fix else None,
        seal=_seal(report.sealed_json),
        evidence_missing=sum(item.state is not EvidenceState.STORED for item in report.evidence),
        pictures=tuple(
            picture(item, redrawn=stands.boxes, cue=stands.cue)
            for item in report.evidence
            if item.media_type.startswith("image/")
        ),
        originals=tuple(report.originals),
    )


def _place(place: ReportPlace) -> Place:
    return Place(
        lon_deg=place.lon_deg,
        lat_deg=place.lat_deg,
        own=error_from(place.cov_own),
        shared=error_from(place.cov_pass),
        range_m=place.range_m,
        method=place.method,
        synthetic=place.synthetic,
        moved_m=None if place.offset is None else math.hypot(place.offset.east_m, place.offset.north_m),
    )


def _seal(sealed_json: bytes) -> str | None:
    try:
        read_sealed(sealed_json)
    except SealError as broken:
        return str(broken)
    return None


def _chain(case: Case) -> str | None:
    try:
        history.check_chain(case.id, case.events)
    except SealError as broken:
        return str(broken)
    return None


def _history(case: Case) -> tuple[HistoryLine, ...]:
    lines = history.events(case)
    undone = {event.seq for _, event in lines if isinstance(event, Undone)}
    return tuple(
        HistoryLine(
            line.seq, line.at, line.actor.removeprefix("reviewer:"), _words(event), line.hash, line.seq in undone
        )
        for line, event in reversed(lines)
    )


def _words(event: Event) -> Text:
    match event:
        case Decided(decision=decision):
            return _decision_words(decision)
        case Undone(seq=seq):
            return Text(f"撤销第 {seq} 条", f"line {seq} undone")
        case Opened():
            return Text("由上报立案待审", "opened by a report")
        case Attached(score=score):
            share = "" if score is None else f" (P {score:.2f})"
            return Text(f"并入一次目击{share}", f"sighting attached{share}")
        case Detached(to_case_id=other):
            return Text(f"一次目击移至案件 {other}", f"sighting moved to case {other}")
        case OriginalAsked(reason=reason):
            return Text(f"调取未打码原件：{reason}", f"unblurred original asked for: {reason}")
        case OriginalSeen(reason=reason):
            return Text(f"查看未打码原件：{reason}", f"unblurred original looked at: {reason}")
        case OriginalAnswered(answer=answer):
            return _ANSWER_WORDS[answer]
        case Warned(warned_at=at):
            return Text(f"巡查员已现场劝导（{at:%Y-%m-%d %H:%M} UTC）", f"warned on site at {at:%Y-%m-%d %H:%M} UTC")


def _decision_words(decision: Confirm | Reject | ChangeCue | RedrawBox) -> Text:
    match decision:
        case Confirm():
            return Text("确认违规", "confirmed")
        case Reject(reason=code):
            reason = reasons.reason_text(code) or Text(code, code)
            return Text(f"驳回：{reason.zh}", f"rejected: {reason.en}")
        case ChangeCue(cue=cue):
            return Text(f"目标改为：{cue_text(cue).zh}", f"object changed to: {cue_text(cue).en}")
        case RedrawBox(box=index):
            return Text(f"重画第 {index + 1} 个框", f"box {index + 1} redrawn")
