"""Rider's notes, durable on the box until the server has them. A note waits a minute first, in which it can be undone.

States: ``held`` (can be undone) -> ``queued`` -> ``sent`` or ``refused``. What was held when the box went off is queued
at the next start: a press is kept rather than lost.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from detector.errors import InputError
from detector.evidence.seal import DeviceKey
from detector.note import NoteBody, NotePicture, NotePlace, Said, seal_note
from detector.vocabulary import Kind
from edge.database import open_database, transaction, translated
from edge.durable import make_dir

FILE: Final = "notes.sqlite"
UNDO_S: Final = 60.0
WAITING_MAX: Final = 1000
_KEPT = 500
"""Sent ones that stay, so that the page still shows what was pressed."""

_SCHEMA = """
CREATE TABLE notes (
    note_id TEXT PRIMARY KEY,
    said TEXT NOT NULL,
    report_id TEXT UNIQUE,
    made_at TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB NOT NULL,
    last_error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX notes_state ON notes (state);
"""


@dataclass(frozen=True, slots=True)
class Note:
    """A note as the page shows it. `undo_s`: for so long it can still be undone; 0 when no longer."""

    note_id: uuid.UUID
    said: Said
    report_id: uuid.UUID | None
    undo_s: float


@dataclass(frozen=True, slots=True, eq=False)
class BlurredPicture:
    """A blurred JPEG, at most `detector.note.PICTURE_MAX_BYTES`."""

    jpeg: bytes
    width_px: int
    height_px: int
    blur_method: str
    camera_id: str
    captured_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class NoteJob:
    """A note to be sent."""

    note_id: uuid.UUID
    sealed: bytes


class NoteStore:
    """One SQLite file in the state folder. May be called from any thread."""

    def __init__(self, state_dir: Path, key: DeviceKey, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open it; made on first use.

        Raises:
            InputError: it is damaged, of a newer Kerbwatch, or cannot be written.
            TransientError: the disk is full.
        """
        make_dir(state_dir, mode=0o700)
        self._path = state_dir / FILE
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[uuid.UUID, float] = {}
        self._db = open_database(self._path, _SCHEMA, 1, mode=0o600)
        try:
            with translated(self._path):
                self._db.execute("UPDATE notes SET state = 'queued' WHERE state = 'held'")
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> NoteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warned(self, report_id: uuid.UUID, made_at: datetime) -> Note:
        """The people of this report were told on site; pressed again it is the same note.

        Raises:
            InputError: too many notes wait.
            TransientError: the disk is full; nothing was kept.
        """
        with self._lock, translated(self._path):
            row = self._db.execute("SELECT note_id FROM notes WHERE report_id = ?", (str(report_id),)).fetchone()
            if row is not None:
                note_id = uuid.UUID(row[0])
                return Note(note_id, "warned", report_id, self._left_s(note_id))
        body = self._body(said="warned", made_at=made_at, report_id=report_id)
        return self._add(body, None)

    def missed(
        self, made_at: datetime, *, kind: Kind | None, place: NotePlace | None, picture: BlurredPicture | None
    ) -> Note:
        """The box did not see something here.

        Raises:
            InputError, TransientError: as `warned`.
        """
        named = None
        if picture is not None:
            named = NotePicture(
                sha256=sha256(picture.jpeg).hexdigest(),
                size_bytes=len(picture.jpeg),
                width_px=picture.width_px,
                height_px=picture.height_px,
                blur_method=picture.blur_method,
                camera_id=picture.camera_id,
                captured_at=picture.captured_at,
            )
        body = self._body(said="missed", made_at=made_at, kind=kind, place=place, picture=named)
        return self._add(body, picture.jpeg if picture is not None else None)

    def undo(self, note_id: uuid.UUID) -> bool:
        """Take a note back; False when its minute is over, or there is none."""
        with self._lock, translated(self._path):
            if self._left_s(note_id) <= 0:
                return False
            del self._held[note_id]
            return self._db.execute("DELETE FROM notes WHERE note_id = ?", (str(note_id),)).rowcount > 0

    def recent(self) -> tuple[Note, ...]:
        """What was pressed of late, newest first."""
        with self._lock, translated(self._path):
            rows = self._db.execute(
                "SELECT note_id, said, report_id FROM notes ORDER BY rowid DESC LIMIT 100"
            ).fetchall()
            return tuple(
                Note(uuid.UUID(n), said, uuid.UUID(report) if report else None, self._left_s(uuid.UUID(n)))
                for n, said, report in rows
            )

    def due(self, limit: int = 20) -> tuple[NoteJob, ...]:
        """Notes whose minute is over and that the server has not, oldest first."""
        with self._lock, translated(self._path):
            over = [note_id for note_id in self._held if self._left_s(note_id) <= 0]
            for note_id in over:
                self._db.execute("UPDATE notes SET state = 'queued' WHERE note_id = ?", (str(note_id),))
                del self._held[note_id]
            rows = self._db.execute(
                "SELECT note_id, sealed FROM notes WHERE state = 'queued' ORDER BY rowid LIMIT ?", (limit,)
            ).fetchall()
            return tuple(NoteJob(uuid.UUID(note_id), sealed) for note_id, sealed in rows)

    def sent(self, note_id: uuid.UUID) -> None:
        """The server has it for good; its picture is no longer needed here."""
        with self._lock, translated(self._path), transaction(self._db):
            self._db.execute("UPDATE notes SET state = 'sent', sealed = x'' WHERE note_id = ?", (str(note_id),))
            self._db.execute(
                "DELETE FROM notes WHERE state = 'sent' AND rowid <= (SELECT max(rowid) FROM notes) - ?", (_KEPT,)
            )

    def postponed(self, note_id: uuid.UUID, why: str) -> None:
        """The server cannot take it yet: after the others, at the next contact."""
        with self._lock, translated(self._path):
            self._db.execute(
                "UPDATE notes SET last_error = ?, rowid = (SELECT max(rowid) + 1 FROM notes) WHERE note_id = ?",
                (why[:300], str(note_id)),
            )

    def refused(self, note_id: uuid.UUID, why: str) -> None:
        """The server will never take it: kept here for a person to see."""
        with self._lock, translated(self._path):
            self._db.execute(
                "UPDATE notes SET state = 'refused', last_error = ? WHERE note_id = ?", (why[:300], str(note_id))
            )

    def waiting(self) -> int:
        """Notes the server has not, and may still take."""
        with self._lock, translated(self._path):
            ((count,),) = self._db.execute("SELECT count(*) FROM notes WHERE state IN ('held', 'queued')")
            return count

    def _body(self, **said: object) -> NoteBody:
        return NoteBody.model_validate({"note_id": uuid.uuid4(), "device_id": self._key.device_id, **said})

    def _add(self, body: NoteBody, picture: bytes | None) -> Note:
        if self.waiting() >= WAITING_MAX:
            raise InputError(f"{WAITING_MAX} notes wait to be sent: bring the box to its server first")
        sealed = seal_note(body, self._key, picture)
        report_id = str(body.report_id) if body.report_id else None
        row = (str(body.note_id), body.said, report_id, body.made_at.isoformat(), sealed)
        with self._lock, translated(self._path):
            self._db.execute(
                "INSERT INTO notes (note_id, said, report_id, made_at, state, sealed) VALUES (?, ?, ?, ?, 'held', ?)",
                row,
            )
            self._held[body.note_id] = self._clock() + UNDO_S
            return Note(body.note_id, body.said, body.report_id, UNDO_S)

    def _left_s(self, note_id: uuid.UUID) -> float:
        return max(0.0, self._held.get(note_id, -1.0) - self._clock())
