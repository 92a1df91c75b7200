"""The leak check finds what a split by place did not keep apart."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import pytest
from PIL import Image
from typer.testing import CliRunner

from models.cli import app
from models.dataset import Sample, build
from models.dataset.leaks import draw_nearest_pairs, find_leaks
from models.dataset.sample import Chip
from models.errors import DatasetError
from models.recipe import TeacherSpec
from tests.models.dataset.sources import write_picture

run = CliRunner().invoke


def _sample(folder: Path, seed: int, split: str, taken_s: int | None = None, chip: Chip | None = None) -> Sample:
    path = folder / f"p{seed}.png"
    write_picture(path, seed)
    return Sample(path, "s", f"place{seed}", split, frozenset({"signboard"}), taken_s=taken_s, chip=chip)


def _built(root: Path, samples: list[Sample]):
    return build(samples, ["signboard"], out=root / "out", weights=None, teacher=TeacherSpec())


def test_the_nearest_by_look_time_and_ground(tmp_path: Path) -> None:
    train = [
        _sample(tmp_path, 1, "train", taken_s=1000, chip=Chip("m", 3, 4, 20.0)),
        _sample(tmp_path, 2, "train", taken_s=1300, chip=Chip("m", 0, 10, 20.0)),
        _sample(tmp_path, 3, "train", chip=Chip("other", 0, 0, 20.0)),
    ]
    leak = _sample(tmp_path, 4, "test", taken_s=1290, chip=Chip("m", 0, 0, 20.0))
    Image.open(train[0].image).resize((60, 40)).save(leak.image)  # the picture of place1, smaller
    rows = find_leaks(_built(tmp_path, [*train, leak, _sample(tmp_path, 5, "val")]))
    assert [row.held_out.name for row in rows] == ["p4.png", "p5.png"], "the most alike first"
    found = rows[0]
    assert found.nearest.name == "p1.png"
    assert found.bits <= 8
    assert (found.seconds, found.chips, found.metres) == (10, 5.0, 100.0)
    assert rows[1].bits > 8
    assert (rows[1].seconds, rows[1].chips, rows[1].metres) == (None, None, None)


def test_unknown_ground_size_gives_chips_only(tmp_path: Path) -> None:
    train = _sample(tmp_path, 1, "train", chip=Chip("m", 1, 1))
    (row,) = find_leaks(_built(tmp_path, [train, _sample(tmp_path, 2, "test", chip=Chip("m", 1, 3))]))
    assert (row.chips, row.metres) == (2.0, None)


def test_nothing_held_out(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds nothing out"):
        find_leaks(_built(tmp_path, [_sample(tmp_path, 1, "train")]))


def test_the_sheet_holds_at_most_ten_pairs(tmp_path: Path) -> None:
    held = [_sample(tmp_path, seed, "test") for seed in range(2, 14)]
    sheet = draw_nearest_pairs(find_leaks(_built(tmp_path, [_sample(tmp_path, 1, "train"), *held])))
    assert sheet.shape == (10 * 382, 960, 3)


def test_the_command_writes_a_table_and_a_picture(tmp_path: Path) -> None:
    _built(tmp_path, [_sample(tmp_path, 1, "train"), _sample(tmp_path, 2, "test"), _sample(tmp_path, 3, "val")])
    result = run(app, ["leaks", str(tmp_path / "out"), "--out", str(tmp_path / "deep" / "leaks.csv")])
    assert result.exit_code == 0, result.output
    assert "no seconds" in result.output
    with (tmp_path / "deep" / "leaks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["split"], row["image"], row["nearest_train_image"]) for row in rows} == {
        ("test", "p2.png", "p1.png"),
        ("val", "p3.png", "p1.png"),
    }
    assert cv2.imread(str(tmp_path / "deep" / "leaks.jpg")) is not None
