"""Which box runs which pack, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.heartbeat import AlarmBeat
from server.boxes import overview
from server.db.tables import Device, FleetPack
from server.fleet.offers import offer_for
from server.fleet.packs import chosen, newest_first

ALARM: Final = "pack_rolled_back"


@dataclass(frozen=True, slots=True)
class BoxPack:
    """One box.

    Attributes:
        runs: version; `None` for its own settings.
        offered: version that it is offered now.
        failures: packs that it gave up.
    """

    device_id: str
    name: str
    heard_at: datetime
    runs: str | None
    offered: str | None
    failures: tuple[AlarmBeat, ...]


@dataclass(frozen=True, slots=True)
class PackShown:
    """One pack with what became of it."""

    pack: FleetPack
    chosen: frozenset[str]
    running: int
    failed: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """The whole page."""

    packs: tuple[PackShown, ...]
    boxes: tuple[BoxPack, ...]
    devices: Sequence[Device]


def load(session: Session, *, now: datetime) -> Fleet:
    """Everything the page shows, as the boxes' newest heartbeats tell it."""
    boxes = tuple(_box(session, seen) for seen in overview.boxes(session, now=now))
    packs = tuple(
        PackShown(
            pack,
            chosen(session, pack.sha256),
            sum(box.runs == pack.version for box in boxes),
            sum(any(alarm.about == pack.version for alarm in box.failures) for box in boxes),
        )
        for pack in newest_first(session)
    )
    devices = session.scalars(select(Device).where(Device.revoked_at.is_(None)).order_by(Device.name, Device.id)).all()
    return Fleet(packs, boxes, devices)


def _box(session: Session, seen: overview.BoxSeen) -> BoxPack:
    offer = offer_for(session, seen.device_id)
    return BoxPack(
        device_id=seen.device_id,
        name=seen.name,
        heard_at=seen.received_at,
        runs=seen.beat.pack_version if seen.beat else None,
        offered=offer.version if offer else None,
        failures=tuple(alarm for alarm in seen.beat.alarms if alarm.code == ALARM) if seen.beat else (),
    )
