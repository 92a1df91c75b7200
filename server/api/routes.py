"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from server.api import operations

router = APIRouter()
router.include_router(operations.router)
