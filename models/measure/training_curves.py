"""How a training run went, as a picture: losses, and average precision on the validation places."""

from __future__ import annotations

import csv
from pathlib import Path

from models.errors import DatasetError
from models.measure.plotting import figure_file, label

_LOSSES = {"train/box_loss": "box", "train/cls_loss": "class", "val/box_loss": "box, val", "val/cls_loss": "class, val"}
_SCORES = {"metrics/mAP50(B)": "AP50", "metrics/mAP50-95(B)": "AP50-95"}


def draw_training(results: Path, path: Path) -> None:
    """Write a PNG from the trainer library's ``results.csv``.

    Raises:
        DatasetError: it cannot be read, or holds no epoch.
        TrainExtraMissing: matplotlib is not installed.
    """
    rows = _read(results)
    epochs = [float(row["epoch"]) for row in rows]
    with figure_file(path, 900, 340) as figure:
        left, right = figure.subplots(1, 2)
        for axes, columns in ((left, _LOSSES), (right, _SCORES)):
            for column, name in columns.items():
                style = ":" if column.startswith("val") else "-"
                axes.plot(epochs, [float(row[column]) for row in rows], style, linewidth=1.2, label=name)
            axes.set(xlabel=label("轮次", "epoch"))
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        left.set(title=label("损失", "loss"))
        measure = label("验证集，训练库自测，所有标签平均", "validation, the trainer's own measure, mean of all labels")
        right.set(title=measure, ylim=(0, 1))


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            # An older trainer pads the column names with blanks.
            rows = [{key.strip(): value for key, value in row.items()} for row in csv.DictReader(file)]
    except OSError as error:
        raise DatasetError(f"cannot read the training record {path}: {error}") from error
    missing = [column for column in ("epoch", *_LOSSES, *_SCORES) if not rows or not rows[0].get(column)]
    if missing:
        raise DatasetError(f"{path} has no column {missing[0]!r} or no epoch: is it the trainer's results.csv?")
    # A resumed run writes the epoch that the kill cut short a second time: the later one counts.
    return list({float(row["epoch"]): row for row in rows}.values())
