"""Which pack a box is offered.

A box is offered the newest pack that is not paused and is meant for it: named by the pack's own list of boxes (or by
none), and either chosen by a person or within the share of the fleet that has its turn.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from detector.heartbeat import PackOffer
from detector.pack.version import version_key
from server.db.tables import FleetPack, FleetPackDevice


def offer_for(session: Session, device_id: str) -> PackOffer | None:
    """The pack that a box should run; `None` when nothing is meant for it. A box that runs it already does nothing."""
    meant = [pack for pack in session.scalars(select(FleetPack)) if is_meant_for(session, pack, device_id)]
    if not meant:
        return None
    newest = max(meant, key=lambda pack: version_key(pack.version))
    return PackOffer(version=newest.version, sha256=newest.sha256, size_bytes=newest.size_bytes)


def is_meant_for(session: Session, pack: FleetPack, device_id: str) -> bool:
    """Whether a pack may go to a box now."""
    if pack.paused or (pack.only_devices and device_id not in pack.only_devices):
        return False
    if turn_percent(device_id) < pack.share_percent:
        return True
    chosen = exists().where(FleetPackDevice.pack_sha256 == pack.sha256, FleetPackDevice.device_id == device_id)
    return bool(session.scalar(select(chosen)))


def turn_percent(device_id: str) -> int:
    """When a box has its turn as a share grows, 0..99: the same boxes always go first, wherever it is asked."""
    digest = hashlib.sha256(device_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100
