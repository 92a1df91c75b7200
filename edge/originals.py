"""The original of what a report shows: unblurred, kept on the box, and gone after a set time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, Protocol

from detector.evidence.best_frame import BestFrame
from detector.tracks import Track


@dataclass(frozen=True, slots=True, eq=False)
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

    @property
    def sha256(self) -> str:
        """Hash of the bytes, hex."""
        return sha256(self.data).hexdigest()


class Originals(Protocol):
    """Gathers and keeps originals; without one (a patrol over recordings) a report names none."""

    def gather(self, best: BestFrame, track: Track) -> tuple[OriginalFile, ...]:
        """The unblurred picture of a report, and the clip around it where the camera still has it."""
        ...

    def keep(self, report_id: str, files: tuple[OriginalFile, ...]) -> None:
        """Keep them, durably and encrypted, before the report that names them is in the outbox.

        Raises:
            TransientError: no room.
        """
        ...
