"""Pictures that look the same, and pictures taken at one time, stay on one side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models.dataset import read_recipe
from models.dataset.limits import Limits
from models.dataset.near_duplicates import close_pairs, distances_bits, looks
from models.dataset.picture import read_picture
from tests.models.dataset.sources import picture, recipe, source, told, write_labels, write_picture, write_source

GOOD = "3 0.5 0.5 0.2 0.2\n"


def _copy(original: Path, path: Path) -> None:
    """The same scene again: smaller, darker, another compression."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(original).resize((90, 60), Image.Resampling.BILINEAR)
    image.point(lambda value: value * 0.8).convert("RGB").save(path, quality=60)


def test_copies_are_near_and_others_are_not(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    _copy(tmp_path / "a.png", tmp_path / "copy.jpg")
    write_picture(tmp_path / "b.png", 2)
    a, copy, b = (read_picture(tmp_path / name, Limits()).look for name in ("a.png", "copy.jpg", "b.png"))
    assert (a ^ copy).bit_count() <= 8
    assert (a ^ b).bit_count() > 12


def test_the_hash_is_of_the_picture_as_people_see_it(tmp_path: Path) -> None:
    picture(1).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 8
    picture(1).save(tmp_path / "tagged.png", exif=exif)
    first, second = (read_picture(tmp_path / name, Limits()) for name in ("upright.png", "tagged.png"))
    assert first.look == second.look
    assert (first.width_px, first.height_px) == (second.width_px, second.height_px) == (80, 120)


def test_pairs_are_those_of_the_whole_table() -> None:
    hashes = np.random.default_rng(3).integers(0, 1 << 63, 1200, dtype=np.uint64)
    hashes[1100] = hashes[7] ^ np.uint64(0b101)
    table = distances_bits(hashes, hashes)
    every = [(i, j) for i, j in zip(*np.nonzero(table <= 8), strict=True) if i < j]
    assert close_pairs(hashes, 8) == every == [(7, 1100)]
    assert close_pairs(looks([]), 8) == []


def _source_with_a_copy(root: Path, count: int) -> None:
    names = [f"p{number}.png" for number in range(count)] + ["copy.jpg"]
    write_source(root, "s", names)
    _copy(root / "s" / "images" / "p0.png", root / "s" / "images" / "copy.jpg")
    write_labels(root, "s", {Path(name).stem: GOOD for name in names})


@pytest.mark.parametrize("seed", [f"s{number}" for number in range(6)])
def test_places_with_copies_are_dealt_out_together(tmp_path: Path, seed: str) -> None:
    _source_with_a_copy(tmp_path, 6)
    made = recipe(tmp_path, source("s", split={"val_places": 2, "test_places": 2}), split_seed=seed)
    reading = read_recipe(made, tmp_path)
    assert reading.problems == ()
    assert reading.alike == (("copy.jpg", "p0.png"),)
    split = {sample.name: sample.split for sample in reading.samples}
    assert len(split) == 7
    assert split["copy.jpg"] == split["p0.png"]
    assert sorted({split for name, split in split.items()}) == ["test", "train", "val"]


@pytest.mark.parametrize(
    ("split", "dropped", "kept_side"),
    [
        ({"test": ["s-place0"]}, "copy.jpg", "test"),
        ({"val": ["s-place0"]}, "copy.jpg", "val"),
        ({"test": ["s-place0"], "val": ["s-place3"]}, "copy.jpg", "test"),  # val gives way to test
        ({"test": ["s-place3"]}, "p0.png", "test"),
    ],
)
def test_a_copy_across_named_places_is_dropped_and_reported(
    tmp_path: Path, split: dict[str, list[str]], dropped: str, kept_side: str
) -> None:
    _source_with_a_copy(tmp_path, 3)  # p0, p1, p2 and the copy: places 0 to 3
    reading = read_recipe(recipe(tmp_path, source("s", split=split)), tmp_path)
    assert told(reading.problems) == [("near_duplicate", dropped, "")]
    assert f"side {kept_side}" in reading.problems[0].detail
    assert dropped not in {sample.name for sample in reading.samples}
    assert reading.alike == ()


def test_copies_in_two_sources_are_found(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["p0.png", "p1.png"])
    write_source(tmp_path, "other", ["q0.jpg"])
    _copy(tmp_path / "s" / "images" / "p1.png", tmp_path / "other" / "images" / "q0.jpg")
    write_labels(tmp_path, "s", {"p0": GOOD, "p1": GOOD})
    write_labels(tmp_path, "other", {"q0": GOOD})
    held = source("s", split={"test": ["s-place1"]})
    reading = read_recipe(recipe(tmp_path, held, source("other")), tmp_path)
    assert told(reading.problems) == [("near_duplicate", "q0.jpg", "")]
    loose = recipe(tmp_path, held, source("other"), near_duplicate_bits=0)
    assert (read_recipe(loose, tmp_path).problems == ()) is not _identical(tmp_path)


def _identical(root: Path) -> bool:
    first = read_picture(root / "s" / "images" / "p1.png", Limits()).look
    return first == read_picture(root / "other" / "images" / "q0.jpg", Limits()).look


def test_pictures_of_one_time_are_one_place(tmp_path: Path) -> None:
    """Three pictures seconds apart, one ten minutes later, one without a time."""
    names = [f"p{number}.png" for number in range(5)]
    scenes = ["IMG20240615120000_jpg", "IMG20240615120045_jpg", "IMG20240615120110_jpg", "IMG20240615121110_jpg", "WA7"]
    write_source(tmp_path, "s", names, scenes)
    write_labels(tmp_path, "s", {Path(name).stem: GOOD for name in names})
    spec = source("s", time_pattern=r"^IMG(\d{14})", keep_together_s=60)
    reading = read_recipe(recipe(tmp_path, spec), tmp_path)
    assert [sample.place for sample in reading.samples] == [
        "s@20240615T120000", "s@20240615T120000", "s@20240615T120000", "s@20240615T121110", "WA7",
    ]  # fmt: skip
    times = [sample.taken_s for sample in reading.samples]
    assert times[1] - times[0] == 45  # type: ignore[operator]
    assert times[4] is None


def test_the_hash_of_a_flat_picture_is_defined(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((40, 40, 3), 128, np.uint8))
    assert read_picture(tmp_path / "flat.png", Limits()).look in {0, 1 << 63}
