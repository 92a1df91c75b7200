"""Heartbeats: the newest of each box is kept, and answered with orders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from detector.heartbeat import Heartbeat, Orders
from server.db.tables import Device, DeviceBeat
from server.fleet.offers import offer_for
from server.originals import asking


def take(session: Session, device_id: str, beat: Heartbeat, *, now: datetime) -> Orders:
    """Keep what a box says of itself in place of what it said before, and tell it what is asked of it."""
    row = session.get(DeviceBeat, device_id)
    if row is None:
        row = DeviceBeat(device_id=device_id)
        session.add(row)
    row.received_at = now
    row.clock_ahead_s = (beat.sent_at - now).total_seconds()
    row.beat = beat.model_dump(mode="json", exclude={"asks_about", "originals"})
    device = session.get_one(Device, device_id)
    device.last_seen_at = now
    asking.answered(session, device_id, beat.originals, now=now)
    session.flush()
    return Orders(
        received_at=now,
        keep=asking.kept(session, device_id, beat.asks_about),
        wanted=asking.wanted_for(session, device_id),
        pack=offer_for(session, device_id),
    )
