"""`kerbwatch survey check` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from kerbwatch import main
from tests.edge.survey.drone import fly


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fly(tmp_path_factory.mktemp("flight") / "photos", {2: 180.0})[0].parent


def test_it_names_the_wrong_photo_and_writes_what_was_asked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["survey", "check", str(folder), "--mend", str(tmp_path / "p.csv"), "--picture", str(tmp_path / "p.png")])
    assert left.value.code == 1
    shown = capsys.readouterr().out
    assert "航向反了" in shown
    assert "turned round" in shown
    assert "turned_round" in (tmp_path / "p.csv").read_text("utf-8")
    assert cv2.imread(str(tmp_path / "p.png")) is not None


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["survey", "check", str(folder), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [p["photo"] for p in told["photos"] if p["finding"] == "turned_round"] == ["DJI_0002.JPG"]
    assert told["median_m"]["measured"] < told["median_m"]["tagged"]


def test_a_picture_of_another_kind_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["survey", "check", str(folder), "--picture", str(tmp_path / "p.pdf")])
    assert left.value.code == 2
    assert "p.pdf must end in .png" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--mend", "--picture"])
def test_what_cannot_be_written_is_told_before_the_work(
    folder: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("edge.survey.cli.check_photos")
    with pytest.raises(SystemExit) as left:
        main(["survey", "check", str(folder), option, str(tmp_path / "nowhere" / "p.png")])
    assert left.value.code == 2
    assert "name a file in a folder that is there" in capsys.readouterr().err
