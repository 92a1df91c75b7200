"""Dwell over passes with the real patrol: a bicycle at a wall, ridden past once, twice, and looked at by a camera.

The rule asks for two passes five minutes apart. The clip is the same each time; the log moves it in time and place.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from detector.errors import TransientError
from edge.config import PatrolConfig
from edge.memory import MEMORY_FILE
from edge.outbox import Outbox
from edge.patrol import run_patrol
from edge.result import PatrolResult
from edge.sources import Window
from tests.edge.nmea import drive_east
from tests.edge.street import LAT_DEG, LON_DEG, write_street

MORNING = datetime(2026, 5, 16, 23, 30, tzinfo=UTC)
AGAIN = MORNING + timedelta(minutes=10)
_EAST_DEG_PER_M = 1 / (111_195.0 * 0.8265)


@pytest.fixture
def outbox(state: Path) -> Iterator[Outbox]:
    with Outbox.open(state) as box:
        yield box


@pytest.fixture
def ride(bikes_clip: Path, bundle: Path, tmp_path: Path) -> PatrolConfig:
    """A camera on a bike rides past a bicycle leaning against a wall; two passes at least 300 s apart count."""
    site = write_street(
        tmp_path / "site", image_px=(640, 272), height_m=1.1, pitch_deg=-8.3, fov_deg=44.0, vehicle=True
    )
    dwell = {"fixed_min_s": 120, "vehicle_min_s": 300, "min_passes": 2}
    (site / "rules" / "disorderly_bike.yaml").write_text(yaml.safe_dump({"kind": "disorderly_bike", "dwell": dwell}))
    return PatrolConfig(
        sources=(str(bikes_clip),),
        site=site,
        model=bundle,
        start_utc=(MORNING,),
        gnss=_log(tmp_path, MORNING),
        window=Window(from_s=7.48, to_s=8.8, every_s=0.1),
    )


def _log(folder: Path, start: datetime, *, east_m: float = 0.0) -> Path:
    path = folder / f"{start:%H%M%S}-{east_m:g}.nmea"
    return drive_east(path, start, 20, lon_deg=LON_DEG + east_m * _EAST_DEG_PER_M, lat_deg=LAT_DEG, speed_m_s=1.2)


def _later(ride: PatrolConfig, at: datetime, *, east_m: float = 0.0) -> PatrolConfig:
    assert ride.gnss is not None
    return replace(ride, start_utc=(at,), gnss=_log(ride.gnss.parent, at, east_m=east_m))


def _is_first_look(result: PatrolResult) -> None:
    assert result.reports == ()
    assert result.look_alikes["too_brief"] >= 1
    assert result.seen_before == 0


def test_the_second_pass_confirms_the_first(ride: PatrolConfig, outbox: Outbox) -> None:
    _is_first_look(run_patrol(ride, outbox))
    second = run_patrol(_later(ride, AGAIN), outbox)
    (line,) = second.reports
    assert (line.kind, line.outcome) == ("disorderly_bike", "violation")
    assert second.seen_before >= 1
    (again,) = [reason for reason in line.reasons if reason.code == "seen_again"]
    for when in ("07:30", "07:40"):
        assert when in again.zh
        assert when in again.en


def test_run_again_each_pass_says_the_same(ride: PatrolConfig, outbox: Outbox) -> None:
    run_patrol(ride, outbox)
    second = run_patrol(_later(ride, AGAIN), outbox)
    # The first pass, run again after the second: nothing of its own future, nothing of itself.
    _is_first_look(run_patrol(ride, outbox))
    again = run_patrol(_later(ride, AGAIN), outbox)
    assert again.reports == second.reports
    assert outbox.counts().queued == 1


@pytest.mark.parametrize(
    ("at", "east_m", "why"),
    [
        (MORNING + timedelta(minutes=4), 0.0, "too soon after the first"),
        (AGAIN, 30.0, "another bicycle, 30 m further"),
        (MORNING + timedelta(hours=49), 0.0, "too long after the first"),
        (MORNING - timedelta(minutes=10), 0.0, "captured before the first, although looked at later"),
    ],
)
def test_what_confirms_nothing(ride: PatrolConfig, outbox: Outbox, at: datetime, east_m: float, why: str) -> None:
    run_patrol(ride, outbox)
    second = run_patrol(_later(ride, at, east_m=east_m), outbox)
    assert second.reports == (), why
    assert second.look_alikes["too_brief"] >= 1


def test_a_standing_camera_waits_by_itself(ride: PatrolConfig, outbox: Outbox, tmp_path: Path, bundle: Path) -> None:
    site = write_street(tmp_path / "standing", image_px=(640, 272), height_m=1.1, pitch_deg=-8.3, fov_deg=44.0)
    (site / "rules" / "disorderly_bike.yaml").write_text(
        yaml.safe_dump({"kind": "disorderly_bike", "dwell": {"fixed_min_s": 60}})
    )
    standing = replace(ride, site=site, gnss=None)
    for at in (MORNING, AGAIN):  # two short looks ten minutes apart are no minute of waiting
        _is_first_look(run_patrol(replace(standing, start_utc=(at,)), outbox))
    # Its next file goes on where the last one ended.
    follows = run_patrol(replace(standing, start_utc=(AGAIN + timedelta(seconds=70),)), outbox)
    assert [line.outcome for line in follows.reports] == ["violation"]


def test_a_pass_killed_and_run_again_counts_once(ride: PatrolConfig, outbox: Outbox) -> None:
    run_patrol(ride, outbox)
    with sqlite3.connect(outbox.folder / MEMORY_FILE) as database:
        before = database.execute("SELECT count(*) FROM sightings").fetchone()
    run_patrol(ride, outbox)
    with sqlite3.connect(outbox.folder / MEMORY_FILE) as database:
        assert database.execute("SELECT count(*) FROM sightings").fetchone() == before


def test_the_memory_holds_no_picture_and_no_person(ride: PatrolConfig, outbox: Outbox) -> None:
    run_patrol(ride, outbox)
    with sqlite3.connect(outbox.folder / MEMORY_FILE) as database:
        rows = database.execute("SELECT * FROM sightings").fetchall()
        cues = {row[0] for row in database.execute("SELECT DISTINCT cue FROM sightings")}
    assert rows
    assert cues <= {"bicycle", "motorcycle"}
    assert not any(isinstance(value, bytes) for row in rows for value in row)


def test_a_damaged_memory_begins_anew_and_says_so(ride: PatrolConfig, outbox: Outbox) -> None:
    run_patrol(ride, outbox)
    memory = outbox.folder / MEMORY_FILE
    memory.write_bytes(b"no database" * 1000)
    result = run_patrol(_later(ride, AGAIN), outbox)
    _is_first_look(result)
    assert any("memory.db was damaged; it was moved to memory.db.damaged" in w for w in result.warnings)
    assert memory.with_name("memory.db.damaged").read_bytes().startswith(b"no database")
    third = run_patrol(_later(ride, AGAIN + timedelta(minutes=10)), outbox)
    assert [line.outcome for line in third.reports] == ["violation"]
    assert json.dumps(third.to_json())


def test_a_memory_held_by_another_program(ride: PatrolConfig, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    run_patrol(ride, outbox)
    monkeypatch.setattr("edge.memory.BUSY_WAIT_S", 0.1)
    holder = sqlite3.connect(outbox.folder / MEMORY_FILE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(TransientError, match=r"memory\.db is held by another program: close it and run again"):
            run_patrol(_later(ride, AGAIN), outbox)
    finally:
        holder.close()
    assert len(run_patrol(_later(ride, AGAIN), outbox).reports) == 1
