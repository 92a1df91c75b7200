"""What lies in the outbox and what comes out of it: evidence files, reports, jobs for the uplink, limits."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from detector.errors import InputError
from detector.report import ReportBody

SUFFIXES: Final = {"image/jpeg": ".jpg", "image/png": ".png", "video/mp4": ".mp4"}
"""File name ending of each media type a report may carry."""


class ReportState(StrEnum):
    """How far a report has come."""

    QUEUED = "queued"
    """Durable here, not known to be at the server."""
    SENT = "sent"
    """The server has the JSON; evidence is under way."""
    STORED = "stored"
    """The server says that everything is stored."""
    CONFLICT = "conflict"
    """The server holds another body under this id: kept here for a person to look at."""
    REFUSED = "refused"
    """The server finds the body invalid: kept here for a person to look at."""


Releasable = Literal["held", "conflict", "refused"]
"""States that end only by a person's word: files that are held, reports in conflict or refused."""


class Load(IntEnum):
    """How heavy a thing the link may carry now."""

    NOTHING = 0
    REPORTS = 1
    """Report JSON and heartbeats."""
    STILLS = 2
    CLIPS = 3
    """Everything, originals that were asked for included."""


class FileState(StrEnum):
    """How far an evidence file has come."""

    QUEUED = "queued"
    SENT = "sent"
    """Every byte was accepted; the server's word on the whole report follows."""
    HELD = "held"
    """Its bytes do not match their hash, here or there: kept for a person to look at."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much disk the outbox may take.

    Attributes:
        bytes_max: of evidence files. Reached, evidence is dropped in the order of `edge.outbox_room`.
        reserve_bytes: left free on the file system for everything else on the device.
    """

    bytes_max: int = 32 * 1024**3
    reserve_bytes: int = 128 * 1024**2

    def __post_init__(self) -> None:
        if self.bytes_max <= 0 or self.reserve_bytes < 0:
            raise InputError(
                f"quota of {self.bytes_max} bytes with {self.reserve_bytes} in reserve: "
                "bytes_max must be above 0 and reserve_bytes not below 0"
            )


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """Bytes of one evidence file; `suffix` with its dot. `of` names the hash for you."""

    data: bytes
    sha256: str
    suffix: str

    def __post_init__(self) -> None:
        if self.suffix not in SUFFIXES.values():
            raise InputError(f"evidence suffix {self.suffix!r} is none of {', '.join(SUFFIXES.values())}")
        if sha256(self.data).hexdigest() != self.sha256:
            raise InputError(f"evidence named {self.sha256} has other bytes")

    @staticmethod
    def of(data: bytes, suffix: str) -> EvidenceFile:
        """The file with its hash."""
        return EvidenceFile(data, sha256(data).hexdigest(), suffix)

    @property
    def name(self) -> str:
        """File name: the hash and the suffix."""
        return self.sha256 + self.suffix


BodyBuilder = Callable[[uuid.UUID], tuple[ReportBody, Sequence[EvidenceFile]]]
"""Makes the body for a freshly minted report id, with its evidence files."""


@dataclass(frozen=True, slots=True)
class ReportJob:
    """A report whose JSON is to be sent, or whose state at the server is to be asked."""

    report_id: uuid.UUID
    sealed: bytes
    body_sha256: str
    attempts: int


@dataclass(frozen=True, slots=True)
class FileJob:
    """An evidence file to be uploaded; `0 <= offset_hint_bytes <= size_bytes`.

    `offset_hint_bytes` only serves progress: the server alone knows what it has. `mismatches` counts how often it
    found other bytes than the hash names.
    """

    sha256: str
    path: Path
    report_id: uuid.UUID
    """One of the reports that name it."""
    size_bytes: int
    upload_url: str | None
    offset_hint_bytes: int
    mismatches: int
    attempts: int


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report as it lies in the outbox."""

    report_id: uuid.UUID
    hit_key: str
    state: ReportState
    sealed: bytes
    files: tuple[Path, ...]
    last_error: str | None
    case_url: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Reports by state, and files not yet at the server."""

    queued: int
    sent: int
    stored: int
    conflict: int
    refused: int
    files_waiting: int
    files_held: int
    bytes_waiting: int
    files_given_up: int = 0
    """Dropped for want of room before they were sent; see `edge.outbox_room`."""

    @property
    def waiting(self) -> int:
        """Reports that more uploading can still bring to the server."""
        return self.queued + self.sent
