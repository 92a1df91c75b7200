from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.errors import BundleError, InputError
from models.cli import app
from models.errors import TrainExtraMissing
from tests.conftest import ROOT

run = CliRunner().invoke


def test_verify_says_what_it_found(zoo_street: Path) -> None:
    result = run(app, ["verify", str(zoo_street)])
    assert result.exit_code == 0, result.output
    assert "street-n" in result.output
    assert "12 cues" in result.output


def test_verify_refuses_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    result = run(app, ["verify", str(tmp_path)])
    assert isinstance(result.exception, BundleError)


@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is not None, reason="the training extra is installed")
def test_training_names_the_missing_extra(tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    weights.touch()
    result = run(app, ["train", "--data", str(tmp_path), "--weights", str(weights), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, TrainExtraMissing)
    assert "pip install 'kerbwatch[train]'" in str(result.exception)


@pytest.mark.parametrize("command", ["evaluate", "scenes"])
def test_an_unwritable_folder_is_told_before_the_work(command: str, zoo_street: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    given = {
        "evaluate": ["--bundle", str(zoo_street), "--data", str(tmp_path)],
        "scenes": [str(ROOT / "datasets" / "scenes"), "--data-root", str(tmp_path), "--street", str(zoo_street)],
    }
    result = run(app, [command, *given[command], "--out", str(tmp_path / "taken")])
    assert isinstance(result.exception, InputError)
    assert "cannot write to" in str(result.exception)
