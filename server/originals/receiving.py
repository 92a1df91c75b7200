"""Originals that arrive, are looked at, and are deleted again when their time is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.cases import history
from server.cases.actions import OriginalAnswered, OriginalSeen
from server.db.tables import Case, CaseState, Original, OriginalState, Report, Sighting, Upload
from server.errors import NotFound
from server.originals import asking
from server.storage import EvidenceStore


@dataclass(frozen=True, slots=True)
class Look:
    """An original for a reviewer's eyes; `chunks` are its bytes."""

    media_type: str
    chunks: Iterator[bytes]


def awaited(session: Session, device_id: str, sha256: str) -> list[Original]:
    """Originals with these bytes that people asked the device for, arrived ones too."""
    return [
        row for row in named(session, device_id, sha256) if row.state in (OriginalState.WANTED, OriginalState.STORED)
    ]


def named(session: Session, device_id: str, sha256: str) -> list[Original]:
    """Originals with these bytes that the device's reports name."""
    query = select(Original).join(Report).where(Report.device_id == device_id, Original.sha256 == sha256)
    return list(session.scalars(query))


def arrived(session: Session, rows: Iterable[Original], *, now: datetime) -> None:
    """Their bytes are here and hash to what the sealed report names; written into each case's history."""
    for row in rows:
        if row.state is not OriginalState.WANTED:
            continue
        row.state, row.answered_at = OriginalState.STORED, now
        _tell(session, row, "stored", f"device:{row.report.device_id[:12]}", now)


def look_at(
    session: Session,
    store: EvidenceStore,
    case: Case,
    report_id: str,
    sha256: str,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> Look:
    """A reviewer looks at an original; who and why stands in the case's history before he gets a byte.

    Raises:
        NotFound: no report of the case names it, or it is not here.
    """
    original = asking.of_case(session, case, report_id, sha256)
    if original.state is not OriginalState.STORED:
        raise NotFound(f"original {sha256[:12]} is not here: it is {original.state.value}")
    chunks = store.chunks(sha256)
    history.append(session, case, OriginalSeen(report_id=report_id, sha256=sha256, reason=reason), actor=actor, now=now)
    return Look(original.media_type, chunks)


def old(session: Session, *, now: datetime, life: timedelta) -> list[Original]:
    """Originals that have been here for `life`, and whose case is not confirmed."""
    query = (
        select(Original)
        .join(Sighting, Sighting.report_id == Original.report_id)
        .join(Case, Case.id == Sighting.case_id)
        .where(
            Original.state == OriginalState.STORED,
            Original.answered_at <= now - life,
            Case.state != CaseState.CONFIRMED,
        )
    )
    return list(session.scalars(query))


def delete_old(session: Session, *, now: datetime, life: timedelta) -> list[str]:
    """Give up the `old` ones; gives hashes that no row needs any more.

    The caller deletes the files of these once the transaction is committed.
    """
    over = old(session, now=now, life=life)
    for row in over:
        row.state, row.answered_at = OriginalState.DELETED, now
        _tell(session, row, "deleted", "system", now)
    session.flush()
    hashes = {row.sha256 for row in over}
    needed = set(
        session.scalars(
            select(Original.sha256).where(Original.sha256.in_(hashes), Original.state == OriginalState.STORED)
        )
    )
    session.execute(delete(Upload).where(Upload.sha256.in_(hashes - needed)))
    return sorted(hashes - needed)


def _tell(session: Session, row: Original, answer: str, actor: str, now: datetime) -> None:
    event = OriginalAnswered.model_validate({"report_id": row.report_id, "sha256": row.sha256, "answer": answer})
    history.append(session, row.report.sighting.case, event, actor=actor, now=now)
