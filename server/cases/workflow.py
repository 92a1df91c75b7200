"""What people decide about a case.

A case's state is the fold of its history: `act` appends one line and applies the fold again, so undoing is leaving a
line out, and the label boxes always say what the standing decisions say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from detector.report import ReportBox
from detector.vocabulary import Text, vocabulary
from server.cases import history
from server.cases.actions import ChangeCue, Confirm, Decided, Event, RedrawBox, Reject, ReviewAction, Undo, Undone
from server.db.tables import BoxOrigin, BoxVerdict, Case, CaseEvent, CaseState, LabelBox, RejectFamily, Sighting
from server.errors import Conflict, NotFound, Refused

BoxKey = tuple[str, str, int]
"""Report id, evidence SHA-256, index of the box in the report's evidence item."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the decisions that still count say of a case.

    Attributes:
        state: where the case stands.
        family, reason: why it was rejected, `None` unless it was.
        cue: the cue a reviewer gave, `None` while the model's stands.
        boxes: boxes a reviewer redrew, px of their evidence picture.
        reports: reports the reviewer had before him when he confirmed or rejected.
        actor, decided_at: who confirmed or rejected, and when (UTC).
        undoable: number of the newest line that still counts, which `Undo` would take back.
    """

    state: CaseState = CaseState.PENDING
    family: RejectFamily | None = None
    reason: str | None = None
    cue: str | None = None
    boxes: dict[BoxKey, tuple[float, float, float, float]] = field(default_factory=dict[BoxKey, tuple[float, ...]])
    reports: tuple[str, ...] = ()
    actor: str | None = None
    decided_at: datetime | None = None
    undoable: int | None = None


def act(
    session: Session, case_id: int, action: ReviewAction, *, expected_version: int, actor: str, now: datetime
) -> Case:
    """Does one action of a reviewer inside the caller's write transaction.

    Args:
        expected_version: the version the reviewer saw; another one means somebody was faster.
        actor: `reviewer_actor(name)`.

    Raises:
        NotFound: no such case.
        Conflict: the case has another version by now; nothing was changed.
        Refused: the action makes no sense on this case (nothing to undo, a box that does not exist, an unknown cue).
    """
    case = get(session, case_id)
    if case.version != expected_version:
        raise Conflict(
            f"case {case_id} is at version {case.version}, you saw {expected_version}: look again and decide anew",
            slug="stale-version",
            title=Text("案件已被他人更新", "Somebody else changed this case"),
            extra={"version": case.version},
        )
    history.append(session, case, _event(case, action), actor=actor, now=now)
    apply(session, case)
    return case


def get(session: Session, case_id: int) -> Case:
    """The case.

    Raises:
        NotFound: there is none of this number.
    """
    case = session.get(Case, case_id)
    if case is None:
        raise NotFound(f"there is no case {case_id}")
    return case


def reviewer_actor(name: str) -> str:
    """How a reviewer is named in the history."""
    return f"reviewer:{name}"


def standing(case: Case) -> Standing:
    """Folds the case's history."""
    return fold(history.events(case))


def fold(lines: Iterable[tuple[CaseEvent, Event]]) -> Standing:
    """What the decisions that were not taken back say together, oldest first."""
    lines = list(lines)
    undone = {event.seq for _, event in lines if isinstance(event, Undone)}
    result = Standing()
    for line, event in lines:
        if isinstance(event, Decided) and line.seq not in undone:
            result = replace(_after(result, line, event), undoable=line.seq)
    return result


def apply(session: Session, case: Case) -> None:
    """Writes what the history says into the case's columns and its label boxes."""
    now_stands = standing(case)
    case.state = now_stands.state
    case.reject_family = now_stands.family
    case.reject_reason = now_stands.reason
    case.decided_at = now_stands.decided_at
    case.cue = now_stands.cue or case.sightings[0].report.cue
    session.execute(delete(LabelBox).where(LabelBox.case_id == case.id))
    session.add_all(_label_boxes(case, now_stands))
    session.flush()


def _after(before: Standing, line: CaseEvent, event: Decided) -> Standing:
    match event.decision:
        case Confirm():
            return replace(
                before,
                state=CaseState.CONFIRMED,
                family=None,
                reason=None,
                reports=event.reports,
                actor=line.actor,
                decided_at=line.at,
            )
        case Reject(family=family, reason=reason):
            return replace(
                before,
                state=CaseState.REJECTED,
                family=family,
                reason=reason,
                reports=event.reports,
                actor=line.actor,
                decided_at=line.at,
            )
        case ChangeCue(cue=cue):
            return replace(before, cue=cue)
        case RedrawBox() as redraw:
            key = (redraw.report_id, redraw.sha256, redraw.box)
            return replace(before, boxes={**before.boxes, key: redraw.xyxy_px})


def _event(case: Case, action: ReviewAction) -> Event:
    stands = standing(case)
    if isinstance(action, Undo):
        if stands.undoable is None:
            raise Refused(f"case {case.id} has no decision to undo", slug="nothing-to-undo")
        return Undone(seq=stands.undoable)
    if isinstance(action, ChangeCue) and action.cue not in vocabulary().cues:
        raise Refused(
            f"cue {action.cue!r} is not in the vocabulary: {', '.join(vocabulary().cues)}", slug="no-such-cue"
        )
    if isinstance(action, RedrawBox):
        _check_box(case, action)
    return Decided(decision=action, reports=tuple(s.report_id for s in case.sightings))


def _check_box(case: Case, action: RedrawBox) -> None:
    for sighting in case.sightings:
        for item in sighting.report.evidence:
            if (item.report_id, item.sha256) == (action.report_id, action.sha256):
                if action.box >= len(item.boxes):
                    raise Refused(
                        f"picture {item.sha256[:12]} has {len(item.boxes)} boxes, none numbered {action.box}",
                        slug="no-such-box",
                    )
                left, top, right, bottom = action.xyxy_px
                if left < 0 or top < 0 or right > item.width_px or bottom > item.height_px:
                    raise Refused(
                        f"box {action.xyxy_px} leaves the picture of {item.width_px} x {item.height_px} px",
                        slug="box-outside",
                    )
                return
    raise Refused(
        f"report {action.report_id} with picture {action.sha256[:12]} is not part of case {case.id}", slug="no-such-box"
    )


def _label_boxes(case: Case, stands: Standing) -> list[LabelBox]:
    if stands.state is CaseState.PENDING or stands.actor is None or stands.decided_at is None:
        return []
    verdict = {
        None: BoxVerdict.VIOLATION,
        RejectFamily.OBJECT_BUT_ALLOWED: BoxVerdict.ALLOWED,
        RejectFamily.NOT_THE_OBJECT: BoxVerdict.NOT_THE_OBJECT,
    }[stands.family]
    boxes: list[LabelBox] = []
    for sighting in case.sightings:
        if sighting.report_id in stands.reports:
            boxes.extend(_boxes_of(case, sighting, stands, verdict, stands.actor, stands.decided_at))
    return boxes


def _boxes_of(
    case: Case, sighting: Sighting, stands: Standing, verdict: BoxVerdict, actor: str, decided_at: datetime
) -> Iterable[LabelBox]:
    for item in sighting.report.evidence:
        if not item.media_type.startswith("image/"):
            continue
        for index, raw in enumerate(item.boxes):
            box = ReportBox.model_validate(raw)
            redrawn = stands.boxes.get((item.report_id, item.sha256, index))
            if not box.subject and redrawn is None:
                continue
            left, top, right, bottom = redrawn or box.xyxy_px
            by_reviewer = redrawn is not None or (box.subject and stands.cue not in (None, box.cue))
            yield LabelBox(
                case_id=case.id,
                report_id=item.report_id,
                sha256=item.sha256,
                box=index,
                cue=(stands.cue or box.cue) if box.subject else box.cue,
                left_px=left,
                top_px=top,
                right_px=right,
                bottom_px=bottom,
                origin=BoxOrigin.REVIEWER if by_reviewer else BoxOrigin.MODEL,
                # A companion that was redrawn is what it is, whatever became of the case.
                verdict=verdict if box.subject else BoxVerdict.VIOLATION,
                reviewer=actor,
                decided_at=decided_at,
            )
