"""How the boxes do, for the page and for Prometheus: overdue first, then those with alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.heartbeat import Heartbeat
from server.db.tables import Device, DeviceBeat

OVERDUE: Final = timedelta(minutes=25)
"""Two heartbeats of a box on a byte budget (one in ten minutes), and a little."""
PARKED: Final = timedelta(days=1)
"""A box that has been silent for so long is switched off or gone; people know."""


class BoxState(StrEnum):
    """How a box does, as far as its heartbeats tell."""

    OVERDUE = "overdue"
    """Silent for longer than it may be, and it spoke today."""
    ALARM = "alarm"
    """It speaks, and something is wrong with it."""
    WELL = "well"
    PARKED = "parked"
    """Silent since yesterday or longer."""


@dataclass(frozen=True, slots=True)
class BoxSeen:
    """One box.

    Attributes:
        beat: what it said last; `None` when a newer version of it said something that this server cannot read.
        clock_ahead_s: its clock against the server's, the heartbeat's way included.
    """

    device_id: str
    name: str
    received_at: datetime
    state: BoxState
    beat: Heartbeat | None
    clock_ahead_s: float

    @property
    def clock_is_off(self) -> bool:
        """Whether its clock is wrong by more than a slow link explains."""
        return abs(self.clock_ahead_s) > 30.0


def boxes(session: Session, *, now: datetime) -> Sequence[BoxSeen]:
    """Every box that ever sent a heartbeat and was not shut out, the most urgent first."""
    rows = session.execute(
        select(Device, DeviceBeat)
        .join(DeviceBeat, DeviceBeat.device_id == Device.id)
        .where(Device.revoked_at.is_(None))
        .order_by(Device.name, Device.id)
    ).all()
    seen = [_seen(device, row, now) for device, row in rows]
    urgency = list(BoxState)
    return sorted(seen, key=lambda box: urgency.index(box.state))


def _seen(device: Device, row: DeviceBeat, now: datetime) -> BoxSeen:
    try:
        beat = Heartbeat.model_validate(row.beat, by_alias=True, by_name=True)
    except ValidationError:
        beat = None
    state = _state(now - row.received_at, beat)
    return BoxSeen(device.id, device.name, row.received_at, state, beat, row.clock_ahead_s)


def _state(silent: timedelta, beat: Heartbeat | None) -> BoxState:
    if silent > PARKED:
        return BoxState.PARKED
    if silent > OVERDUE:
        return BoxState.OVERDUE
    if beat is None or any(alarm.severity != "notice" for alarm in beat.alarms):
        return BoxState.ALARM
    return BoxState.WELL
