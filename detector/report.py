"""The report: what the edge uploads for one hit, and the only thing edge and server agree on.

A report is one JSON object (`SealedReport`): the body, and a seal over the canonical bytes of the body. Evidence
files travel on their own and are bound by their SHA-256 in the body. The body is idempotent by `report_id`; the
same hit always gets the same `hit_key`, so a patrol run again makes no second report.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from detector.vocabulary import CUE_PATTERN, Kind, Outcome

SCHEMA = "kerbwatch-report/1"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Cue = Annotated[str, Field(pattern=CUE_PATTERN)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


YEARS = range(2000, 2100)
"""Years a recording can be of: a clock that says another was never set, and windows of time must not overflow."""


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its zone: write UTC, e.g. 2026-05-17T09:30:00Z")
    # Twice: the first and the last year have neighbours in another zone, and the years 1 and 9999 none at all.
    _check_year(value)
    utc = value.astimezone(UTC)
    _check_year(utc)
    return utc


def _check_year(value: datetime) -> None:
    if value.year not in YEARS:
        raise ValueError(f"the year {value.year} is not within {YEARS.start} to {YEARS.stop - 1}: set the clock")


Utc = Annotated[datetime, AfterValidator(_utc)]
"""Aware time, kept as UTC."""

_VARIANCE_MAX_M2 = 1e15
"""Once around the Earth; beyond, sums and squares would leave the floats."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _is_none(value: object) -> bool:
    return value is None


def _is_empty(value: object) -> bool:
    return value == ()


class Covariance(_Wire):
    """2x2 covariance in the local east-north plane, square metres; symmetric, positive semi-definite."""

    ee_m2: Annotated[float, Field(ge=0, le=_VARIANCE_MAX_M2)]
    en_m2: Annotated[float, Field(ge=-_VARIANCE_MAX_M2, le=_VARIANCE_MAX_M2)]
    nn_m2: Annotated[float, Field(ge=0, le=_VARIANCE_MAX_M2)]

    @model_validator(mode="after")
    def _semi_definite(self) -> Covariance:
        if self.en_m2**2 > self.ee_m2 * self.nn_m2 * (1 + 1e-9) + 1e-12:
            raise ValueError(f"not a covariance: en_m2 {self.en_m2} is larger than sqrt(ee_m2 * nn_m2)")
        return self


class ReportOffset(_Wire):
    """What the place was moved by to lie on the map; see `detector.hit.PassOffset`."""

    east_m: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
    north_m: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
    cov: Covariance
    anchors: Annotated[int, Field(ge=1, le=100000)]


class ReportPlace(_Wire):
    """Where the thing stands; see `detector.hit.Place` for the meaning of every term. WGS-84."""

    crs: Literal["WGS84"] = "WGS84"
    lon_deg: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat_deg: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    cov_own: Covariance
    cov_pass: Covariance
    pass_shift: Covariance
    heading_lever_m: tuple[Finite, Finite]
    sigma_heading_rad: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    range_m: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    method: Name
    synthetic: bool
    offset: Annotated[ReportOffset | None, Field(exclude_if=_is_none)] = None
    """`None`, and absent from the JSON, where the place is as the fix gave it: so older reports keep their bytes."""

    @model_validator(mode="after")
    def _not_null_island(self) -> ReportPlace:
        if self.lon_deg == 0.0 and self.lat_deg == 0.0:
            raise ValueError("place is (0, 0): an unknown place is null, never 0, 0")
        return self


class ReportFix(_Wire):
    """The fix the vehicle had at the best frame; a standing camera has none."""

    quality: Name
    sigma_m: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    heading_deg: Annotated[float, Field(ge=0, lt=360)] | None
    speed_m_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    synthetic: bool


class ReportReason(_Wire):
    """Why, in both languages."""

    code: Name
    zh: Name
    en: Name


class ReportBox(_Wire):
    """A box on an evidence picture, pixels of that picture. `subject` marks what the report is about."""

    xyxy_px: tuple[Finite, Finite, Finite, Finite]
    cue: Cue
    confidence: Probability
    subject: bool

    @model_validator(mode="after")
    def _ordered(self) -> ReportBox:
        left, top, right, bottom = self.xyxy_px
        if not (left < right and top < bottom):
            raise ValueError(f"box {self.xyxy_px} is empty: give left < right and top < bottom")
        return self


class EvidenceItem(_Wire):
    """One evidence file, bound by the hash of its bytes. Only derived, blurred pictures are uploaded by default."""

    role: Literal["still_full", "still_crop", "clip"]
    media_type: Literal["image/jpeg", "image/png", "video/mp4"]
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0, le=512 * 1024 * 1024)]
    frame_id: Name
    captured_at: Utc
    width_px: Annotated[int, Field(gt=0, le=20000)]
    height_px: Annotated[int, Field(gt=0, le=20000)]
    boxes: tuple[ReportBox, ...]
    blurred: bool
    blur_method: Name
    """``none``, ``person_head`` (from the person box) or ``yunet``; joined by + when several ran."""


class Original(_Wire):
    """An unblurred original that the box keeps encrypted, named here so that its bytes can be held to the seal later.

    It is not uploaded with the report: a person asks for it with a reason, and the box's policy decides.
    """

    role: Literal["frame", "clip"]
    media_type: Literal["image/jpeg", "video/mp4"]
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0, le=512 * 1024 * 1024)]
    frame_id: Name
    begins_at: Utc
    ends_at: Utc
    width_px: Annotated[int, Field(gt=0, le=20000)]
    height_px: Annotated[int, Field(gt=0, le=20000)]


class Embedding(_Wire):
    """Appearance of the thing (never of a person), with the hash of the model that made it."""

    model_sha256: Sha256
    vector: Annotated[tuple[Finite, ...], Field(min_length=8, max_length=4096)]


class Versions(_Wire):
    """What decided: software, model and site, so that a verdict can be made again."""

    software: Name
    model_name: Name
    model_sha256: Sha256
    site_sha256: Sha256


class ReportBody(_Wire):
    """Everything a report says. Times are UTC; pixels are of the evidence pictures; angles are degrees."""

    schema_: Literal["kerbwatch-report/1"] = Field(default=SCHEMA, alias="schema")
    report_id: uuid.UUID
    hit_key: Sha256
    device_id: Sha256
    """SHA-256 of the device's public key: the identity exists before any server does."""
    patrol_id: Name
    pass_id: Name
    """One drive past (or one stretch of a standing camera): things seen on it share `cov_pass`."""
    track_id: Name
    not_same_as: Annotated[tuple[Name, ...], Field(max_length=5000)]
    """Track ids of the same pass that were seen in one frame with this one: they are other things."""
    source_id: Name
    source_sha256: Sha256 | None
    camera_id: Name
    observed_by: Literal["vehicle", "fixed", "drone"]
    frame_ids: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)]
    frame_count: Annotated[int, Field(ge=1)]
    first_seen_at: Utc
    last_seen_at: Utc
    captured_at: Utc
    """Time of the best frame."""
    kind: Kind
    cue: Cue
    outcome: Outcome
    probability: Probability
    reasons: Annotated[tuple[ReportReason, ...], Field(min_length=1, max_length=50)]
    zone_ids: Annotated[tuple[Name, ...], Field(max_length=200)]
    rule_id: Name
    count: Annotated[int, Field(ge=1, le=100000)]
    place: ReportPlace | None
    """`null` means place unknown."""
    fix: ReportFix | None
    evidence: Annotated[tuple[EvidenceItem, ...], Field(min_length=1, max_length=50)]
    originals: Annotated[tuple[Original, ...], Field(max_length=20, exclude_if=_is_empty)] = ()
    """Absent from the JSON where the box keeps none, so older reports keep their bytes."""
    embedding: Embedding | None = None
    versions: Versions

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _consistent(self) -> ReportBody:
        if self.outcome is Outcome.ALLOWED:
            raise ValueError("outcome 'allowed' is not reported: only violation and unsure are")
        if not self.first_seen_at <= self.captured_at <= self.last_seen_at:
            raise ValueError("captured_at must lie between first_seen_at and last_seen_at")
        if self.track_id in self.not_same_as:
            raise ValueError(f"track {self.track_id!r} cannot be not_same_as itself")
        if len({item.sha256 for item in self.evidence}) != len(self.evidence):
            raise ValueError("two evidence items have the same bytes: list each file once")
        if len({item.sha256 for item in self.originals}) != len(self.originals):
            raise ValueError("two originals have the same bytes: list each file once")
        if {item.sha256 for item in self.originals} & {item.sha256 for item in self.evidence}:
            raise ValueError("an original is evidence too: it would be sent without being asked for")
        return self


class Seal(_Wire):
    """A signature over the canonical bytes of the body. The algorithm is named so that SM2/SM3 can follow."""

    algorithm: Literal["ed25519+sha256"]
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Raw Ed25519 public key, hex. Its SHA-256 is the device id."""
    body_sha256: Sha256
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class SealedReport(_Wire):
    """What travels: the body and its seal."""

    body: ReportBody
    seal: Seal


def canonical_bytes(body: ReportBody) -> bytes:
    """The one byte string of a body: JSON, keys sorted, no spaces, UTF-8, times as UTC ISO 8601.

    The seal signs these bytes, so a body read back from any store gives the same bytes again.
    """
    data: dict[str, Any] = body.model_dump(mode="json", by_alias=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def body_sha256(body: ReportBody) -> str:
    """SHA-256 of `canonical_bytes`, hex."""
    return hashlib.sha256(canonical_bytes(body)).hexdigest()


def hit_key(patrol_id: str, source_sha256: str, first_seen_at: datetime, kind: Kind, ordinal: int) -> str:
    """Deterministic name of a hit: the same patrol over the same source always gives the same key (hex SHA-256)."""
    parts = (patrol_id, source_sha256, first_seen_at.astimezone(UTC).isoformat(), kind.value, str(ordinal))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
