"""`kerbwatch box gnss`: what an installer sees of the receiver."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import kerbwatch
from edge.box.gnss_line import gnss_line
from edge.box.health import GnssHealth
from edge.box_time import BoxTime
from tests.edge.clocks import SetClocks
from tests.edge.gnss.receiver import driving, plugged


def config(folder: Path, **gnss: object) -> Path:
    path = folder / "box.yaml"
    cameras = [{"camera_id": "front", "address": "/dev/video0"}]
    path.write_text(yaml.safe_dump({"state": "state", "site": "site", "cameras": cameras, **gnss}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("health", "satellites", "line"),
    [
        (
            GnssHealth("fix", 0.3, 3.18, "dgnss", 5.0, 1234.4),
            12,
            "已定位 fix · ±3.2 m dgnss · 卫星 satellites 12 · 18.0 km/h · 1234 m · 2026-11-22 12:00:00Z (system)",
        ),
        (
            GnssHealth("no_fix", trouble="no fix for 7 s"),
            0,
            "未定位 no fix · 卫星 satellites 0 · 0 m · 2026-11-22 12:00:00Z (system) · no fix for 7 s",
        ),
        (
            GnssHealth("silent", 9.0, 3.18, "dgnss", None, 5.0, "gone"),
            12,
            "无数据 silent · 5 m · 2026-11-22 12:00:00Z (system) · gone",
        ),
    ],
)
def test_the_line(health: GnssHealth, satellites: int | None, line: str) -> None:
    assert gnss_line(health, satellites, BoxTime(SetClocks())) == line


def test_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with plugged(tmp_path) as plug, driving(plug), pytest.raises(SystemExit) as left:
        kerbwatch.main(["box", "gnss", str(config(tmp_path, gnss={"serial": str(plug.settings.serial)})), "--once"])
    assert left.value.code == 0
    assert re.match(
        r"已定位 fix · ±3\.2 m autonomous · 卫星 satellites 12 · 18\.0 km/h · \d m · .*Z \(system\)\n$",
        capsys.readouterr().out,
    )


def test_once_without_a_receiver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.box.gnss_line.ONCE_S", 0.5)
    with pytest.raises(SystemExit) as left:
        kerbwatch.main(["box", "gnss", str(config(tmp_path, gnss={"serial": "/dev/none"})), "--once"])
    assert left.value.code == 75
    assert "无数据 silent" in (out := capsys.readouterr().out)
    assert "/dev/none is not there: is the receiver plugged in?" in out


def test_a_box_without_a_receiver_is_told_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        kerbwatch.main(["box", "gnss", str(config(tmp_path))])
    assert left.value.code == 2
    assert "names no receiver: give gnss.serial or gnss.gpsd first" in capsys.readouterr().err


def test_lines_every_second_until_ctrl_c(tmp_path: Path) -> None:
    path = config(tmp_path, gnss={"serial": "/dev/none"})
    command = [sys.executable, "-W", "error", "-m", "kerbwatch", "box", "gnss", str(path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        assert all("silent" in shown.stdout.readline() for _ in range(2))
        shown.send_signal(signal.SIGINT)
        assert shown.wait(20) == 130
        assert shown.stderr.read() == ""
