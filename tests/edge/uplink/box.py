"""A box's health and clock for tests of the uplink."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from detector.vocabulary import Text
from edge.box.health import Alarm, BoxHealth, CameraHealth, GnssHealth, LinkHealth, StoreHealth
from edge.parcels import Counts
from edge.sources.live.picture import CameraState, CameraStatus
from edge.true_time import Told

NOW = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)


@dataclass
class SetTime:
    """True time that a test sets; remembers what the server told."""

    utc: datetime = NOW
    told_by: Told = "system"
    steps: int = 0
    heard: list[tuple[float, float]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.utc

    def at(self, monotonic_s: float) -> datetime:
        return self.utc + timedelta(seconds=monotonic_s - time.monotonic())

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        raise AssertionError(f"the uplink hears no receiver: {utc} at {monotonic_s}")

    def heard_server(self, offset_s: float, error_s: float) -> None:
        self.heard.append((offset_s, error_s))


def health(*alarms: Alarm, software: str = "0.1.0") -> BoxHealth:
    """A box that does well, but for these alarms."""
    return BoxHealth(
        at=NOW,
        monotonic_s=time.monotonic(),
        time_told_by="gnss",
        uptime_s=120.0,
        loop_age_s=0.2,
        software=software,
        pack_version=None,
        cameras=(CameraHealth("front", CameraStatus(CameraState.LIVE, frame_age_s=0.1, connections=2), looks=7),),
        gnss=GnssHealth("fix"),
        link=LinkHealth(sent_today_bytes=5),
        store=StoreHealth(10**9, 10**10, Counts(1, 2, 3, 0, 0, 4, 0, 5)),
        alarms=alarms,
    )


def alarm(
    code: str = "lens_dirty", severity: Literal["notice", "warning", "critical"] = "warning", en: str = "Clean the lens"
) -> Alarm:
    """An alarm."""
    return Alarm(code, severity, Text("请擦镜头", en), NOW, about="front")
