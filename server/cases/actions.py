"""What can happen to a case: the reviewers' actions (a door: they come over HTTP) and the system's own events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from detector.report import Finite, Name, Probability, Sha256, Utc
from server.db.tables import RejectFamily

Reason = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$")]
ReportId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Confirm(_Event):
    """立案: it is a violation."""

    action: Literal["confirm"] = "confirm"


class Reject(_Event):
    """It is none; the family says what training learns from it, the reason is for people."""

    action: Literal["reject"] = "reject"
    family: RejectFamily
    reason: Reason


class ChangeCue(_Event):
    """The thing is something else than the model thought."""

    action: Literal["change_cue"] = "change_cue"
    cue: Name


class RedrawBox(_Event):
    """A better box on one evidence picture, in pixels of that picture; `box` is the index of the report's box."""

    action: Literal["redraw_box"] = "redraw_box"
    report_id: ReportId
    sha256: Sha256
    box: Annotated[int, Field(ge=0, le=10000)]
    xyxy_px: tuple[Finite, Finite, Finite, Finite]

    @model_validator(mode="after")
    def _ordered(self) -> RedrawBox:
        left, top, right, bottom = self.xyxy_px
        if not (left < right and top < bottom):
            raise ValueError(f"box {self.xyxy_px} is empty: give left < right and top < bottom")
        return self


class Undo(_Event):
    """Takes back the newest action of a reviewer that still stands."""

    action: Literal["undo"] = "undo"


ReviewAction = Annotated[Confirm | Reject | ChangeCue | RedrawBox | Undo, Field(discriminator="action")]
"""What a reviewer may do."""


class Decided(_Event):
    """A reviewer's action as the history keeps it, with the reports he had before him."""

    event: Literal["decided"] = "decided"
    decision: Annotated[Confirm | Reject | ChangeCue | RedrawBox, Field(discriminator="action")]
    reports: tuple[ReportId, ...]


class Undone(_Event):
    """The line `seq` of the history no longer counts."""

    event: Literal["undone"] = "undone"
    seq: int


class Opened(_Event):
    """A report that belongs to no known case opened this one."""

    event: Literal["opened"] = "opened"
    report_id: ReportId
    suggested_case_id: int | None = None
    from_case_id: int | None = None
    """The case it was taken out of, when a merge was undone."""


class Attached(_Event):
    """A report was found to show the same problem, with P(same problem) at that time."""

    event: Literal["attached"] = "attached"
    report_id: ReportId
    score: Probability


class Detached(_Event):
    """A report was taken out again and now belongs to `to_case_id`."""

    event: Literal["detached"] = "detached"
    report_id: ReportId
    to_case_id: int


class OriginalAsked(_Event):
    """A reviewer asked for an unblurred original of a report, and said why."""

    event: Literal["original_asked"] = "original_asked"
    report_id: ReportId
    sha256: Sha256
    reason: Name


class OriginalAnswered(_Event):
    """What became of an original that was asked for; ``deleted``: here, when its time was over."""

    event: Literal["original_answered"] = "original_answered"
    report_id: ReportId
    sha256: Sha256
    answer: Literal["refused", "gone", "stored", "deleted"]


class OriginalSeen(_Event):
    """A reviewer looked at an unblurred original, and said why."""

    event: Literal["original_seen"] = "original_seen"
    report_id: ReportId
    sha256: Sha256
    reason: Name


class Warned(_Event):
    """A rider told the people there, face to face (首违不罚: a first breach that is mended is not fined)."""

    event: Literal["warned"] = "warned"
    report_id: ReportId
    note_id: ReportId
    warned_at: Utc
    """By the box's clock, when it was pressed."""


Event = Annotated[
    Decided | Undone | Opened | Attached | Detached | OriginalAsked | OriginalAnswered | OriginalSeen | Warned,
    Field(discriminator="event"),
]
"""One line of the history."""
