"""Boxes saying how they do, and being told what is asked of them."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from detector.heartbeat import Heartbeat, Orders
from server.api.problems import documented
from server.boxes import beats
from server.security.guard import AsDevice, UsesServices

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])


@router.post("/heartbeat", responses=documented(400, 401, 413, 422, 429, 503, 507))
def heartbeat(device: AsDevice, services: UsesServices, beat: Heartbeat) -> Orders:
    """Takes what a box says of itself; answers what is wanted of it.

    A box says so once a minute; one that says so much more often gets 429.
    """
    services.beat_limit.attempt(device.id)
    now = datetime.now(UTC)
    # Heartbeats come while nothing is uploaded: what is kept here for a time only goes even then.
    services.uploads.expire(now)
    with services.database.write() as session:
        return beats.take(session, device.id, beat, now=now)
