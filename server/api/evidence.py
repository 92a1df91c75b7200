"""Evidence: devices send it by tus 1.0 (https://tus.io), reviewers look at it.

Extensions: creation and expiration. The metadata key ``sha256`` names the file. What a device may send is what its own
reports declare, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.requests import ClientDisconnect

from server.api.problems import documented
from server.db.tables import Evidence, EvidenceState
from server.errors import BadRequest, NotFound, PreconditionFailed, UnsupportedMedia
from server.ingest.space import require_space
from server.ingest.uploads import UploadState
from server.security.guard import Anyone, AsDevice, AsReviewer, UsesServices
from server.security.headers import EVIDENCE_POLICY
from server.services import Services

router = APIRouter(prefix="/api/v1/evidence", tags=["evidence"])

VERSION = "1.0.0"
_APPEND_BYTES = 1024 * 1024
"""A PATCH is made durable in pieces of this size, so that a cut link loses at most one."""
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}

Offset = Annotated[int, Header(alias="Upload-Offset", ge=0)]
Length = Annotated[int, Header(alias="Upload-Length", gt=0)]
Metadata = Annotated[str, Header(alias="Upload-Metadata", max_length=2000, examples=["sha256 YWJj..."])]
UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


def _speaks_tus(tus_resumable: Annotated[str | None, Header(alias="Tus-Resumable")] = None) -> None:
    if tus_resumable != VERSION:
        raise PreconditionFailed(f"send the header Tus-Resumable: {VERSION}")


SpeaksTus = Annotated[None, Depends(_speaks_tus)]


def _tus_headers(*names: str) -> dict[str, Any]:
    texts = {
        "Tus-Resumable": "1.0.0",
        "Location": "Where the upload goes on, relative to this address: a proxy in between stays in between.",
        "Upload-Offset": "Bytes that are on the disk for good. Equal to Upload-Length: stored, hash checked.",
        "Upload-Length": "Bytes of the whole file.",
        "Upload-Expires": "When an upload that does not move is dropped.",
        "Tus-Version": "Versions spoken here.",
        "Tus-Extension": "Extensions spoken here.",
        "Tus-Max-Size": "Largest file taken, bytes.",
    }
    return {name: {"schema": {"type": "string"}, "description": texts[name]} for name in ("Tus-Resumable", *names)}


@router.options(
    "",
    status_code=204,
    responses={
        204: {
            "description": "What this tus server can do.",
            "headers": _tus_headers("Tus-Version", "Tus-Extension", "Tus-Max-Size"),
        }
    },
)
def discover(_guard: Anyone, services: UsesServices) -> Response:
    """What this tus server can do."""
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,expiration",
        "Tus-Max-Size": str(services.settings.limits.evidence_bytes),
    }
    return Response(status_code=204, headers=headers)


_UPLOAD_HEADERS = ("Location", "Upload-Offset", "Upload-Length", "Upload-Expires")


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses={
        201: {"description": "A new upload, at offset 0.", "headers": _tus_headers(*_UPLOAD_HEADERS)},
        200: {
            "description": "The upload was begun before, or the file is stored: see Upload-Offset.",
            "headers": _tus_headers(*_UPLOAD_HEADERS),
        },
        **documented(400, 401, 403, 412, 413, 422, 429, 503, 507),
    },
)
def begin(
    _tus: SpeaksTus, device: AsDevice, services: UsesServices, upload_length: Length, upload_metadata: Metadata
) -> Response:
    """Begins an upload, or finds the one of the same file."""
    require_space(services)
    sha256 = _named_hash(upload_metadata)
    state, created = services.uploads.begin(device.id, sha256, upload_length, now=datetime.now(UTC))
    headers = {**_progress(state), "Location": f"/api/v1/evidence/uploads/{state.id}"}
    return Response(status_code=201 if created else 200, headers=headers)


@router.head(
    "/uploads/{upload_id}",
    response_class=Response,
    responses={
        200: {
            "description": "How far the upload is.",
            "headers": _tus_headers("Upload-Offset", "Upload-Length", "Upload-Expires"),
        },
        **documented(401, 404, 410, 412, 422, 503),
    },
)
def progress(_tus: SpeaksTus, device: AsDevice, services: UsesServices, upload_id: UploadId) -> Response:
    """How many bytes are on the disk for good."""
    state = services.uploads.find(device.id, upload_id, now=datetime.now(UTC))
    return Response(headers=_progress(state))


@router.patch(
    "/uploads/{upload_id}",
    status_code=204,
    response_class=Response,
    responses={
        204: {"description": "Taken.", "headers": _tus_headers("Upload-Offset", "Upload-Length", "Upload-Expires")},
        **documented(401, 404, 409, 410, 412, 415, 422, 460, 503, 507),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def append(
    _tus: SpeaksTus,
    device: AsDevice,
    services: UsesServices,
    request: Request,
    upload_id: UploadId,
    upload_offset: Offset,
) -> Response:
    """Adds bytes at the upload's offset. The offset answered is on the disk for good.

    460: the finished file is not what the report declares (hash, type or size in pixels); the upload is discarded.
    """
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise UnsupportedMedia("send Content-Type: application/offset+octet-stream")
    require_space(services)
    state = await run_in_threadpool(services.uploads.find, device.id, upload_id, now=datetime.now(UTC))
    at_offset = upload_offset
    async for piece in _pieces(request):
        state = await run_in_threadpool(
            services.uploads.append, device.id, upload_id, at_offset, piece, now=datetime.now(UTC)
        )
        at_offset = state.offset_bytes
    return Response(status_code=204, headers=_progress(state))


@router.get(
    "/{sha256}",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The file as the device sent it.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _SUFFIXES},
        },
        **documented(401, 404, 422, 503),
    },
)
def look(_who: AsReviewer, services: UsesServices, sha256: Hash) -> Response:
    """An evidence file, for a reviewer."""
    return evidence_response(services, sha256)


def evidence_response(services: Services, sha256: str) -> Response:
    """A stored evidence file with headers that let nothing in it run.

    Raises:
        NotFound: it is not declared by any report, or not stored yet.
    """
    with services.database.read() as session:
        media_type = session.scalar(
            select(Evidence.media_type)
            .where(Evidence.sha256 == sha256, Evidence.state == EvidenceState.STORED)
            .limit(1)
        )
    if media_type is None:
        raise NotFound(f"evidence {sha256[:64]!r} is not stored")
    return StreamingResponse(
        services.evidence.chunks(sha256),
        media_type=media_type,
        headers={
            "Content-Security-Policy": EVIDENCE_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f'inline; filename="{sha256}.{suffix(media_type)}"',
            # Named by its hash, it can never change.
            "Cache-Control": "private, max-age=31536000, immutable",
        },
    )


def suffix(media_type: str) -> str:
    """File name ending of an evidence type, without the dot."""
    return _SUFFIXES[media_type]


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces to append; what came before the link was cut is worth keeping. At least one, maybe empty."""
    buffer = bytearray()
    sent = False
    try:
        async for chunk in request.stream():
            buffer += chunk
            if len(buffer) >= _APPEND_BYTES:
                yield bytes(buffer)
                buffer.clear()
                sent = True
    except ClientDisconnect:
        if not buffer:
            return
    if buffer or not sent:
        yield bytes(buffer)


def _named_hash(metadata: str) -> str:
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "sha256":
            try:
                text = base64.b64decode(value, validate=True).decode("ascii")
            except (binascii.Error, UnicodeDecodeError):
                raise BadRequest("Upload-Metadata: sha256 is no base64 of a hash in hex") from None
            if re.fullmatch(r"[0-9a-f]{64}", text):
                return text
            raise BadRequest("Upload-Metadata: sha256 is not 64 hex digits")
    raise BadRequest("Upload-Metadata names no sha256: send `sha256 <base64 of the hash in hex>`")


def _progress(state: UploadState) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(state.offset_bytes),
        "Upload-Length": str(state.length_bytes),
        "Upload-Expires": format_datetime(state.expires_at, usegmt=True),
        "Cache-Control": "no-store",
    }
