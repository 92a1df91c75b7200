"""The original of what a report shows: unblurred, kept on the box, and gone after a set time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Literal, Protocol

from detector.evidence.best_frame import BestFrame
from detector.report import Original
from detector.tracks import Track


@dataclass(frozen=True, eq=False)
class OriginalFile:
    """Bytes of one original; the report names them by hash, the vault keeps them encrypted.

    Attributes:
        media_type: ``image/jpeg`` or ``video/mp4``.
        begins_at, ends_at: UTC of what it covers; equal for a picture.
    """

    data: bytes
    role: Literal["frame", "clip"]
    media_type: Literal["image/jpeg", "video/mp4"]
    frame_id: str
    begins_at: datetime
    ends_at: datetime
    width_px: int
    height_px: int

    @cached_property
    def sha256(self) -> str:
        """Hash of the bytes, hex."""
        return sha256(self.data).hexdigest()

    def named(self) -> Original:
        """How a report names it."""
        return Original(
            role=self.role,
            media_type=self.media_type,
            sha256=self.sha256,
            size_bytes=len(self.data),
            frame_id=self.frame_id,
            begins_at=self.begins_at,
            ends_at=self.ends_at,
            width_px=self.width_px,
            height_px=self.height_px,
        )


class Originals(Protocol):
    """Gathers and keeps originals; without one (a patrol over recordings) a report names none."""

    def gather(self, best: BestFrame, track: Track) -> tuple[OriginalFile, ...]:
        """The unblurred picture of a report, and the clip around it where the camera still has it."""
        ...

    def keep(self, report_id: uuid.UUID, files: tuple[OriginalFile, ...]) -> tuple[OriginalFile, ...]:
        """Keep them, durably and encrypted, before the report that names them is in the outbox.

        Returns:
            Those for which there was room, the most needed first. A report names these alone: it goes out without the
            others rather than not at all.
        """
        ...

    def forget(self, report_id: uuid.UUID) -> None:
        """The report did not get into the outbox: delete what was kept for it."""
        ...
