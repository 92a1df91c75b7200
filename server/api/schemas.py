"""What the API takes and gives. Times are UTC, places WGS-84 degrees, covariances m² in the east-north plane."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from detector.report import Name, ReportBox, Sha256
from detector.vocabulary import Kind
from server.cases.actions import ReviewAction
from server.db.tables import BoxOrigin, BoxVerdict, CaseState, EvidenceState, RejectFamily


class _Taken(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class SignIn(_Taken):
    """A reviewer's name and password."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class SessionOut(_Given):
    """Who is signed in. `csrf_token` goes into the header X-CSRF-Token of every request that changes something."""

    name: str
    csrf_token: str


class CodeOut(_Given):
    """A one-time enrolment code. It is shown this once."""

    code: str
    expires_at: datetime


class Enrol(_Taken):
    """A device asking to be let in."""

    code: Annotated[str, Field(min_length=1, max_length=100)]
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Raw Ed25519 public key, hex.")]
    name: Name
    signature: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{128}$",
            description="Ed25519 signature, hex, over the bytes kerbwatch-enrol 0x1f code 0x1f name (UTF-8).",
        ),
    ]


class EnrolledOut(_Given):
    """The device is in. The token is shown this once."""

    device_id: Sha256
    token: str


class ReportOut(_Given):
    """What the service has of a report."""

    report_id: str
    body_sha256: Sha256
    missing_evidence: tuple[Sha256, ...]
    complete: bool
    case_id: int
    case_url: str


class NoteOut(_Given):
    """A rider's note that is kept; `case_id` is the case of the report it is about."""

    note_id: str
    case_id: int | None


class PointOut(_Given):
    """An estimated place with its covariance."""

    lon_deg: float
    lat_deg: float
    cov_ee_m2: float
    cov_en_m2: float
    cov_nn_m2: float


class CaseOut(_Given):
    """A case in a list."""

    id: int
    url: str
    state: CaseState
    kind: Kind
    cue: str
    probability: float
    place: PointOut | None = Field(description="null: place unknown")
    synthetic: bool = Field(description="The position is made up for a demonstration.")
    first_seen_at: datetime
    last_seen_at: datetime
    opened_at: datetime
    decided_at: datetime | None
    reject_family: RejectFamily | None
    reject_reason: str | None
    sightings: int
    version: int


class CaseList(_Given):
    """One page of cases, newest first; `next_before` asks for the page after it."""

    total: int
    cases: tuple[CaseOut, ...]
    next_before: int | None


class EvidenceOut(_Given):
    """One evidence file of a sighting."""

    sha256: Sha256
    role: str
    media_type: str
    size_bytes: int
    state: EvidenceState
    captured_at: datetime
    width_px: int
    height_px: int
    boxes: tuple[ReportBox, ...]
    blurred: bool
    blur_method: str
    url: str


class SightingOut(_Given):
    """A report that belongs to the case."""

    report_id: str
    device_id: Sha256
    pass_id: str
    track_id: str
    outcome: str
    probability: float
    captured_at: datetime
    place: PointOut | None
    score: float | None
    suggested_case_id: int | None
    evidence: tuple[EvidenceOut, ...]


class EventOut(_Given):
    """One line of the history; `hash` covers the line and `prev_hash`."""

    seq: int
    at: datetime
    actor: str
    action: dict[str, Any]
    prev_hash: Sha256
    hash: Sha256


class LabelBoxOut(_Given):
    """A box a person has judged."""

    report_id: str
    sha256: Sha256
    box: int
    cue: str
    xyxy_px: tuple[float, float, float, float]
    origin: BoxOrigin
    verdict: BoxVerdict


class CaseDetailOut(CaseOut):
    """Everything about a case."""

    sighting_list: tuple[SightingOut, ...]
    history: tuple[EventOut, ...]
    labels: tuple[LabelBoxOut, ...]


class ActionIn(_Taken):
    """An action, and the version of the case that the reviewer saw."""

    version: Annotated[int, Field(ge=0)]
    action: ReviewAction
