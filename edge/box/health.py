"""How the box does, in one frozen picture made every second; everybody who tells of it reads this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from detector.vocabulary import Text
from edge.parcels import Counts
from edge.sources.live.picture import CameraStatus
from edge.true_time import Told

GnssState = Literal["fix", "no_fix", "silent", "off"]
"""``silent``: nothing comes from the receiver; ``off``: the box has none."""


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """One camera and the looks at it.

    Attributes:
        looks: pictures that went through the network since the start.
        looks_dropped: wanted, but the network was busy with a newer one.
        look_age_p99_s: 99th percentile over the last minutes of a picture's age when its look began.
        unjudged: why its looks cannot be judged; empty when they can.
    """

    camera_id: str
    status: CameraStatus
    looks: int = 0
    looks_dropped: int = 0
    look_age_p99_s: float | None = None
    unjudged: str = ""


@dataclass(frozen=True, slots=True)
class GnssHealth:
    """The receiver. `sigma_m` and `speed_m_s` are those of the newest fix."""

    state: GnssState = "off"
    fix_age_s: float | None = None
    sigma_m: float | None = None
    quality: str = ""
    speed_m_s: float | None = None
    odometer_m: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """The way to the server.

    Attributes:
        contact_age_s: since the server last answered anything; `None` when it never has.
        metered: whether what is sent is paid for by the byte.
        sent_today_bytes, budget_bytes: of today's budget; `None` without one.
        clock_offset_s: how far the server's clock is ahead of the box's own.
        trouble: what keeps it from sending, "" when nothing does.
        used: whether the box has a server at all.
        refused: the server does not know this device's token (any more).
    """

    contact_age_s: float | None = None
    metered: bool = False
    sent_today_bytes: int = 0
    budget_bytes: int | None = None
    clock_offset_s: float | None = None
    trouble: str = ""
    used: bool = True
    refused: bool = False


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """The disk and what waits on it."""

    disk_free_bytes: int
    disk_bytes: int
    outbox: Counts
    originals: int = 0
    originals_bytes: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should see to; see `detector.heartbeat.AlarmBeat`."""

    code: str
    severity: Literal["notice", "warning", "critical"]
    text: Text
    since: datetime
    about: str = ""


@dataclass(frozen=True, slots=True)
class BoxHealth:
    """How the box does at one moment.

    Attributes:
        loop_age_s: since the slowest of the box's own threads last showed that it lives.
        cpu_s: processor time of the box and its children since the start.
        reports: since the start.
    """

    at: datetime
    monotonic_s: float
    time_told_by: Told
    uptime_s: float
    loop_age_s: float
    software: str
    pack_version: str | None
    cameras: tuple[CameraHealth, ...]
    gnss: GnssHealth
    link: LinkHealth
    store: StoreHealth
    reports: int = 0
    cpu_s: float = 0.0
    rss_bytes: int = 0
    alarms: tuple[Alarm, ...] = field(default=())
