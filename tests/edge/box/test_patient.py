"""A full disk costs nothing while there is room in memory, and says what it cost when there is not."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from detector.report import ReportBody
from edge.box.patient import HELD_MAX, PatientMemory, PatientOutbox
from edge.memory import StretchId
from edge.outbox import Outbox, Quota
from tests.edge.reports import SEEN_AT, builder, key_of, picture

_ROOM = Quota(bytes_max=200_000, reserve_bytes=0)


def _put(reports: PatientOutbox, ordinal: int, size_px: int = 64) -> bool:
    build = builder(ordinal, reports.device_id, [picture(ordinal, size_px, size_px)])
    return reports.put(key_of(ordinal), build) is not None


def _fill(disk: Path) -> Path:
    """Take all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 1024)
    return filler


def test_what_does_not_fit_goes_in_when_there_is_room_again(tiny_disk: Path) -> None:
    told: list[ReportBody] = []
    with Outbox.open(tiny_disk / "state", quota=_ROOM) as outbox:
        reports = PatientOutbox(outbox, lambda body, files: told.append(body))
        assert _put(reports, 0)
        filler = _fill(tiny_disk)
        assert not _put(reports, 1)
        assert not _put(reports, 2)
        held = reports.held()
        assert (held.waiting, held.lost) == (2, 0)
        assert "free" in held.trouble
        filler.unlink()
        reports.retry()
        assert reports.held().waiting == 0
        assert reports.held().trouble == ""
        assert [report.hit_key for report in outbox.reports()] == [key_of(0), key_of(1), key_of(2)]
        assert reports.written == 3
        assert [body.hit_key for body in told] == [key_of(0), key_of(1), key_of(2)]


def test_what_memory_cannot_hold_either_is_counted(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "state", quota=Quota(bytes_max=1, reserve_bytes=0)) as outbox:
        reports = PatientOutbox(outbox, lambda body, files: None)
        for ordinal in range(HELD_MAX + 3):
            assert not _put(reports, ordinal)
        assert (reports.held().waiting, reports.held().lost) == (HELD_MAX, 3)
        assert outbox.counts().queued == 0


def test_a_memory_that_cannot_be_opened_knows_nothing(tiny_disk: Path) -> None:
    folder = tiny_disk / "state"
    folder.mkdir()
    _fill(tiny_disk)
    memory = PatientMemory(folder, "patrol", SEEN_AT)
    assert memory.trouble
    assert memory.recall(StretchId(0, 0), []) == {}
    memory.remember(StretchId(0, 0), [])
    memory.close()


def test_a_disk_that_turned_read_only_is_waited_for(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "state") as outbox:
        reports = PatientOutbox(outbox, lambda body, files: None)
        evidence = tmp_path / "state" / "evidence"
        evidence.rename(tmp_path / "away")
        evidence.touch()  # root may write into any folder, but not into a file as if it were one
        assert not _put(reports, 0)
        assert "name a folder this user may write" in reports.held().trouble
        evidence.unlink()
        (tmp_path / "away").rename(evidence)
        reports.retry()
        assert (reports.held().waiting, reports.held().trouble) == (0, "")
        assert outbox.counts().queued == 1


def test_the_memory_of_a_newer_kerbwatch_ends_no_watch(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "memory.db")) as database:
        database.execute("PRAGMA user_version = 99")
    memory = PatientMemory(tmp_path, "patrol", SEEN_AT)
    assert "was written by a newer Kerbwatch" in memory.trouble
    assert memory.recall(StretchId(0, 0), []) == {}
    memory.close()
