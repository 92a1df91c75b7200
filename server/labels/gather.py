"""Reads from the database what people have judged: per picture, the boxes and the cues that were really reviewed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.report import ReportBox, SealedReport
from server.db.tables import BoxVerdict, Case, Evidence, EvidenceState, LabelBox, Report, Sighting

Xyxy = tuple[float, float, float, float]

_SAME_BOX_IOU = 0.9
"""Two reports of one frame both list a thing; boxes that overlap this much are the same one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One box that a person has passed judgement on.

    Attributes:
        cue: what the person says it is; `model_cue` what the model said.
        xyxy_px: the box, redrawn or the model's, px of the picture.
        reason_family, reason: why the case was rejected, empty unless it was.
        reviewer: a short hash of the reviewer's name: reviewers can be compared, and no name travels with the data.
    """

    report_id: str
    case_id: int
    box: int
    cue: str
    model_cue: str
    xyxy_px: Xyxy
    verdict: BoxVerdict
    origin: str
    reason_family: str
    reason: str
    reviewer: str
    decided_at: datetime
    kind: str

    @property
    def positive(self) -> bool:
        """Training sees the thing here: a permitted stall is still a stall."""
        return self.verdict is not BoxVerdict.NOT_THE_OBJECT


@dataclass(frozen=True, slots=True)
class Labelled:
    """One full still with what was judged on it.

    Attributes:
        places: keys of the places the picture shows; pictures that share one stay on one side of the split.
        waiting: the model's cues on it that still have a box nobody has judged.
    """

    sha256: str
    media_type: str
    width_px: int
    height_px: int
    blurred: bool
    blur_method: str
    captured_at: datetime
    device_id: str
    model_sha256: str
    places: tuple[str, ...]
    judged: tuple[Judged, ...]
    waiting: tuple[str, ...]

    @property
    def reviewed(self) -> tuple[str, ...]:
        """Cues whose every box on this picture was judged: only there does "no box" mean "none there"."""
        cues = {cue for box in self.judged for cue in (box.cue, box.model_cue)}
        return tuple(sorted(cues - set(self.waiting)))

    @property
    def positives(self) -> tuple[tuple[str, Xyxy], ...]:
        """Cue and box of every positive, each once."""
        return tuple(sorted({(box.cue, box.xyxy_px) for box in self.judged if box.positive}))


def gather(session: Session) -> list[Labelled]:
    """Every stored full still on which somebody has judged a box, in the order of their hashes."""
    rows = session.execute(
        select(Evidence, LabelBox)
        .join(LabelBox, (LabelBox.sha256 == Evidence.sha256) & (LabelBox.report_id == Evidence.report_id))
        .where(Evidence.role == "still_full", Evidence.state == EvidenceState.STORED)
        .order_by(Evidence.sha256, LabelBox.report_id, LabelBox.box)
    )
    by_picture: dict[str, list[tuple[Evidence, LabelBox]]] = defaultdict(list)
    for item, label in rows:
        if not _on_picture(item, label):
            continue  # a label beside its picture would spoil the set; its cue stays unknown there
        by_picture[item.sha256].append((item, label))
    return [_labelled(session, sha256, found) for sha256, found in by_picture.items()]


def _labelled(session: Session, sha256: str, found: Sequence[tuple[Evidence, LabelBox]]) -> Labelled:
    copies = session.scalars(
        select(Evidence).where(Evidence.sha256 == sha256, Evidence.role == "still_full").order_by(Evidence.report_id)
    ).all()
    first = copies[0]
    judged = tuple(_judged(session, item, label) for item, label in found)
    body = SealedReport.model_validate_json(first.report.sealed_json).body
    return Labelled(
        sha256=sha256,
        media_type=first.media_type,
        width_px=first.width_px,
        height_px=first.height_px,
        blurred=all(copy.blurred for copy in copies),
        blur_method=first.blur_method,
        captured_at=first.captured_at,
        device_id=first.report.device_id,
        model_sha256=body.versions.model_sha256,
        places=tuple(sorted({key for copy in copies for key in _places(session, copy.report)})),
        judged=judged,
        waiting=tuple(sorted(_waiting(copies, judged))),
    )


def _judged(session: Session, item: Evidence, label: LabelBox) -> Judged:
    case = session.get_one(Case, label.case_id)
    xyxy = (label.left_px, label.top_px, label.right_px, label.bottom_px)
    return Judged(
        report_id=label.report_id,
        case_id=label.case_id,
        box=label.box,
        cue=label.cue,
        model_cue=ReportBox.model_validate(item.boxes[label.box]).cue,
        xyxy_px=_inside(xyxy, item.width_px, item.height_px),
        verdict=label.verdict,
        origin=label.origin.value,
        reason_family=case.reject_family.value if case.reject_family else "",
        reason=case.reject_reason or "",
        reviewer=hashlib.sha256(f"kerbwatch-{label.reviewer}".encode()).hexdigest()[:12],
        decided_at=label.decided_at,
        kind=case.kind,
    )


def _places(session: Session, report: Report) -> Iterable[str]:
    """What ties a picture to a place: its case, its map cell, and for a standing camera the camera."""
    sighting = session.scalar(select(Sighting).where(Sighting.report_id == report.id))
    if sighting is not None:
        yield f"case {sighting.case_id}"
    if report.h3_cell is not None:
        yield f"cell {report.h3_cell}"
    body = SealedReport.model_validate_json(report.sealed_json).body
    if body.observed_by == "fixed":
        yield f"camera {body.device_id} {body.camera_id}"


def _waiting(copies: Iterable[Evidence], judged: Sequence[Judged]) -> set[str]:
    """Cues of the model's boxes that nobody has judged, in any report that shows the picture."""
    by_key = {(box.report_id, box.box) for box in judged}
    cues: set[str] = set()
    for copy in copies:
        boxes = [ReportBox.model_validate(raw) for raw in copy.boxes]
        for index, box in enumerate(boxes):
            known = (copy.report_id, index) in by_key or any(_model_saw_same(box, copies, one) for one in judged)
            if not known:
                cues.add(box.cue)
    return cues


def _model_saw_same(box: ReportBox, copies: Iterable[Evidence], judged: Judged) -> bool:
    """Whether `box` is the model's box behind a judgement that came through another report of the same picture."""
    for copy in copies:
        if copy.report_id == judged.report_id:
            other = ReportBox.model_validate(copy.boxes[judged.box])
            return other.cue == box.cue and _iou(other.xyxy_px, box.xyxy_px) >= _SAME_BOX_IOU
    return False


def _iou(a: Xyxy, b: Xyxy) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0.0) * max(height, 0.0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _on_picture(item: Evidence, label: LabelBox) -> bool:
    """At least one pixel each way of the box is on the picture; nobody keeps a device from sealing another one."""
    xyxy = (label.left_px, label.top_px, label.right_px, label.bottom_px)
    left, top, right, bottom = _inside(xyxy, item.width_px, item.height_px)
    return right - left >= 1.0 and bottom - top >= 1.0


def _inside(xyxy: Xyxy, width_px: int, height_px: int) -> Xyxy:
    left, top, right, bottom = xyxy
    return max(left, 0.0), max(top, 0.0), min(right, float(width_px)), min(bottom, float(height_px))
