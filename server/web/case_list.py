"""The list of cases: filtered, newest first, one query for the rows and one for their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from detector.vocabulary import Text, vocabulary
from server.db.tables import Case, CaseState, Evidence, Sighting
from server.web.pictures import Picture, picture
from server.web.position_error import error_of
from server.web.reasons import reason_text

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """What the reviewer asked for; `None` is everything."""

    state: CaseState | None
    kind: str | None
    page: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One case of the list."""

    id: int
    state: CaseState
    kind: Text
    cue: Text
    reason: Text | None
    probability: float
    lon_deg: float | None
    lat_deg: float | None
    sigma_m: float | None
    synthetic: bool
    last_seen_at: datetime
    sightings: int
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class CaseList:
    """One page of the list, and how many cases every state has."""

    rows: tuple[Row, ...]
    asked: Filter
    total: int
    by_state: dict[CaseState, int]

    @property
    def pages(self) -> int:
        """Number of pages, at least 1."""
        return max(1, -(-self.total // PAGE_SIZE))


def load(session: Session, asked: Filter) -> CaseList:
    """The page of the list that was asked for."""
    counts = dict(session.execute(select(Case.state, func.count()).group_by(Case.state)).all())
    total = session.scalar(_where(select(func.count()).select_from(Case), asked)) or 0
    query = _where(select(Case), asked).order_by(Case.last_seen_at.desc(), Case.id.desc())
    cases = session.scalars(query.limit(PAGE_SIZE).offset((asked.page - 1) * PAGE_SIZE)).all()
    ids = [case.id for case in cases]
    sightings = _sightings(session, ids)
    pictures = _pictures(session, ids)
    rows = tuple(_row(case, sightings.get(case.id, 0), pictures.get(case.id)) for case in cases)
    return CaseList(rows, asked, total, counts)


def next_pending(session: Session, after: Case) -> int | None:
    """The case a reviewer comes to next: the pending one below `after` in the list, else the first of the list."""
    pending = select(Case.id).where(Case.state == CaseState.PENDING, Case.id != after.id)
    newest_first = pending.order_by(Case.last_seen_at.desc(), Case.id.desc()).limit(1)
    below = newest_first.where(
        (Case.last_seen_at < after.last_seen_at) | ((Case.last_seen_at == after.last_seen_at) & (Case.id < after.id))
    )
    return session.scalar(below) or session.scalar(newest_first)


def _where(query: Select[Any], asked: Filter) -> Select[Any]:
    if asked.state is not None:
        query = query.where(Case.state == asked.state)
    if asked.kind is not None:
        query = query.where(Case.kind == asked.kind)
    return query


def _sightings(session: Session, case_ids: list[int]) -> dict[int, int]:
    """Number of sightings by case."""
    counted = select(Sighting.case_id, func.count()).where(Sighting.case_id.in_(case_ids)).group_by(Sighting.case_id)
    return {case_id: int(number) for case_id, number in session.execute(counted)}


def _pictures(session: Session, case_ids: list[int]) -> dict[int, Picture]:
    """The newest sighting's first full still of every case."""
    query = (
        select(Sighting.case_id, Evidence)
        .join(Evidence, Evidence.report_id == Sighting.report_id)
        .where(Sighting.case_id.in_(case_ids), Evidence.role == "still_full")
        .order_by(Evidence.captured_at, Evidence.position.desc())
    )
    return {case_id: picture(item) for case_id, item in session.execute(query)}


def _row(case: Case, sightings: int, shown: Picture | None) -> Row:
    vocab = vocabulary()
    error = error_of(case.cov_ee_m2, case.cov_en_m2, case.cov_nn_m2)
    return Row(
        id=case.id,
        state=case.state,
        kind=vocab.kinds.get(case.kind, Text(case.kind, case.kind)),
        cue=vocab.cues.get(case.cue, Text(case.cue, case.cue)),
        reason=reason_text(case.reject_reason),
        probability=case.probability,
        lon_deg=case.lon_deg,
        lat_deg=case.lat_deg,
        sigma_m=error.sigma_m if error else None,
        synthetic=case.synthetic,
        last_seen_at=case.last_seen_at,
        sightings=sightings,
        picture=shown,
    )
