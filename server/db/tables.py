"""The tables. Times are UTC, places WGS-84 degrees, covariances square metres in the local east-north plane.

One report is one row and never changes. A case is what people work on; its state is the fold of its events
(`server.cases.workflow`), and `label_boxes` is what the fold says about evidence pictures.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python on every database; SQLite, which has no zones, keeps it naive and sortable."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC for the database; a time without a zone is a bug and raises `ValueError`."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value} has no zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EvidenceState(StrEnum):
    """Whether the bytes of an evidence file are here."""

    MISSING = "missing"
    STORED = "stored"


class OriginalState(StrEnum):
    """Where an unblurred original is."""

    AT_BOX = "at_box"
    """Encrypted on the box, and nobody asked for it."""
    WANTED = "wanted"
    """A reviewer asked for it, with a reason; the box has not answered yet."""
    REFUSED = "refused"
    """The box's policy lets no original leave."""
    GONE = "gone"
    """The box no longer has it: its time was over, or there was no room."""
    STORED = "stored"
    """Here, held to the hash in the sealed report."""
    DELETED = "deleted"
    """Was here, and its time was over."""


class CaseState(StrEnum):
    """Where a case stands. Dispatch and what follows it build on `CONFIRMED`."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class RejectFamily(StrEnum):
    """Why a case is none. Training depends on the difference."""

    NOT_THE_OBJECT = "not_the_object"
    """The model was wrong: a hard negative."""
    OBJECT_BUT_ALLOWED = "object_but_allowed"
    """The model was right and the law permits it: the box stays a positive."""


class BoxOrigin(StrEnum):
    """Who drew a box."""

    MODEL = "model"
    REVIEWER = "reviewer"


class BoxVerdict(StrEnum):
    """What a reviewer said of a box. The first two are positives for training, the last a hard negative."""

    VIOLATION = "violation"
    ALLOWED = "allowed"
    NOT_THE_OBJECT = "not_the_object"


def _enum(kind: type[StrEnum]) -> Enum:
    """The values as short text, the same on every database, so that a new member needs no migration."""
    return Enum(kind, native_enum=False, length=32, values_callable=lambda members: [m.value for m in members])


class Base(DeclarativeBase):
    """Root of the tables. Constraints have names, so that migrations can change them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: UtcDateTime(),
        EvidenceState: _enum(EvidenceState),
        OriginalState: _enum(OriginalState),
        CaseState: _enum(CaseState),
        RejectFamily: _enum(RejectFamily),
        BoxOrigin: _enum(BoxOrigin),
        BoxVerdict: _enum(BoxVerdict),
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


class Reviewer(Base):
    """A person who decides cases."""

    __tablename__ = "reviewers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    """Argon2, with its own salt and parameters."""
    created_at: Mapped[datetime]


class ReviewerSession(Base):
    """One sign-in. The cookie's token is stored as its SHA-256 only."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("reviewers.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    reviewer: Mapped[Reviewer] = relationship()


class Device(Base):
    """A vehicle's or camera's computer, named by the SHA-256 of its public key."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    enrolled_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class DeviceBeat(Base):
    """What a box said of itself last."""

    __tablename__ = "device_beats"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    received_at: Mapped[datetime]
    clock_ahead_s: Mapped[float]
    """The box's clock against the server's when the heartbeat came."""
    beat: Mapped[dict[str, Any]]
    """A `detector.heartbeat.Heartbeat` as JSON, without its questions."""


class EnrolmentCode(Base):
    """A one-time code that lets one device in; stored as its SHA-256."""

    __tablename__ = "enrolment_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    code_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("reviewers.id"))
    """`None` for the code made at first start."""
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None] = mapped_column(ForeignKey("devices.id"))


class Report(Base):
    """A sealed report, kept byte for byte in its canonical form; the other columns are what queries need."""

    __tablename__ = "reports"
    __table_args__ = (
        UniqueConstraint("device_id", "hit_key"),
        Index("ix_reports_device_id_pass_id", "device_id", "pass_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    hit_key: Mapped[str] = mapped_column(String(64))
    body_sha256: Mapped[str] = mapped_column(String(64))
    sealed_json: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """`detector.evidence.seal.sealed_bytes`; loaded only when asked for."""
    kind: Mapped[str] = mapped_column(String(64), index=True)
    cue: Mapped[str] = mapped_column(String(200))
    outcome: Mapped[str] = mapped_column(String(32))
    probability: Mapped[float]
    count: Mapped[int]
    source_id: Mapped[str] = mapped_column(String(200))
    pass_id: Mapped[str] = mapped_column(String(200))
    track_id: Mapped[str] = mapped_column(String(200))
    not_same_as: Mapped[list[str]]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    captured_at: Mapped[datetime] = mapped_column(index=True)
    lon_deg: Mapped[float | None]
    lat_deg: Mapped[float | None]
    cov_ee_m2: Mapped[float | None]
    """`cov_own + cov_pass`: the whole error of the point."""
    cov_en_m2: Mapped[float | None]
    cov_nn_m2: Mapped[float | None]
    h3_cell: Mapped[str | None] = mapped_column(String(15), index=True)
    synthetic: Mapped[bool]
    """The position is made up for a demonstration."""
    received_at: Mapped[datetime]
    evidence: Mapped[list[Evidence]] = relationship(back_populates="report", order_by="Evidence.position")
    originals: Mapped[list[Original]] = relationship(back_populates="report", order_by="Original.position")
    sighting: Mapped[Sighting] = relationship(back_populates="report")


class Evidence(Base):
    """One evidence file that a report declares. The bytes lie in the evidence store under their SHA-256."""

    __tablename__ = "evidence"

    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    position: Mapped[int]
    """Order in the report, from 0."""
    role: Mapped[str] = mapped_column(String(32))
    media_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    frame_id: Mapped[str] = mapped_column(String(200))
    captured_at: Mapped[datetime]
    width_px: Mapped[int]
    height_px: Mapped[int]
    boxes: Mapped[list[dict[str, Any]]]
    """The report's boxes, each a `detector.report.ReportBox` as JSON, in the report's order."""
    blurred: Mapped[bool]
    blur_method: Mapped[str] = mapped_column(String(200))
    state: Mapped[EvidenceState]
    stored_at: Mapped[datetime | None]
    report: Mapped[Report] = relationship(back_populates="evidence")


class Original(Base):
    """One unblurred original that a report names; its bytes come only when a reviewer asks and the box allows it."""

    __tablename__ = "originals"

    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    position: Mapped[int]
    """Order in the report, from 0."""
    role: Mapped[str] = mapped_column(String(32))
    media_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    width_px: Mapped[int]
    height_px: Mapped[int]
    state: Mapped[OriginalState] = mapped_column(index=True)
    asked_by: Mapped[str | None] = mapped_column(String(220))
    """``reviewer:<name>`` who asked for it last."""
    reason: Mapped[str | None] = mapped_column(String(200))
    asked_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    """When it was refused, found gone, stored, or deleted here."""
    report: Mapped[Report] = relationship(back_populates="originals")


class Upload(Base):
    """A tus upload under way. `offset_bytes` counts only bytes that are on the disk for good.

    Invariant: ``0 <= offset_bytes <= length_bytes``, and equal only once the file is stored and its hash checked.
    """

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("device_id", "sha256"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    length_bytes: Mapped[int]
    offset_bytes: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Case(Base):
    """One problem in the world, with one or more sightings. Written only by `server.cases`."""

    __tablename__ = "cases"
    __table_args__ = (Index("ix_cases_h3_cell_kind", "h3_cell", "kind"), Index("ix_cases_state_id", "state", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[CaseState]
    kind: Mapped[str] = mapped_column(String(64))
    cue: Mapped[str] = mapped_column(String(200))
    """The model's cue, or the one a reviewer put in its place."""
    reject_family: Mapped[RejectFamily | None]
    reject_reason: Mapped[str | None] = mapped_column(String(1000))
    probability: Mapped[float]
    """The largest of its sightings'."""
    lon_deg: Mapped[float | None]
    """`None`: place unknown. Else what the sightings have in common, see `detector.geo.fuse`."""
    lat_deg: Mapped[float | None]
    cov_ee_m2: Mapped[float | None]
    cov_en_m2: Mapped[float | None]
    cov_nn_m2: Mapped[float | None]
    h3_cell: Mapped[str | None] = mapped_column(String(15))
    synthetic: Mapped[bool]
    """Some sighting's position is made up."""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime] = mapped_column(index=True)
    opened_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    """When a person last confirmed or rejected it; association's window after a decision runs from `last_seen_at`."""
    version: Mapped[int]
    """Grows with every event; an action names the version it saw."""
    sightings: Mapped[list[Sighting]] = relationship(
        back_populates="case", foreign_keys="Sighting.case_id", order_by="Sighting.id"
    )
    events: Mapped[list[CaseEvent]] = relationship(back_populates="case", order_by="CaseEvent.seq")


class Sighting(Base):
    """A report that belongs to a case."""

    __tablename__ = "sightings"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), unique=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    score: Mapped[float | None]
    """P(same problem) when it was attached; `None` when it opened the case."""
    suggested_case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    """A case it may belong to as well; a person decides."""
    attached_at: Mapped[datetime]
    case: Mapped[Case] = relationship(back_populates="sightings", foreign_keys=[case_id])
    report: Mapped[Report] = relationship(back_populates="sighting")


class CaseEvent(Base):
    """One line of a case's history: append-only, each line holding the hash of the one before."""

    __tablename__ = "case_events"

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    """From 1."""
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(220))
    """``reviewer:<name>`` or ``system``."""
    action: Mapped[dict[str, Any]]
    """A `server.cases.actions.Event` as JSON."""
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    case: Mapped[Case] = relationship(back_populates="events")


class LabelBox(Base):
    """A box on an evidence picture that a person has passed judgement on: what training may learn from.

    Rows exist only while the case is confirmed or rejected, for the reports the reviewer had before him.
    """

    __tablename__ = "label_boxes"
    __table_args__ = (UniqueConstraint("report_id", "sha256", "box"), Index("ix_label_boxes_sha256", "sha256"))

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    box: Mapped[int]
    """Index into `Evidence.boxes`."""
    cue: Mapped[str] = mapped_column(String(200))
    left_px: Mapped[float]
    top_px: Mapped[float]
    right_px: Mapped[float]
    bottom_px: Mapped[float]
    origin: Mapped[BoxOrigin]
    verdict: Mapped[BoxVerdict]
    reviewer: Mapped[str] = mapped_column(String(220))
    """``reviewer:<name>`` who gave the verdict."""
    decided_at: Mapped[datetime]


class RiderNote(Base):
    """What a rider said: of a report, or of something that the box did not see."""

    __tablename__ = "rider_notes"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    said: Mapped[str] = mapped_column(String(32), index=True)
    """``warned`` or ``missed``."""
    body_sha256: Mapped[str] = mapped_column(String(64))
    report_id: Mapped[str | None] = mapped_column(ForeignKey("reports.id"))
    kind: Mapped[str | None] = mapped_column(String(64))
    lon_deg: Mapped[float | None]
    lat_deg: Mapped[float | None]
    sigma_m: Mapped[float | None]
    synthetic: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(index=True)
    received_at: Mapped[datetime]
    sealed_json: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """As it came, without the picture."""
    picture: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The blurred JPEG."""
    width_px: Mapped[int | None]
    height_px: Mapped[int | None]


class FleetPack(Base):
    """A fleet pack that boxes can be offered; the file lies in the pack store under its SHA-256."""

    __tablename__ = "fleet_packs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(40), unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    signer: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime]
    site_name: Mapped[str] = mapped_column(String(200))
    model_name: Mapped[str] = mapped_column(String(200))
    only_devices: Mapped[list[str]]
    """Device ids that the pack itself names; empty for any."""
    uploaded_at: Mapped[datetime]
    uploaded_by: Mapped[str] = mapped_column(String(220))
    share_percent: Mapped[int]
    """Of all boxes, 0..100; which of them, is told by `server.fleet.offers.turn_percent`."""
    paused: Mapped[bool]


class FleetPackDevice(Base):
    """A box that a person chose for a pack, whatever its share is."""

    __tablename__ = "fleet_pack_devices"

    pack_sha256: Mapped[str] = mapped_column(ForeignKey("fleet_packs.sha256"), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
