"""The doctor on boxes that are well and ill; real files, real servers' absence, no picture of a camera faked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from detector.errors import InputError
from detector.vocabulary import Text
from edge.box.cli import app
from edge.box.doctor import Check, Level, examine, report, said
from edge.page.pairing import Pairings, WrongCode
from tests.conftest import ROOT

SITE = ROOT / "edge" / "demo_site"


def box(folder: Path, **changes: object) -> Path:
    """A box.yaml; nothing of what it names answers."""
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    settings: dict[str, object] = {
        "state": "state",
        "site": str(SITE),
        "cameras": [{"camera_id": "wall-cam", "address": "rtsp://127.0.0.1:9/main"}],
    }
    config = folder / "box.yaml"
    config.write_text(yaml.safe_dump(settings | changes, allow_unicode=True))
    return config


def found(config: Path, *names: str, allow_files: bool = False) -> dict[str, tuple[str, str]]:
    """Level and English words of these checks."""
    from edge.box.checkups import checks as all_checks

    checks = [check for check in all_checks(allow_files=allow_files) if check.name.en in names]
    assert len(checks) == len(names)
    return {line.check.en: (line.level.name, line.says.en) for line in examine(config, None, checks)}


def test_settings_that_are_wrong_end_it(tmp_path: Path) -> None:
    (line,) = examine(box(tmp_path, camera="x"), None)
    assert line.level is Level.BAD
    assert "camera: Extra inputs are not permitted" in line.says.en


def test_site_disk_and_machine(tmp_path: Path) -> None:
    lines = found(box(tmp_path), "site", "disk", "machine", "outbox", "server", "receiver")
    assert lines["site"][0] == "OK"
    assert "Asia/Shanghai" in lines["site"][1]
    assert lines["durable write"][1].startswith("fsync takes ")
    assert lines["outbox"] == ("OK", "none yet")
    assert lines["server"] == ("OK", "none")
    assert lines["receiver"] == ("OK", "none")
    assert not [name for name in (tmp_path / "state").iterdir() if name.name.startswith(".tmp-doctor")]


def test_a_recording_stands_for_a_camera_only_when_allowed(tmp_path: Path, bikes_clip: Path) -> None:
    config = box(tmp_path, cameras=[{"camera_id": "wall-cam", "address": f"file://{bikes_clip}?loop"}])
    level, says = found(config, "camera")["camera"]
    assert (level, "file:// is no live camera" in says) == ("BAD", True)
    level, says = found(config, "camera", allow_files=True)["camera wall-cam"]
    assert (level, says.startswith("640 x 272 px h264")) == ("OK", True), says


@pytest.mark.parametrize(
    ("changes", "check", "name", "level", "words"),
    [
        ({"site": "/nowhere"}, "site", "site", "BAD", "/nowhere"),
        ({"cameras": [{"camera_id": "no", "address": "/dev/video9"}]}, "site", "site", "BAD", "no"),
        ({"uplink": {"server": "http://127.0.0.1:9"}}, "server", "server", "BAD", "not enrolled at http://127.0.0.1:9"),
        ({"gnss": {"gpsd": "127.0.0.1:9"}}, "receiver", "receiver", "BAD", "silent"),
        ({}, "camera", "camera wall-cam", "BAD", "no picture"),
    ],
)
def test_what_is_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    check: str,
    name: str,
    level: str,
    words: str,
) -> None:
    monkeypatch.setattr("edge.box.checkups._CAMERA_S", 1.0)
    monkeypatch.setattr("edge.box.checkups._FIX_S", 0.5)
    lines = found(box(tmp_path, **changes), check)
    assert lines[name][0] == level
    assert words in lines[name][1]


def test_a_state_folder_that_others_enter(tmp_path: Path) -> None:
    config = box(tmp_path)
    (tmp_path / "state").chmod(0o755)
    assert found(config, "disk")["permissions"] == ("BAD", "others may enter it (0755)")


def _fails(*_: object) -> list[object]:
    raise InputError("the bad value, and the fix")


def _breaks(*_: object) -> list[object]:
    raise FileNotFoundError(2, "No such file or directory", "/dev/ttyUSB0")


def test_one_check_that_cannot_be_made_does_not_end_the_others(tmp_path: Path) -> None:
    well = Check(Text("好", "well"), lambda *_: [said(Text("好", "well"), Level.OK, "好", "well")])
    checks = [Check(Text("坏", "a"), _fails), Check(Text("坏", "b"), _breaks), well]  # type: ignore[arg-type]
    lines = list(examine(box(tmp_path), None, checks))
    assert [(line.check.en, line.says.en) for line in lines[1:]] == [
        ("a", "the bad value, and the fix"),
        ("b", "/dev/ttyUSB0 No such file or directory"),
        ("well", "well"),
    ]


@pytest.mark.parametrize(("levels", "code"), [((), 0), ((0, 0), 0), ((0, 1), 1), ((2, 1), 2)])
def test_report(levels: tuple[int, ...], code: int) -> None:
    name, fix = Text("磁盘", "disk"), Text("换卡", "change the card")
    lines = [said(name, Level(level), "慢", "slow", fix) for level in levels]
    plain: list[str] = []
    assert report(lines, as_json=False, write=plain.append) == code
    assert all("磁盘 disk: 慢 · slow\n" in text and "→ 换卡 · change the card" in text for text in plain)
    told: list[str] = []
    assert report(lines, as_json=True, write=told.append) == code
    assert [line["level"] for line in json.loads(told[0])["lines"]] == [Level(level).name.lower() for level in levels]


def test_commands(tmp_path: Path) -> None:
    config, runner = box(tmp_path), CliRunner()
    shown = runner.invoke(app, ["page", str(config)])
    code = shown.output.split("code: ")[1].split()[0]
    with Pairings(tmp_path / "state") as pairings:
        pairings.pair(code)
        assert "1 部手机" in runner.invoke(app, ["page", str(config), "--forget"]).output
        assert pairings.phones() == 0
        with pytest.raises(WrongCode):
            pairings.pair(code)
    printed = runner.invoke(app, ["unit", str(config), "--user", "kerb"]).output
    assert f"box run {config}" in printed
    assert "Type=notify" in printed
    broken = box(tmp_path, cameras=[])
    told = runner.invoke(app, ["doctor", str(broken), "--json"])
    assert told.exit_code == 2
    assert json.loads(told.output)["worst"] == "bad"
