"""The log on disk: killed, run again, full, old; and the map layer made of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.errors import InputError
from detector.geo.crs import GCJ02, WGS84, Crs, from_wgs84
from edge.coverage.log import LOGS_DIR, CoverageLog, close_left, drop_old, feature_line, lines, logs, look_of
from edge.coverage.publish import publish
from tests.edge.coverage.rides import look

PATROL = "0123456789abcdef" * 2


def _write(folder: Path, count: int, *, patrol: str = PATROL, complete: bool = True) -> None:
    log = CoverageLog(folder, patrol)
    for i in range(count):
        log.append(look(15.0 * i, at_s=3.0 * i))
    log.close(complete=complete)


def _layer(folder: Path, **how: object) -> dict[str, object]:
    target = folder / "coverage.geojson"
    publish(folder, target, **how)  # type: ignore[arg-type]
    return json.loads(target.read_text())


def test_a_line_is_the_look() -> None:
    one = look(30.0, at_s=7.0)
    patrol, again = look_of(json.loads(feature_line(one, "p")))
    assert patrol == "p"
    assert again == one
    quiet = replace(one, speed_m_s=None)
    assert look_of(json.loads(feature_line(quiet, "p")))[1] == quiet


def test_no_picture_no_thing_and_no_device_is_in_it() -> None:
    feature = json.loads(feature_line(look(0.0), "p"))
    assert set(feature["properties"]) == {
        "patrol", "begins_at", "ends_at", "pictures", "camera", "way_m", "sharp", "light", "speed_m_s", "sigma_m",
        "fix", "observed_by",
    }  # fmt: skip


@pytest.mark.parametrize("broken", [{}, {"geometry": {"coordinates": []}}, {"geometry": None, "properties": {}}])
def test_another_feature_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InputError, match="this feature is no look of a coverage log"):
        look_of(broken)


_CORNERS = [[117.2, 34.2], [117.201, 34.2], [117.2, 34.201], [117.2, 34.2]]


@pytest.mark.parametrize(
    ("told", "corners", "message"),
    [
        ({"begins_at": "2026-05-17T09:30:00"}, _CORNERS, "2026-05-17T09:30:00 has no zone"),
        ({"way_m": -5.0}, _CORNERS, r"-5\.0 is below 0\.0 or no number"),
        ({"sharp": float("nan")}, _CORNERS, r"nan is below 0\.0 or no number"),
        ({"sigma_m": float("inf")}, _CORNERS, r"inf is below 0\.0 or no number"),
        ({"camera": [117.2, -91.0]}, _CORNERS, r"-91\.0 is below -90\.0"),
        ({}, _CORNERS[:2], "is no outline"),
        ({}, [], "ValueError"),
        ({}, [[float("nan"), 34.2], *_CORNERS], "is no outline"),
        ({}, [[117.2, 500.0], *_CORNERS], "is no outline"),
        ({}, [[179.9999, 0.0], [-179.9999, 0.0], [-179.9999, 0.001], [179.9999, 0.0]], "more than 0.1 degrees"),
    ],
)
def test_a_look_that_no_camera_had_is_refused(told: dict[str, object], corners: list[object], message: str) -> None:
    feature = json.loads(feature_line(look(0.0), "p"))
    feature["properties"] |= told
    feature["geometry"]["coordinates"] = [corners]
    with pytest.raises(InputError, match=message):
        look_of(feature)


@pytest.mark.parametrize("crs", [WGS84, GCJ02])
def test_a_line_that_a_power_cut_damaged_breaks_no_later_layer(tmp_path: Path, crs: Crs) -> None:
    _write(tmp_path, 3)
    (log,) = logs(tmp_path)
    first, *others = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first + b"\x00" * 30 + others[0][30:] + others[1])
    publish(tmp_path, tmp_path / "c.geojson", crs)
    assert len(json.loads((tmp_path / "c.geojson").read_text())["features"]) == 2


def test_the_layer_names_its_system(tmp_path: Path) -> None:
    _write(tmp_path, 3)
    layer = _layer(tmp_path)
    assert layer["crs"] == {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert layer["kerbwatch_crs"] == "WGS84"
    assert len(layer["features"]) == 3  # type: ignore[arg-type]


def test_a_public_layer_in_gcj02(tmp_path: Path) -> None:
    _write(tmp_path, 2)
    plain, shifted = _layer(tmp_path), _layer(tmp_path, crs=GCJ02)
    assert shifted["kerbwatch_crs"] == "GCJ02"
    for one, other in zip(plain["features"], shifted["features"], strict=True):  # type: ignore[call-overload]
        for part in ("ring", "camera"):
            before, after = (
                np.array(f["geometry"]["coordinates"][0] if part == "ring" else [f["properties"]["camera"]])
                for f in (one, other)
            )
            assert np.abs(after - from_wgs84(before, GCJ02)).max() < 2e-6
            assert np.abs(after - before).max() > 1e-3  # hundreds of metres


def test_an_empty_folder_is_an_empty_layer(tmp_path: Path) -> None:
    assert _layer(tmp_path)["features"] == []
    assert logs(tmp_path) == []


def test_a_log_cut_off_by_a_kill_is_read_up_to_there(tmp_path: Path) -> None:
    _write(tmp_path, 4, complete=False)
    (part,) = (tmp_path / LOGS_DIR).iterdir()
    assert part.suffix == ".part"
    part.write_bytes(part.read_bytes()[:-20])
    assert len(list(lines(part))) == 3
    assert len(_layer(tmp_path)["features"]) == 3  # type: ignore[arg-type]
    _write(tmp_path, 4)
    assert len(_layer(tmp_path)["features"]) == 4  # type: ignore[arg-type]


def test_a_run_that_is_stopped_does_not_undo_a_whole_one(tmp_path: Path) -> None:
    _write(tmp_path, 5)
    _write(tmp_path, 1, complete=False)
    assert len(_layer(tmp_path)["features"]) == 5  # type: ignore[arg-type]


def test_two_patrols_lie_side_by_side(tmp_path: Path) -> None:
    _write(tmp_path, 2)
    _write(tmp_path, 3, patrol="f" * 32)
    assert len(_layer(tmp_path)["features"]) == 5  # type: ignore[arg-type]


def test_the_oldest_logs_are_dropped(tmp_path: Path) -> None:
    for number in range(4):
        _write(tmp_path, 10, patrol=f"{number:032d}"[::-1])
        os.utime(logs(tmp_path)[-1], (number, number))
    size = logs(tmp_path)[0].stat().st_size
    kept = logs(tmp_path)[2:]
    drop_old(tmp_path, max_bytes=2 * size + 10)
    assert logs(tmp_path) == kept
    drop_old(tmp_path, max_bytes=10)  # what was just driven is never thrown away
    assert logs(tmp_path) == kept[1:]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / LOGS_DIR).write_text("a file")
    with pytest.raises(InputError, match=r"cannot write .*coverage"):
        CoverageLog(tmp_path, PATROL)


def test_a_shift_of_eight_hours_is_a_few_megabytes(tmp_path: Path) -> None:
    """120 km at 15 km/h, a look every 15 m."""
    _write(tmp_path, 8000)
    (path,) = logs(tmp_path)
    assert 2e6 < path.stat().st_size < 5e6
    target = tmp_path / "coverage.geojson"
    assert publish(tmp_path, target) == 8000
    assert target.stat().st_size < 5e6


def test_what_a_kill_left_is_ended_once(tmp_path: Path) -> None:
    _write(tmp_path, 3, complete=False)
    _write(tmp_path, 0, patrol="b" * 32, complete=False)
    assert close_left(tmp_path) == 2
    assert [path.name for path in (tmp_path / LOGS_DIR).iterdir()] == [f"{PATROL[:16]}.jsonl"]
    assert close_left(tmp_path) == 0
