from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.errors import BundleError
from models.cli import app
from models.errors import DatasetError, RecipeError, TrainExtraMissing
from tests.models.networks import draw_picture, write_export

run = CliRunner().invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three noise pictures with a labelled bench each, one of them broken, and one bad label line."""
    root = tmp_path / "街景"
    for seed in range(3):
        box = draw_picture(root / "images" / f"{seed}.png", seed)
        labels = root / "labels" / f"{seed}.txt"
        labels.parent.mkdir(exist_ok=True)
        labels.write_text("1 " + " ".join(f"{value:.6f}" for value in box) + "\n", encoding="ascii")
    (root / "images" / "2.png").write_bytes(b"torn")
    (root / "labels" / "1.txt").write_text("1 0.5 0.5 nine 0.1\n", encoding="ascii")
    (root / "data.yaml").write_text("names: [sky, bench]\n", encoding="utf-8")
    return root


def _evaluate(bundle: Path, *more: str) -> list[str]:
    return ["evaluate", "--bundle", str(bundle), *more]


def test_json_of_any_yolo_folder(zoo_street: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(app, _evaluate(zoo_street, "--data", str(folder), "--json", "--out", str(out)))
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["schema"] == "kerbwatch-evaluation/1"
    assert content["bundle"]["name"] == "street-n"
    assert content["cues"]["labelled"] == ["bench"]
    assert "signboard" in content["cues"]["not_labelled"]
    (row,) = content["rows"]
    assert (row["cue"], row["source"], row["split"], row["images"], row["places"], row["boxes"]) == (
        "bench", "街景", "all", 1, None, 1,
    )  # fmt: skip
    assert [(fault["file"], fault["line"], fault["kind"]) for fault in content["problems"]] == [
        ("images/2.png", "", "picture_unreadable"),
        ("labels/1.txt", "1", "malformed_box"),
    ]
    assert (out / "evaluation.json").read_text(encoding="utf-8") == result.stdout
    assert (out / "curves-bench.png").is_file()


def test_table_for_people(zoo_street: Path, folder: Path) -> None:
    result = run(app, _evaluate(zoo_street, "--data", str(folder)))
    assert result.exit_code == 0, result.output
    assert "bench" in result.output
    assert "1.txt:1" in result.output


def test_a_narrow_terminal_cuts_no_figure(zoo_street: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    renamed = folder.rename(folder.with_name("a-folder-of-a-long-name"))
    (renamed / "data.yaml").write_text("names: [sky, potted_plant]\n", encoding="utf-8")
    result = run(app, _evaluate(zoo_street, "--data", str(renamed)))
    assert result.exit_code == 0, result.output
    assert "…" not in result.output


def test_figures_come_before_pictures_that_cannot_be_drawn(
    zoo_street: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(app, _evaluate(zoo_street, "--data", str(folder), "--json", "--out", str(tmp_path / "out")))
    with pytest.raises(TrainExtraMissing, match=r"matplotlib is not installed: .*pip install"):
        raise result.exception or AssertionError(result.output)
    assert (tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8") == result.stdout


def test_a_label_export_is_read_as_such(zoo_street: Path, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", ["signboard"], [("p", "train", "signboard")])
    result = run(app, _evaluate(zoo_street, "--data", str(export), "--json"))
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    assert (row["cue"], row["places"], row["boxes"]) == ("signboard", 1, 1)


@pytest.mark.parametrize(
    "options",
    [[], ["--recipe", "r.yaml"], ["--recipe", "r.yaml", "--data", "d"], ["--data", "d", "--data-root", "r"]],
)
def test_wants_one_source(zoo_street: Path, options: list[str]) -> None:
    result = run(app, _evaluate(zoo_street, *options))
    assert isinstance(result.exception, RecipeError)
    assert "either --recipe FILE with --data-root DIR, or --data DIR" in str(result.exception)


def test_no_bundle(tmp_path: Path) -> None:
    result = run(app, _evaluate(tmp_path, "--data", str(tmp_path)))
    assert isinstance(result.exception, BundleError)


def test_no_picture(zoo_street: Path, tmp_path: Path) -> None:
    result = run(app, _evaluate(zoo_street, "--data", str(tmp_path)))
    assert isinstance(result.exception, DatasetError)
    assert "no picture below" in str(result.exception)
