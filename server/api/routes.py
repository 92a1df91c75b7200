"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from server.api import cases, devices, evidence, operations, reports, sessions

router = APIRouter()
router.include_router(operations.router)
for _part in (sessions, devices, reports, evidence, cases):
    router.include_router(_part.router, prefix="/api/v1")
