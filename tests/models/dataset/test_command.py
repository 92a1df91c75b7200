"""``kerbwatch models build-dataset``: one command from a recipe to a data set that can be looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import DatasetError
from tests.models.dataset.sources import recipe, source, write_labels, write_source

run = CliRunner().invoke


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_source(tmp_path, "s", ["a.png", "b.png", "街<b>.png"])
    write_labels(tmp_path, "s", dict.fromkeys(["a", "b", "街<b>"], "3 0.5 0.5 0.2 0.2\n"))
    recipe(tmp_path, source("s", split={"test": ["s-place1"]}))
    return tmp_path


def _arguments(root: Path, *more: str) -> list[str]:
    given = [str(root / "recipes" / "tiny.yaml"), "--data-root", str(root), "--out", str(root / "out")]
    return ["build-dataset", *given, *more]


def test_one_command(root: Path) -> None:
    result = run(app, _arguments(root))
    assert result.exit_code == 0, result.output
    assert "数据没有问题" in result.output
    sheets = root / "out" / "sheets"
    assert sorted(path.name for path in sheets.iterdir()) == ["index.html", "test_001.jpg", "train_001.jpg"]
    page = (sheets / "index.html").read_text("utf-8")
    assert "招牌 · signboard" in page
    assert "街&lt;b&gt;.png" in page, "a file name is text, not markup"
    drawn = cv2.imread(str(sheets / "test_001.jpg"))
    assert drawn is not None
    assert drawn.shape == (243, 1800, 3)
    again = run(app, _arguments(root))
    assert again.output.splitlines()[-1] == result.output.splitlines()[-1], "the same hash"


def test_problems_are_shown_and_listed(root: Path) -> None:
    write_labels(root, "s", {"a": "3 0.5 0.5 -0.2 0.2\n"})
    result = run(app, _arguments(root))
    assert result.exit_code == 0, result.output
    assert "crossed box" in result.output
    assert "crossed_box" in (root / "out" / "problems.csv").read_text("utf-8-sig")


def test_strict_refuses_and_leaves_the_list(root: Path) -> None:
    write_labels(root, "s", {"a": "3 0.5 0.5 -0.2 0.2\n"})
    result = run(app, _arguments(root, "--strict"))
    assert isinstance(result.exception, DatasetError)
    assert result.exception.exit_code == 2
    assert "1 problems in the data and --strict was given" in str(result.exception)
    assert "crossed_box" in (root / "out.problems.csv").read_text("utf-8-sig")
    assert not (root / "out").exists()


def test_replace(root: Path) -> None:
    assert run(app, _arguments(root)).exit_code == 0
    write_labels(root, "s", {"a": "3 0.4 0.5 0.2 0.2\n"})
    assert isinstance(run(app, _arguments(root)).exception, DatasetError)
    assert run(app, _arguments(root, "--replace")).exit_code == 0


def test_missing_weights_are_named(root: Path) -> None:
    result = run(app, _arguments(root, "--weights", str(root / "none" / "w.pt")))
    assert "no weights at" in str(result.exception)
