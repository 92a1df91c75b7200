"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from server.api import cases, devices, evidence, fleet, heartbeat, notes, operations, reports, sessions

router = APIRouter()
for _part in (operations, sessions, devices, heartbeat, fleet, reports, evidence, notes, cases):
    router.include_router(_part.router)
