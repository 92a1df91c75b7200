"""Is a held-out picture already in the training pictures? For each one the nearest, by look, by time and by ground.

A split by place is a promise; this measures whether the data keep it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.dataset.contact_sheet import draw_boxes
from models.dataset.limits import Limits
from models.dataset.near_duplicates import distances_bits, looks
from models.dataset.picture import read_picture
from models.dataset.sample import BuiltDataset, Sample
from models.errors import DatasetError

PAIRS_SHOWN = 10
_CELL_PX = (480, 360)
_CAPTION_PX = 22
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class NearestInTraining:
    """One held-out picture and what comes nearest to it in training.

    Attributes:
        held_out: A picture of val or test.
        nearest: The training picture that looks most like it.
        bits: How many of the 64 bits of their perceptual hashes differ; unrelated pictures differ in about 32.
        seconds: To the nearest training picture of its source in time; None where times are unknown.
        chips: To the nearest training chip of its mosaic, in chips (centre to centre); None where no chip of that
            mosaic is in training, or the cells are unknown.
        metres: The same on the ground, where the size of a chip is known.
    """

    held_out: Sample
    nearest: Sample
    bits: int
    seconds: int | None
    chips: float | None
    metres: float | None


def find_leaks(
    dataset: BuiltDataset, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> list[NearestInTraining]:
    """The nearest training picture of every held-out one, the most alike first.

    Args:
        dataset: A built data set.
        on_progress: Called with (pictures read, pictures in all).

    Raises:
        DatasetError: a picture of it does not decode, or nothing is held out.
    """
    train = [sample for sample in dataset.samples if sample.split == "train"]
    held_out = [sample for sample in dataset.samples if sample.split != "train"]
    if not train or not held_out:
        raise DatasetError(f"{dataset.folder} holds nothing out: there is nothing to compare")
    hashes: list[int] = []
    for sample in [*train, *held_out]:
        hashes.append(read_picture(sample.image, Limits()).look)
        on_progress(len(hashes), len(dataset.samples))
    every = looks(hashes)
    bits = distances_bits(every[len(train) :], every[: len(train)])
    rows = [
        NearestInTraining(
            held_out=sample,
            nearest=train[nearest := int(bits[index].argmin())],
            bits=int(bits[index, nearest]),
            seconds=_seconds_apart(sample, train),
            chips=(chips := _chips_apart(sample, train)),
            metres=None if chips is None or sample.chip is None else _metres(chips, sample.chip.size_m),
        )
        for index, sample in enumerate(held_out)
    ]
    return sorted(rows, key=lambda row: (row.bits, row.held_out.name))


def write_leaks(rows: Sequence[NearestInTraining], path: Path) -> None:
    """Write the table, one line per held-out picture. Unknown distances are empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["split", "image", "source", "place", "nearest_train_image", "train_source", "train_place", "bits",
             "seconds_to_nearest", "chips_to_nearest", "metres_to_nearest"]
        )  # fmt: skip
        for row in rows:
            ours, theirs = row.held_out, row.nearest
            known = [value if value is not None else "" for value in (row.seconds, row.chips, row.metres)]
            pair = [ours.split, ours.name, ours.source, ours.place, theirs.name, theirs.source, theirs.place]
            writer.writerow([*pair, row.bits, *known])


def draw_nearest_pairs(rows: Sequence[NearestInTraining]) -> NDArray[np.uint8]:
    """The pairs that look most alike, side by side: left held out, right in training. (H, W, 3) uint8 BGR."""
    shown = rows[:PAIRS_SHOWN]
    width, height = _CELL_PX
    sheet = np.full((len(shown) * (height + _CAPTION_PX), 2 * width, 3), 255, np.uint8)
    for index, row in enumerate(shown):
        top = index * (height + _CAPTION_PX)
        for left, sample in ((0, row.held_out), (width, row.nearest)):
            small = draw_boxes(sample, {}, _CELL_PX)
            sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
            text = f"{sample.split} {sample.place} {sample.stem} {f'{row.bits} bits' if not left else ''}"
            at = (left + 4, top + height + 15)
            cv2.putText(sheet, text.encode("ascii", "replace").decode(), at, _FONT, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
    return sheet


def _seconds_apart(sample: Sample, train: Sequence[Sample]) -> int | None:
    if sample.taken_s is None:
        return None
    times = [other.taken_s for other in train if other.source == sample.source and other.taken_s is not None]
    return min((abs(sample.taken_s - time) for time in times), default=None)


def _chips_apart(sample: Sample, train: Sequence[Sample]) -> float | None:
    ours = sample.chip
    if ours is None:
        return None
    cells = [other.chip for other in train if other.source == sample.source and other.chip is not None]
    apart = [math.hypot(c.row - ours.row, c.column - ours.column) for c in cells if c.mosaic == ours.mosaic]
    return round(min(apart), 2) if apart else None


def _metres(chips: float, size_m: float | None) -> float | None:
    return round(chips * size_m, 1) if size_m is not None else None
