"""Brings riders' notes to the server, a few at each contact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.page.notes import NoteJob, NoteStore
from edge.wire import Answer, ServerClient

_AT_ONCE: Final = 20
_NOT_YET = "report-not-here"


@dataclass(frozen=True, slots=True)
class NotesSent:
    """What became of the notes of one contact."""

    sent: int = 0
    postponed: int = 0
    refused: int = 0
    sent_bytes: int = 0


def send_notes(
    client: ServerClient, notes: NoteStore, may_send: Callable[[int], bool] = lambda _bytes: True
) -> NotesSent:
    """Send what is due; call it at each contact, after the reports.

    Args:
        may_send: asked with the size of each note, e.g. of a byte budget; what may not be sent stays.

    Raises:
        LinkError, ServerBusy, NotEnrolled, WrongServer: as `ServerClient.request`; every note stays.
        TransientError, InputError: the box's own disk.
    """
    sent = postponed = refused = sent_bytes = 0
    for job in notes.due(_AT_ONCE):
        if not may_send(len(job.sealed)):
            continue
        answer = _put(client, job)
        sent_bytes += len(job.sealed)
        if answer.status in (200, 201):
            notes.sent(job.note_id)
            sent += 1
        elif (answer.status == 409 and _slug(answer) == _NOT_YET) or answer.status == 404:
            notes.postponed(job.note_id, answer.words())
            postponed += 1
        else:
            notes.refused(job.note_id, f"{answer.status}: {answer.words()}")
            refused += 1
    return NotesSent(sent, postponed, refused, sent_bytes)


def _put(client: ServerClient, job: NoteJob) -> Answer:
    url = client.url(f"/api/v1/notes/{job.note_id}")
    return client.request("PUT", url, headers={"Content-Type": "application/json"}, content=job.sealed)


def _slug(answer: Answer) -> str:
    kind = answer.json().get("type")
    return kind.rpartition(":")[2] if isinstance(kind, str) else ""
