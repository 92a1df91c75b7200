"""The site memory on disk: what it tells whom, and what kills, clocks and disks do to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from detector.errors import InputError, TransientError
from edge.again import LONGEST_WINDOW, Sighting
from edge.memory import MEMORY_FILE, SiteMemory, StretchId
from tests.edge.test_again import HOUR, NOON, thing

FIRST, SECOND = StretchId(0, 0), StretchId(0, 1)
NOW = thing("now")


def _remember(folder: Path, patrol: str, *things: Sighting, stretch: StretchId = FIRST) -> None:
    with SiteMemory.open(folder, patrol) as memory:
        memory.remember(stretch, things)


def _knows(folder: Path, patrol: str, *, stretch: StretchId = FIRST, now: Sighting = NOW) -> bool:
    with SiteMemory.open(folder, patrol) as memory:
        return bool(memory.recall(stretch, [now]))


def _rows(folder: Path) -> int:
    with sqlite3.connect(folder / MEMORY_FILE) as database:
        ((count,),) = database.execute("SELECT count(*) FROM sightings")
    database.close()
    return int(count)


def test_another_patrol_is_evidence_and_comes_back_exactly(tmp_path: Path) -> None:
    earlier = replace(thing("x", ago=HOUR), first_seen_at=NOON - HOUR + timedelta(microseconds=123457))
    _remember(tmp_path, "a", earlier)
    with SiteMemory.open(tmp_path, "b") as memory:
        seen = memory.recall(FIRST, [NOW])["now"]
        assert (seen.first_seen_at, seen.last_seen_at, seen.passes) == (earlier.first_seen_at, earlier.last_seen_at, 1)
        assert memory.recall(FIRST, []) == {}
        memory.remember(FIRST, [])
        assert memory.warnings == ()


def test_a_patrol_is_no_evidence_for_itself_but_its_earlier_rounds_are(tmp_path: Path) -> None:
    _remember(tmp_path, "a", thing("x", ago=HOUR))
    assert not _knows(tmp_path, "a", stretch=FIRST)
    assert _knows(tmp_path, "a", stretch=SECOND)
    # In the order of its sources, whatever the clock says of the later one.
    _remember(tmp_path, "c", thing("x", ago=HOUR), stretch=StretchId(1, 0))
    with SiteMemory.open(tmp_path / "alone", "c") as memory:
        memory.remember(StretchId(1, 0), [thing("x", ago=HOUR)])
        assert not memory.recall(StretchId(0, 5), [NOW])


def test_what_a_patrol_may_know_is_fixed_when_it_is_first_begun(tmp_path: Path) -> None:
    assert not _knows(tmp_path, "evening")
    _remember(tmp_path, "afternoon", thing("x", ago=HOUR))
    assert not _knows(tmp_path, "evening")
    assert _knows(tmp_path, "night")
    # The afternoon run again neither adds to it nor takes anything away.
    _remember(tmp_path, "afternoon", thing("x", ago=HOUR))
    assert _rows(tmp_path) == 1
    assert not _knows(tmp_path, "evening")
    assert _knows(tmp_path, "night")


def test_a_stretch_counts_only_when_all_of_it_was_before(tmp_path: Path) -> None:
    overlapping = thing("y", 50.0, ago=timedelta(seconds=-30))
    _remember(tmp_path, "a", thing("x", ago=HOUR), overlapping)
    assert not _knows(tmp_path, "b")


def test_places_too_unsure_are_neither_kept_nor_asked_for(tmp_path: Path) -> None:
    _remember(tmp_path, "a", thing("x", ago=HOUR, pass_m=8.0))
    assert _rows(tmp_path) == 0
    _remember(tmp_path, "a", thing("x", ago=HOUR, pass_m=3.0))
    assert _rows(tmp_path) == 1
    assert _knows(tmp_path, "b", now=thing("now", 1.0, pass_m=3.0))
    assert not _knows(tmp_path, "b", now=thing("now", pass_m=8.0))


def test_no_person_can_be_kept(tmp_path: Path) -> None:
    with SiteMemory.open(tmp_path, "a") as memory:
        memory.remember(FIRST, [replace(NOW, cue="person")])
    assert _rows(tmp_path) == 0


@pytest.mark.parametrize(
    ("written_ago", "begins", "left"),
    [
        (timedelta(0), NOON + 2 * LONGEST_WINDOW, 1),  # the capture clock jumped ahead
        (2 * LONGEST_WINDOW, NOON, 1),  # the wall clock did
        (2 * LONGEST_WINDOW, NOON + 2 * LONGEST_WINDOW, 0),
    ],
)
def test_old_is_what_both_clocks_say(tmp_path: Path, written_ago: timedelta, begins: object, left: int) -> None:
    _remember(tmp_path, "a", NOW)
    with sqlite3.connect(tmp_path / MEMORY_FILE) as database:
        database.execute(
            "UPDATE sightings SET written_at = ?", (int((time.time() - written_ago.total_seconds()) * 1e6),)
        )
    database.close()
    with SiteMemory.open(tmp_path, "b") as memory:
        memory.forget(begins)  # type: ignore[arg-type]
    assert _rows(tmp_path) == left


def test_it_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.memory.ROWS_MAX", 5)
    for hour in range(9):
        _remember(tmp_path, f"{hour}", thing("x", ago=HOUR * (20 - hour)))
    with SiteMemory.open(tmp_path, "b") as memory:
        memory.forget(NOON)
    assert _rows(tmp_path) == 5
    with SiteMemory.open(tmp_path, "c") as memory:
        assert memory.recall(FIRST, [NOW])["now"].first_seen_at == NOON - HOUR * 16


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    _remember(tmp_path, "a", NOW)
    with sqlite3.connect(tmp_path / MEMORY_FILE) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(InputError, match=r"memory\.db was written by a newer Kerbwatch \(format 9\): update this one"):
        SiteMemory.open(tmp_path, "b")


@pytest.mark.parametrize("damage", ["cut", "middle", "empty"])
def test_a_damaged_file_is_moved_aside(tmp_path: Path, damage: str) -> None:
    _remember(tmp_path, "a", *[thing(f"{i}", 3.0 * i, ago=HOUR) for i in range(300)])
    path = tmp_path / MEMORY_FILE
    data = path.read_bytes()
    path.write_bytes({"cut": data[:5000], "middle": data[:8192] + b"\xff" * 8192 + data[16384:], "empty": b""}[damage])
    with SiteMemory.open(tmp_path, "b") as memory:
        told = [warning for warning in memory.warnings if "the memory begins anew" in warning]
        assert bool(told) == (damage != "empty")  # an empty file is a new one
        memory.remember(FIRST, [thing("x", ago=HOUR)])
    assert path.with_name("memory.db.damaged").exists() == (damage != "empty")
    assert _knows(tmp_path, "c")


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE sightings",
        "DROP TABLE patrols",
        "PRAGMA user_version = 0",
        "ALTER TABLE sightings RENAME cue TO hue",
    ],
)
def test_a_file_with_other_tables_is_moved_aside(tmp_path: Path, change: str) -> None:
    _remember(tmp_path, "a", thing("x", ago=HOUR))
    database = sqlite3.connect(tmp_path / MEMORY_FILE, isolation_level=None)
    database.execute(change)
    database.close()
    with SiteMemory.open(tmp_path, "b") as memory:
        assert "the memory begins anew" in memory.warnings[0]
        assert memory.recall(FIRST, [NOW]) == {}


def test_a_damaged_file_that_cannot_be_moved_is_told(tmp_path: Path) -> None:
    (tmp_path / MEMORY_FILE).write_bytes(b"x" * 5000)
    (tmp_path / f"{MEMORY_FILE}.damaged").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*memory\.db\.damaged: Is a directory"):
        SiteMemory.open(tmp_path, "a")


_WRITER = """
import sys
from pathlib import Path
from edge.memory import SiteMemory, StretchId
from tests.edge.test_again import HOUR, thing
with SiteMemory.open(Path(sys.argv[1]), "a") as memory:
    for number in range(100000):
        memory.remember(StretchId(0, number), [thing(f"{i}", 5.0 * i, ago=HOUR) for i in range(7)])
        print(number, flush=True)
"""


def test_killed_in_between_every_stretch_is_whole_or_absent(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer.stdout:
        done = [writer.stdout.readline() for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert done[-1] == "19\n"
    with SiteMemory.open(tmp_path, "b") as memory:
        assert memory.warnings == ()
        assert memory.recall(FIRST, [NOW])["now"].passes == 1
    with sqlite3.connect(tmp_path / MEMORY_FILE) as database:
        sizes = [count for (count,) in database.execute("SELECT count(*) FROM sightings GROUP BY stretch")]
    database.close()
    assert len(sizes) >= 20
    assert set(sizes) == {7}


def test_a_full_disk_is_told_and_what_was_kept_stays(tiny_disk: Path) -> None:
    def fill(memory: SiteMemory) -> None:
        for number in range(1, 400):
            memory.remember(StretchId(0, number), [thing(f"{i}", 5.0 * i, ago=HOUR) for i in range(50)])

    with SiteMemory.open(tiny_disk, "a") as memory:
        memory.remember(FIRST, [thing("x", ago=HOUR)])
        with pytest.raises(TransientError, match=r"cannot write .*memory\.db.*free some space and run again"):
            fill(memory)
    with sqlite3.connect(f"file:{tiny_disk / MEMORY_FILE}?mode=ro", uri=True) as database:
        sizes = {count for (count,) in database.execute("SELECT count(*) FROM sightings GROUP BY stretch")}
    database.close()
    assert sizes == {1, 50}
