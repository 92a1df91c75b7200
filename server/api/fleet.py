"""Boxes fetching the fleet pack that they were offered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from server.api.problems import documented
from server.errors import NotFound
from server.fleet.offers import is_meant_for
from server.fleet.packs import find
from server.security.guard import AsDevice, UsesServices

router = APIRouter(prefix="/api/v1/fleet", tags=["fleet"])

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/packs/{sha256}",
    response_class=FileResponse,
    responses={
        200: {"content": _BYTES, "description": "The whole pack."},
        206: {"content": _BYTES, "description": "The part that the header Range asked for."},
        400: {"content": {"text/plain": {}}, "description": "The header Range cannot be read."},
        416: {"content": {"text/plain": {}}, "description": "The pack ends before that part."},
        **documented(401, 404, 422, 503),
    },
)
def get_pack(
    device: AsDevice, services: UsesServices, sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
) -> FileResponse:
    """A pack that is meant for this box, whole or in parts (`Range`). 404 as soon as it no longer is."""
    with services.database.read() as session:
        path = services.packs.path(session, sha256)
        if not is_meant_for(session, find(session, sha256), device.id):
            raise NotFound(f"there is no pack {sha256} for this device")
    return FileResponse(path, media_type="application/octet-stream")
