"""What a box says of itself to the server every minute, and what the server answers.

Like the report it is a contract between edge and server: one JSON object each way, `Heartbeat` and `Orders`.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from detector.report import Name, Sha256, Utc

SCHEMA = "kerbwatch-heartbeat/1"
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0, le=2**63 - 1)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$")]
"""Numbers with points between them, compared number by number."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CameraBeat(_Wire):
    """One camera."""

    camera_id: Name
    state: Literal["connecting", "live", "stalled", "away"]
    frame_age_s: Seconds | None
    looks: Count
    connections: Count


class AlarmBeat(_Wire):
    """Something a person should see to."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,63}$")]
    severity: Literal["notice", "warning", "critical"]
    about: Annotated[str, Field(max_length=200)] = ""
    """Camera id, folder, or the like; "" for the box as a whole."""
    zh: Name
    en: Name
    since: Utc


class OriginalAnswer(_Wire):
    """The box's word on an original that it was asked for and will not send."""

    report_id: uuid.UUID
    sha256: Sha256
    answer: Literal["refused", "gone"]
    """``refused``: the box's policy lets none leave; ``gone``: deleted when its time was over, or never kept."""


def _is_empty(value: object) -> bool:
    return value == ()


class Heartbeat(_Wire):
    """What a box says of itself; never a picture, and no position: where a rider is now is nobody's business here."""

    schema_: Literal["kerbwatch-heartbeat/1"] = Field(default=SCHEMA, alias="schema")
    sent_at: Utc
    time_told_by: Literal["gnss", "server", "system", "unset"]
    software: Name
    pack_version: Version | None
    uptime_s: Seconds
    cameras: Annotated[tuple[CameraBeat, ...], Field(max_length=32)]
    gnss: Literal["fix", "no_fix", "silent", "off"]
    reports_waiting: Count
    files_waiting: Count
    bytes_waiting: Bytes
    sent_today_bytes: Bytes
    disk_free_bytes: Bytes
    rss_bytes: Bytes
    alarms: Annotated[tuple[AlarmBeat, ...], Field(max_length=64)]
    asks_about: Annotated[tuple[uuid.UUID, ...], Field(max_length=500)] = ()
    """Reports whose originals will soon be deleted: the server says which of them it wants kept."""
    originals: Annotated[tuple[OriginalAnswer, ...], Field(max_length=100, exclude_if=_is_empty)] = ()
    """Of the originals asked for in the last orders, those that will not come."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class WantedOriginal(_Wire):
    """A person at the server asks for an original; whether it leaves the box is the box's own policy."""

    report_id: uuid.UUID
    sha256: Sha256
    asked_by: Name
    reason: Name
    asked_at: Utc


class PackOffer(_Wire):
    """A fleet pack that this box should run."""

    version: Version
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0, le=4 * 1024**3)]


class Orders(_Wire):
    """The server's answer to a heartbeat."""

    received_at: Utc
    """The server's clock when the heartbeat came."""
    keep: Annotated[tuple[uuid.UUID, ...], Field(max_length=500)] = ()
    """Of those asked about: confirmed by a person, or held. The others may be deleted when their time comes."""
    wanted: Annotated[tuple[WantedOriginal, ...], Field(max_length=100)] = ()
    pack: PackOffer | None = None

    # A box older than its server leaves out what it does not know.
    model_config = ConfigDict(frozen=True, extra="ignore")
