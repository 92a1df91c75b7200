"""Riders' notes, sent by their boxes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Response

from detector.note import SealedNote, check_note
from server.api.problems import documented
from server.api.schemas import NoteOut
from server.errors import Refused
from server.ingest.space import require_space
from server.notes import taking
from server.security.guard import AsDevice, UsesServices

router = APIRouter(prefix="/api/v1/notes", tags=["notes"])


@router.put(
    "/{note_id}",
    status_code=201,
    responses={
        200: {"model": NoteOut, "description": "The same note was here before; nothing was changed."},
        **documented(400, 401, 403, 409, 413, 422, 503, 507),
    },
)
def put_note(
    device: AsDevice, services: UsesServices, response: Response, note_id: UUID, sealed: SealedNote
) -> NoteOut:
    """Takes a rider's note, once.

    409 with problem ``report-not-here``: the note is about a report that has not come yet; send it again after that.
    409 with ``note-conflict``: the id is here with another body, and sending again mends nothing.
    """
    require_space(services)
    if sealed.body.note_id != note_id:
        raise Refused(f"the body is of note {sealed.body.note_id}, the address of {note_id}", slug="wrong-id")
    checked = check_note(sealed)
    with services.database.write() as session:
        case_id, created = taking.accept(session, sealed, checked, device, now=datetime.now(UTC))
    response.status_code = 201 if created else 200
    return NoteOut(note_id=str(note_id), case_id=case_id)
