"""Evidence pictures as the pages draw them: an image under boxes, all in pixels of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from detector.report import ReportBox
from detector.vocabulary import Text, vocabulary
from server.cases.workflow import BoxKey
from server.db.tables import Evidence, EvidenceState

TAG_SHARE = 1 / 48
"""Height of a box's label as a share of the picture's width, so that it reads the same on every picture."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle to draw, pixels of the picture; `index` is its number in the report's evidence item."""

    index: int
    left: float
    top: float
    width: float
    height: float
    cue: str
    text: Text
    confidence: float
    subject: bool
    redrawn: bool

    @property
    def right(self) -> float:
        """Right edge, px."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge, px."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Picture:
    """One evidence picture of one report."""

    report_id: str
    sha256: str
    role: str
    width: int
    height: int
    captured_at: datetime
    blurred: bool
    blur_method: str
    frame_id: str
    stored: bool
    boxes: tuple[Box, ...]

    @property
    def key(self) -> str:
        """Names the picture on its case page: two sightings can show the very same file."""
        return f"{self.report_id}.{self.sha256}"

    @property
    def url(self) -> str:
        """Where the page loads it from."""
        return f"/api/v1/evidence/{self.sha256}"

    @property
    def tag_px(self) -> float:
        """Height of the labels, px of the picture."""
        return round(self.width * TAG_SHARE, 1)

    @property
    def subject(self) -> Box | None:
        """The box the report is about."""
        return next((box for box in self.boxes if box.subject), None)

    def crop(self, aspect: float = 16 / 9) -> str:
        """A viewBox around the subject, for thumbnails: 2.2 times its size, at least a third of the picture."""
        box = self.subject
        if box is None:
            return f"0 0 {self.width} {self.height}"
        width = min(max(box.width * 2.2, box.height * 2.2 * aspect, self.width / 3), self.width)
        height = min(width / aspect, self.height)
        left = min(max(box.left + box.width / 2 - width / 2, 0), self.width - width)
        top = min(max(box.top + box.height / 2 - height / 2, 0), self.height - height)
        return f"{left:.0f} {top:.0f} {width:.0f} {height:.0f}"


def cue_text(cue: str) -> Text:
    """A cue in both languages."""
    return vocabulary().cues.get(cue, Text(cue, cue))


def picture(
    item: Evidence,
    *,
    redrawn: Mapping[BoxKey, tuple[float, float, float, float]] | None = None,
    cue: str | None = None,
) -> Picture:
    """An evidence row as a picture to draw.

    Args:
        redrawn: boxes a reviewer drew anew; they take the place of the report's.
        cue: the cue a reviewer gave to the subject.
    """
    return Picture(
        report_id=item.report_id,
        sha256=item.sha256,
        role=item.role,
        width=item.width_px,
        height=item.height_px,
        captured_at=item.captured_at,
        blurred=item.blurred,
        blur_method=item.blur_method,
        frame_id=item.frame_id,
        stored=item.state is EvidenceState.STORED,
        boxes=tuple(
            _box(i, ReportBox.model_validate(raw), (redrawn or {}).get((item.report_id, item.sha256, i)), cue)
            for i, raw in enumerate(item.boxes)
        ),
    )


def _box(index: int, box: ReportBox, redrawn: tuple[float, float, float, float] | None, subject_cue: str | None) -> Box:
    left, top, right, bottom = redrawn or box.xyxy_px
    cue = (subject_cue or box.cue) if box.subject else box.cue
    return Box(
        index=index,
        left=left,
        top=top,
        width=right - left,
        height=bottom - top,
        cue=cue,
        text=cue_text(cue),
        confidence=box.confidence,
        subject=box.subject,
        redrawn=redrawn is not None,
    )
