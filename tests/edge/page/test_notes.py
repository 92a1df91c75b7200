"""Notes on the box's disk: durable, bounded, undone within a minute, gone when sent."""

from __future__ import annotations

import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector.errors import InputError, TransientError
from detector.evidence.seal import DeviceKey
from edge.page.notes import FILE, UNDO_S, NoteStore

AT = datetime(2026, 5, 17, 9, 40, tzinfo=UTC)
KEY = DeviceKey.generate()


def missed(notes: NoteStore) -> uuid.UUID:
    return notes.missed(AT, kind=None, place=None, picture=None).note_id


def test_held_for_a_minute_then_due_in_order(tmp_path: Path) -> None:
    now = {"s": 10.0}
    with NoteStore(tmp_path, KEY, clock=lambda: now["s"]) as notes:
        first = missed(notes)
        now["s"] += UNDO_S / 2
        second = missed(notes)
        assert [round(note.undo_s) for note in notes.recent()] == [60, 30]
        assert notes.due() == ()
        now["s"] += UNDO_S / 2
        assert [job.note_id for job in notes.due()] == [first]
        assert not notes.undo(first)
        assert notes.undo(second)
        assert [note.note_id for note in notes.recent()] == [first]
        assert notes.waiting() == 1


def test_what_was_held_when_the_power_went_is_sent(tmp_path: Path) -> None:
    with NoteStore(tmp_path, KEY) as notes:
        note_id = missed(notes)
    with NoteStore(tmp_path, KEY) as notes:
        assert [job.note_id for job in notes.due()] == [note_id]
        assert not notes.undo(note_id)


def test_sent_refused_postponed(tmp_path: Path) -> None:
    with NoteStore(tmp_path, KEY) as notes:
        ids = [missed(notes) for _ in range(3)]
    with NoteStore(tmp_path, KEY) as notes:
        notes.postponed(ids[0], "not yet")
        assert [job.note_id for job in notes.due()] == [ids[1], ids[2], ids[0]]
        notes.sent(ids[1])
        notes.refused(ids[2], "422: why")
        assert [job.note_id for job in notes.due()] == [ids[0]]
        assert notes.waiting() == 1
        assert len(notes.recent()) == 3
    with sqlite3.connect(tmp_path / FILE) as database:
        rows = database.execute("SELECT state, length(sealed) > 0, last_error FROM notes ORDER BY rowid").fetchall()
    database.close()
    assert rows == [("sent", 0, ""), ("refused", 1, "422: why"), ("queued", 1, "not yet")]
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_second_warning_after_an_undo_is_a_new_note(tmp_path: Path) -> None:
    report_id = uuid.uuid4()
    with NoteStore(tmp_path, KEY) as notes:
        first = notes.warned(report_id, AT)
        assert notes.warned(report_id, AT).note_id == first.note_id
        assert notes.undo(first.note_id)
        assert notes.warned(report_id, AT).note_id != first.note_id


def test_no_more_than_can_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.page.notes.WAITING_MAX", 2)
    with NoteStore(tmp_path, KEY) as notes:
        missed(notes)
        missed(notes)
        with pytest.raises(InputError, match="2 notes wait to be sent: bring the box to its server first"):
            missed(notes)


def test_a_full_disk_keeps_nothing_and_says_so(tiny_disk: Path) -> None:
    with NoteStore(tiny_disk, KEY) as notes:
        (tiny_disk / "fill").write_bytes(b"x" * 200_000)
        kept: list[uuid.UUID] = []

        def fill() -> None:
            while len(kept) < 2000:
                kept.append(missed(notes))

        with pytest.raises(TransientError, match=r"notes\.sqlite"):
            fill()
        assert notes.waiting() == len(kept)
