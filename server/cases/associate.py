"""Which case does a report belong to?

`associate` is the whole interface. It judges one report against the cases near it:

- candidates have the same kind, lie in the H3 cells around the point, were seen within a window of time, and are open
  (pending or confirmed) or were rejected shortly before, so that nobody is asked twice about what he has just decided;
- one to one per pass: a case that already holds a sighting of this pass takes another only of the same track;
- P(same) = N(d; 0, P + R) / (sum of that over all candidates + density of other such things), where P is the case's
  covariance and R the report's. A wider error thus never makes a merge more certain, and two near candidates split it;
- from T1 up the report is merged, from T0 up it opens a case that names the other as a suggestion, below it opens one.

A report without a place opens a case with "place unknown" and attracts nothing. Made-up positions never meet real ones.
The caller holds the one write transaction, so two reports that arrive together are judged one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

import h3
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from detector.vocabulary import Kind
from server.cases import history, workflow
from server.cases.actions import Attached, Detached, Opened
from server.cases.estimate import Agreement, Estimate, agreement, fuse
from server.db.tables import Case, CaseState, Report, Sighting
from server.errors import NotFound, Refused

H3_RESOLUTION = 11
"""Cells about 50 m from centre to centre."""
_CELL_INRADIUS_M = 20.0
"""Never larger than the smallest cell's, so that a disk of cells surely covers the gate."""
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Policy:
    """How eagerly sightings are merged.

    Attributes:
        merge_from: T1; higher means fewer wrong merges and more doubled cases.
        suggest_from: T0 <= T1; higher means fewer suggestions to look at.
        others_per_m2: how many *other* things of the kind stand around; higher means position counts for less.
        gate_mahalanobis2: candidates farther off are not considered; 13.8 is 99.9 % of chi-square with 2 degrees.
        reach_m_max: the gate never reaches farther, however bad the position is.
        open_window: how long after it was last seen an open case of the kind still attracts: a stall goes home at
            night, a sign stays.
        decided_window: the same for a rejected case.
    """

    merge_from: float = 0.5
    suggest_from: float = 0.1
    others_per_m2: float = 0.001
    gate_mahalanobis2: float = 13.8
    reach_m_max: float = 150.0
    open_window: Mapping[str, timedelta] = field(
        default_factory=lambda: MappingProxyType(
            {
                Kind.STREET_STALL: timedelta(hours=12),
                Kind.OUT_OF_STORE: timedelta(hours=12),
                Kind.DISORDERLY_BIKE: timedelta(hours=48),
                Kind.ILLEGAL_SIGNAGE: timedelta(days=30),
            }
        )
    )
    decided_window: timedelta = timedelta(hours=12)

    def __post_init__(self) -> None:
        if not 0.0 < self.suggest_from <= self.merge_from < 1.0:
            raise ValueError(f"need 0 < suggest_from <= merge_from < 1, got {self.suggest_from}, {self.merge_from}")

    def window(self, state: CaseState, kind: str) -> timedelta:
        """How far from its sightings in time a case attracts."""
        return self.decided_window if state is CaseState.REJECTED else self.open_window[kind]


class Decision(StrEnum):
    """What became of a report."""

    OPENED = "opened"
    SUGGESTED = "suggested"
    """Opened a case of its own that may be the same as another."""
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Assignment:
    """The case a report belongs to, and why.

    `score` is P(same problem) of the best candidate, `None` without any.
    """

    case_id: int
    decision: Decision
    score: float | None = None
    suggested_case_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    case: Case
    agreement: Agreement


def cell_of(lon_deg: float, lat_deg: float) -> str:
    """The H3 cell that reports and cases are indexed by."""
    return h3.latlng_to_cell(lat_deg, lon_deg, H3_RESOLUTION)


def associate(session: Session, report: Report, *, now: datetime, policy: Policy | None = None) -> Assignment:
    """Finds or opens the report's case, inside the caller's write transaction.

    Asked again about a report that has a case it answers with that case and changes nothing.
    """
    policy = policy or Policy()
    known = session.scalar(select(Sighting).where(Sighting.report_id == report.id))
    if known is not None:
        return Assignment(known.case_id, Decision.MERGED if known.score is not None else Decision.OPENED, known.score)
    candidates = _candidates(session, report, policy)
    best, score = _best(candidates, policy)
    if best is None or score is None or score < policy.suggest_from:
        return Assignment(_open(session, report, now, None).id, Decision.OPENED, score)
    if score < policy.merge_from:
        case = _open(session, report, now, best.case.id)
        return Assignment(case.id, Decision.SUGGESTED, score, best.case.id)
    _attach(session, best.case, report, score, now)
    return Assignment(best.case.id, Decision.MERGED, score)


def unmerge(session: Session, case_id: int, report_id: str, *, actor: str, now: datetime) -> Case:
    """Takes a report out of its case again; it opens a case of its own, which is pending.

    Raises:
        NotFound: the report is not part of the case.
        Refused: it is the case's only report.
    """
    case = workflow.get(session, case_id)
    sighting = next((s for s in case.sightings if s.report_id == report_id), None)
    if sighting is None:
        raise NotFound(f"report {report_id} is not part of case {case_id}")
    if len(case.sightings) == 1:
        raise Refused(f"report {report_id} is all that case {case_id} has", slug="only-sighting")
    opened = _new_case(sighting.report, now)
    session.add(opened)
    session.flush()
    sighting.case = opened
    sighting.score, sighting.suggested_case_id, sighting.attached_at = None, None, now
    session.flush()
    history.append(session, opened, Opened(report_id=report_id, from_case_id=case_id), actor=actor, now=now)
    history.append(session, case, Detached(report_id=report_id, to_case_id=opened.id), actor=actor, now=now)
    for changed in (case, opened):
        _refresh(session, changed)
        workflow.apply(session, changed)
    return opened


def _candidates(session: Session, report: Report, policy: Policy) -> list[_Candidate]:
    here = _estimate(report)
    if here is None or report.h3_cell is None:
        return []
    # The case's own error is not known before it is found: twice the report's reach covers one as badly placed.
    sigma_m = math.sqrt(max(here.covariance().diagonal().sum(), 1.0))
    reach_m = min(2.0 * sigma_m * math.sqrt(policy.gate_mahalanobis2), policy.reach_m_max)
    cells = h3.grid_disk(report.h3_cell, 1 + math.ceil(reach_m / (2.0 * _CELL_INRADIUS_M)))
    widest = max(policy.decided_window, policy.open_window[report.kind])
    near = session.scalars(
        select(Case)
        .where(
            Case.kind == report.kind,
            Case.h3_cell.in_(cells),
            Case.synthetic == report.synthetic,
            Case.last_seen_at >= report.first_seen_at - widest,
            Case.first_seen_at <= report.last_seen_at + widest,
        )
        .order_by(Case.id)
    ).all()
    taken = _taken_in_pass(session, report, [case.id for case in near])
    found: list[_Candidate] = []
    for case in near:
        there = _estimate(case)
        if there is None or case.id in taken or not _in_time(case, report, policy):
            continue
        match = agreement(there, here)
        if match.mahalanobis2 <= policy.gate_mahalanobis2 and match.distance_m <= policy.reach_m_max:
            found.append(_Candidate(case, match))
    return found


def _taken_in_pass(session: Session, report: Report, case_ids: Sequence[int]) -> set[int]:
    """Cases that hold another track of this pass, or a track that was seen beside this one."""
    others = (
        select(Sighting.case_id)
        .join(Report)
        .where(
            Sighting.case_id.in_(case_ids),
            Report.device_id == report.device_id,
            Report.pass_id == report.pass_id,
            or_(Report.track_id != report.track_id, Report.track_id.in_(report.not_same_as[:500])),
        )
    )
    return set(session.scalars(others))


def _in_time(case: Case, report: Report, policy: Policy) -> bool:
    window = policy.window(case.state, case.kind)
    return case.last_seen_at + window >= report.first_seen_at and case.first_seen_at - window <= report.last_seen_at


def _best(candidates: Sequence[_Candidate], policy: Policy) -> tuple[_Candidate | None, float | None]:
    if not candidates:
        return None, None
    total = sum(c.agreement.density_per_m2 for c in candidates) + policy.others_per_m2
    best = max(candidates, key=lambda c: (c.agreement.density_per_m2, -c.case.id))
    return best, best.agreement.density_per_m2 / total


def _open(session: Session, report: Report, now: datetime, suggested_case_id: int | None) -> Case:
    case = _new_case(report, now)
    session.add(case)
    case.sightings.append(Sighting(report=report, score=None, suggested_case_id=suggested_case_id, attached_at=now))
    session.flush()
    event = Opened(report_id=report.id, suggested_case_id=suggested_case_id)
    history.append(session, case, event, actor=SYSTEM, now=now)
    _refresh(session, case)
    return case


def _attach(session: Session, case: Case, report: Report, score: float, now: datetime) -> None:
    case.sightings.append(Sighting(report=report, score=score, attached_at=now))
    session.flush()
    history.append(session, case, Attached(report_id=report.id, score=score), actor=SYSTEM, now=now)
    _refresh(session, case)


def _new_case(report: Report, now: datetime) -> Case:
    return Case(
        state=CaseState.PENDING,
        kind=report.kind,
        cue=report.cue,
        probability=report.probability,
        synthetic=report.synthetic,
        first_seen_at=report.first_seen_at,
        last_seen_at=report.last_seen_at,
        opened_at=now,
        version=0,
    )


def _refresh(session: Session, case: Case) -> None:
    """Times, probability and place from all sightings, so that late and out-of-order reports give the same case."""
    reports = session.scalars(
        select(Report).join(Sighting).where(Sighting.case_id == case.id).order_by(Report.id)
    ).all()
    case.first_seen_at = min(r.first_seen_at for r in reports)
    case.last_seen_at = max(r.last_seen_at for r in reports)
    case.probability = max(r.probability for r in reports)
    case.synthetic = any(r.synthetic for r in reports)
    estimates = _one_per_pass(reports)
    fused = fuse(estimates) if estimates else None
    case.lon_deg = fused.lon_deg if fused else None
    case.lat_deg = fused.lat_deg if fused else None
    case.cov_ee_m2 = fused.cov_ee_m2 if fused else None
    case.cov_en_m2 = fused.cov_en_m2 if fused else None
    case.cov_nn_m2 = fused.cov_nn_m2 if fused else None
    case.h3_cell = cell_of(fused.lon_deg, fused.lat_deg) if fused else None
    session.flush()


def _one_per_pass(reports: Sequence[Report]) -> list[Estimate]:
    """The best-placed report of each pass: those of one pass share their error and must not count twice."""
    best: dict[tuple[str, str], Estimate] = {}
    for report in reports:
        estimate = _estimate(report)
        key = (report.device_id, report.pass_id)
        if estimate is not None and (key not in best or _spread(estimate) < _spread(best[key])):
            best[key] = estimate
    return [best[key] for key in sorted(best)]


def _spread(estimate: Estimate) -> float:
    return estimate.cov_ee_m2 + estimate.cov_nn_m2


def _estimate(row: Report | Case) -> Estimate | None:
    if (
        row.lon_deg is None
        or row.lat_deg is None
        or row.cov_ee_m2 is None
        or row.cov_en_m2 is None
        or row.cov_nn_m2 is None
    ):
        return None
    return Estimate(row.lon_deg, row.lat_deg, row.cov_ee_m2, row.cov_en_m2, row.cov_nn_m2)
