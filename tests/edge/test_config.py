"""What a patrol is asked to do: contradictions are named, and the same asking has the same name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector.errors import InputError
from edge.config import Inputs, PatrolConfig, patrol_id
from edge.sources import VideoSource, Window

START = datetime(2026, 5, 17, 1, 30, tzinfo=UTC)
CONFIG = PatrolConfig(sources=("a.mp4",), site=Path("site"), model=Path("model"))
SOURCE = VideoSource(Path("/a.mp4"), "a.mp4", "1" * 64, START, 3.0)
INPUTS = Inputs("d" * 64, (SOURCE,), "", "5" * 64, "6" * 64, "wall-cam", "fixed")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": ()}, "needs at least one --source"),
        ({"sources": ("a.mp4", "a.mp4")}, "a --source is given twice"),
        ({"sources": ("a.mp4", "b.mp4"), "start_utc": (START,)}, "1 --start-utc for 2 sources: give one for each"),
        ({"gnss_offset_s": 2.0}, "--gnss-offset-s shifts a GNSS log: give one with --gnss"),
        ({"gnss": Path("x"), "gnss_offset_s": float("nan")}, "--gnss-offset-s nan must be a number of at most"),
        ({"gnss": Path("x"), "gnss_offset_s": 1e18}, r"--gnss-offset-s 1e\+18 must be a number of at most"),
        ({"threads": 0}, "--threads 0 must be 1 to 256"),
        ({"threads": 100_000}, "--threads 100000 must be 1 to 256"),
    ],
)
def test_contradictions(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(CONFIG, **changes)


def test_the_same_patrol_has_the_same_name() -> None:
    assert patrol_id(CONFIG, INPUTS) == patrol_id(replace(CONFIG, site=Path("elsewhere")), INPUTS)
    assert len(patrol_id(CONFIG, INPUTS)) == 32


@pytest.mark.parametrize(
    ("config", "inputs"),
    [
        (CONFIG, replace(INPUTS, device_id="e" * 64)),
        (CONFIG, replace(INPUTS, sources=(replace(SOURCE, sha256="2" * 64),))),
        (CONFIG, replace(INPUTS, sources=(replace(SOURCE, starts_at=START.replace(hour=2)),))),
        (CONFIG, replace(INPUTS, gnss_sha256="7" * 64)),
        (CONFIG, replace(INPUTS, site_sha256="7" * 64)),
        (CONFIG, replace(INPUTS, model_sha256="7" * 64)),
        (CONFIG, replace(INPUTS, camera_id="corner-cam")),
        (CONFIG, replace(INPUTS, observed_by="vehicle")),
        (replace(CONFIG, window=Window(1.0)), INPUTS),
        (replace(CONFIG, window=Window(every_m=2.5), gnss=Path("x")), INPUTS),
        (replace(CONFIG, window=Window(by_motion=True)), INPUTS),
        (replace(CONFIG, gnss=Path("x"), gnss_offset_s=1.0), INPUTS),
    ],
)
def test_whatever_decides_the_findings_is_in_the_name(config: PatrolConfig, inputs: Inputs) -> None:
    assert patrol_id(config, inputs) != patrol_id(CONFIG, INPUTS)


def test_metres_need_a_log() -> None:
    with pytest.raises(InputError, match="--every-m counts metres by a GNSS log: give one with --gnss"):
        replace(CONFIG, window=Window(every_m=2.5))
