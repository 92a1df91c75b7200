"""What the page is shown: the newest look of each camera, the last reports, and how the box does.

The box's threads pin it to a `Board`; the page reads it whenever a phone asks.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from detector.detections import Detections
from detector.frame import Fix, Frame
from detector.report import EvidenceItem, ReportBody
from detector.vocabulary import Kind, Outcome, Text
from edge.box.health import BoxHealth
from edge.parcels import EvidenceFile

REPORTS_MAX: Final = 20
_CROP_MAX_BYTES = 1024**2


@dataclass(frozen=True, slots=True, eq=False)
class LastLook:
    """A picture that went through the network, as it is: whoever shows it blurs it first."""

    camera_id: str
    frame: Frame
    found: Detections


@dataclass(frozen=True, slots=True, eq=False)
class ReportLine:
    """A report as the rider sees it.

    Attributes:
        at: of the best picture.
        place: longitude, latitude, degrees; `None` when unknown.
        picture: the blurred still, JPEG or PNG; empty when there is none.
    """

    report_id: uuid.UUID
    at: datetime
    kind: Kind
    cue: str
    outcome: Outcome
    probability: float
    place: tuple[float, float] | None
    zone_ids: tuple[str, ...]
    reasons: tuple[Text, ...]
    picture: bytes = b""
    media_type: str = "image/jpeg"


class BoxFeed(Protocol):
    """What the page asks. May be called from any thread, and does not wait."""

    def looks(self) -> tuple[LastLook, ...]:
        """The newest look of every camera that has had one."""
        ...

    def reports(self) -> tuple[ReportLine, ...]:
        """The last reports, newest first."""
        ...

    def health(self) -> BoxHealth | None:
        """The newest health; `None` before the first."""
        ...

    def fix(self) -> Fix | None:
        """Where the vehicle was in that second; `None` when nobody knows."""
        ...


class Board:
    """The `BoxFeed` that the box's threads write to. Every method may be called from any thread."""

    def __init__(self, reports_max: int = REPORTS_MAX) -> None:
        self._lock = threading.Lock()
        self._looks: dict[str, LastLook] = {}
        self._reports: deque[ReportLine] = deque(maxlen=reports_max)
        self._health: BoxHealth | None = None
        self._fix: Fix | None = None

    def looked(self, camera_id: str, frame: Frame, found: Detections) -> None:
        """A picture went through the network; it is kept until the camera's next one."""
        with self._lock:
            self._looks[camera_id] = LastLook(camera_id, frame, found)

    def reported(self, line: ReportLine) -> None:
        """A report lies in the outbox; see `report_line`."""
        with self._lock:
            self._reports.appendleft(line)

    def beat(self, health: BoxHealth, fix: Fix | None) -> None:
        """Another second has gone by."""
        with self._lock:
            self._health, self._fix = health, fix

    def looks(self) -> tuple[LastLook, ...]:
        """The newest look of every camera, by name."""
        with self._lock:
            return tuple(self._looks[name] for name in sorted(self._looks))

    def reports(self) -> tuple[ReportLine, ...]:
        """The last reports, newest first."""
        with self._lock:
            return tuple(self._reports)

    def health(self) -> BoxHealth | None:
        """The newest health."""
        with self._lock:
            return self._health

    def fix(self) -> Fix | None:
        """Where the vehicle was then."""
        with self._lock:
            return self._fix


def report_line(body: ReportBody, files: Sequence[EvidenceFile]) -> ReportLine:
    """A report as the rider sees it, with the smallest blurred still among its files."""
    still, picture = _still(body, {file.sha256: file.data for file in files})
    return ReportLine(
        report_id=body.report_id,
        at=body.captured_at,
        kind=body.kind,
        cue=body.cue,
        outcome=body.outcome,
        probability=body.probability,
        place=(body.place.lon_deg, body.place.lat_deg) if body.place else None,
        zone_ids=body.zone_ids,
        reasons=tuple(Text(reason.zh, reason.en) for reason in body.reasons),
        picture=picture,
        media_type=still.media_type if still else "image/jpeg",
    )


def _still(body: ReportBody, data: dict[str, bytes]) -> tuple[EvidenceItem | None, bytes]:
    """The crop before the whole picture; nothing that is not blurred, and nothing too heavy to keep in memory."""
    stills = [
        item
        for item in body.evidence
        if item.role != "clip" and item.blurred and 0 < len(data.get(item.sha256, b"")) <= _CROP_MAX_BYTES
    ]
    stills.sort(key=lambda item: item.size_bytes)
    return (stills[0], data[stills[0].sha256]) if stills else (None, b"")
