"""Who wants which original, and what its box says to that."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from detector.heartbeat import OriginalAnswer, WantedOriginal
from detector.report import ReportBody
from server.cases import history
from server.cases.actions import OriginalAnswered, OriginalAsked
from server.db.tables import Case, CaseState, Original, OriginalState, Report, Sighting
from server.errors import Conflict, NotFound

_ORDERS_MAX: Final = 100
"""As `detector.heartbeat.Orders.wanted`."""
ASKABLE: Final = frozenset({OriginalState.AT_BOX, OriginalState.REFUSED, OriginalState.DELETED})
"""Where asking makes sense; a box that refused once may have another policy by now."""


def named(body: ReportBody) -> list[Original]:
    """Rows for the originals that a report names; all of them still on the box."""
    return [
        Original(
            sha256=item.sha256,
            position=position,
            role=item.role,
            media_type=item.media_type,
            size_bytes=item.size_bytes,
            begins_at=item.begins_at,
            ends_at=item.ends_at,
            width_px=item.width_px,
            height_px=item.height_px,
            state=OriginalState.AT_BOX,
        )
        for position, item in enumerate(body.originals)
    ]


def ask(
    session: Session,
    case: Case,
    report_id: str,
    sha256: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
    bytes_max: int,
) -> Original:
    """A reviewer wants an original; written into the case's history, and told to the box at its next heartbeat.

    Raises:
        NotFound: no report of the case names it.
        Conflict: it was asked for already, is here, the box no longer has it, or it is larger than `bytes_max`.
    """
    original = of_case(session, case, report_id, sha256)
    if original.size_bytes > bytes_max:
        raise Conflict(f"original {sha256[:12]} has {original.size_bytes} bytes, at most {bytes_max} are taken here")
    if original.state not in ASKABLE:
        raise Conflict(f"original {sha256[:12]} is {original.state.value}: there is nothing to ask for")
    original.state, original.answered_at = OriginalState.WANTED, None
    original.asked_by, original.reason, original.asked_at = actor, reason, now
    history.append(
        session, case, OriginalAsked(report_id=report_id, sha256=sha256, reason=reason), actor=actor, now=now
    )
    return original


def of_case(session: Session, case: Case, report_id: str, sha256: str) -> Original:
    """An original that a report of the case names.

    Raises:
        NotFound: there is none.
    """
    original = session.scalar(
        select(Original)
        .join(Sighting, Sighting.report_id == Original.report_id)
        .where(Sighting.case_id == case.id, Original.report_id == report_id, Original.sha256 == sha256)
    )
    if original is None:
        raise NotFound(f"no report of case {case.id} names an original {sha256[:12]}")
    return original


def wanted_for(session: Session, device_id: str) -> tuple[WantedOriginal, ...]:
    """What people want of this device now, asked first comes first; for `detector.heartbeat.Orders`."""
    rows = session.scalars(
        select(Original)
        .join(Report)
        .where(Report.device_id == device_id, Original.state == OriginalState.WANTED)
        .order_by(Original.asked_at, Original.report_id, Original.position)
        .limit(_ORDERS_MAX)
    )
    return tuple(
        WantedOriginal(
            report_id=uuid.UUID(row.report_id),
            sha256=row.sha256,
            asked_by=(row.asked_by or "").removeprefix("reviewer:"),
            reason=row.reason or "",
            asked_at=row.asked_at,
        )
        for row in rows
        if row.asked_at is not None
    )


def kept(session: Session, device_id: str, report_ids: Iterable[uuid.UUID]) -> tuple[uuid.UUID, ...]:
    """Of the device's reports asked about, those whose originals it must not delete yet.

    Their case is confirmed, or somebody waits for one of their originals.
    """
    asked = [str(report_id) for report_id in report_ids]
    waiting = select(Original.report_id).where(Original.state == OriginalState.WANTED)
    rows = session.scalars(
        select(Report.id)
        .join(Sighting, Sighting.report_id == Report.id)
        .join(Case, Case.id == Sighting.case_id)
        .where(
            Report.device_id == device_id,
            Report.id.in_(asked),
            or_(Case.state == CaseState.CONFIRMED, Report.id.in_(waiting)),
        )
        .order_by(Report.id)
    )
    return tuple(uuid.UUID(report_id) for report_id in rows)


def answered(session: Session, device_id: str, answers: Iterable[OriginalAnswer], *, now: datetime) -> None:
    """The box will not send these; shown on the case and written into its history. Told again, it changes nothing."""
    for answer in answers:
        original = session.scalar(
            select(Original)
            .join(Report)
            .where(
                Report.device_id == device_id,
                Original.report_id == str(answer.report_id),
                Original.sha256 == answer.sha256,
                Original.state == OriginalState.WANTED,
            )
        )
        if original is None:
            continue
        original.state, original.answered_at = OriginalState(answer.answer), now
        event = OriginalAnswered(report_id=original.report_id, sha256=original.sha256, answer=answer.answer)
        history.append(session, original.report.sighting.case, event, actor=f"device:{device_id[:12]}", now=now)
