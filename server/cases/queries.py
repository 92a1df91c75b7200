"""Reads cases for lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from server.db.tables import Case, CaseState, Report, Sighting

_Query = TypeVar("_Query", bound="Select[*tuple[Any, ...]]")


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; `None` means all of them.

    Attributes:
        state, kind: exactly this one.
        place_known: with a place, or without.
        seen_from, seen_to: seen at some time in between, UTC.
        device_id: some sighting is by this device.
    """

    state: CaseState | None = None
    kind: str | None = None
    place_known: bool | None = None
    seen_from: datetime | None = None
    seen_to: datetime | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A case with the number of its sightings."""

    case: Case
    sightings: int


@dataclass(frozen=True, slots=True)
class CasePage:
    """Cases, newest first; `next_before` is where the next page begins, `None` on the last."""

    total: int
    cases: tuple[Listed, ...]
    next_before: int | None


def list_cases(session: Session, wanted: CaseFilter, *, limit: int, before: int | None = None) -> CasePage:
    """One page of the cases that fit, by falling number: stable while new ones arrive.

    Args:
        before: only cases with a smaller number.
    """
    total = session.scalar(_where(select(func.count()).select_from(Case), wanted)) or 0
    query = _where(select(Case), wanted).order_by(Case.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Case.id < before)
    found = session.scalars(query).all()
    shown = found[:limit]
    counts = count_sightings(session, [case.id for case in shown])
    more = shown[-1].id if len(found) > limit else None
    return CasePage(total, tuple(Listed(case, counts.get(case.id, 0)) for case in shown), more)


def count_sightings(session: Session, case_ids: Sequence[int]) -> dict[int, int]:
    """Number of sightings by case."""
    rows = session.execute(
        select(Sighting.case_id, func.count()).where(Sighting.case_id.in_(case_ids)).group_by(Sighting.case_id)
    )
    return dict(rows.all())


def _where(query: _Query, wanted: CaseFilter) -> _Query:
    if wanted.state is not None:
        query = query.where(Case.state == wanted.state)
    if wanted.kind is not None:
        query = query.where(Case.kind == wanted.kind)
    if wanted.place_known is not None:
        query = query.where(Case.lon_deg.is_not(None) if wanted.place_known else Case.lon_deg.is_(None))
    if wanted.seen_from is not None:
        query = query.where(Case.last_seen_at >= wanted.seen_from)
    if wanted.seen_to is not None:
        query = query.where(Case.first_seen_at <= wanted.seen_to)
    if wanted.device_id is not None:
        by_device = select(Sighting.case_id).join(Report).where(Report.device_id == wanted.device_id)
        query = query.where(Case.id.in_(by_device))
    return query
