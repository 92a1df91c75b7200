"""A photo is turned once: in the data set its pixels are upright, its tag is gone and its boxes fit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models.dataset import build, read_recipe
from models.recipe import TeacherSpec
from tests.models.dataset.sources import add_to_index, recipe, source, told, write_labels

STORED_PX = (120, 80)
SPOT_PX = (6, 10, 30, 40)
"""Left, top, right, bottom of a white spot in the stored file, beside a corner."""


def _photo(path: Path, orientation: int) -> None:
    """Black with a white spot; stored as it came from the sensor."""
    image = np.zeros((STORED_PX[1], STORED_PX[0], 3), np.uint8)
    left, top, right, bottom = SPOT_PX
    image[top:bottom, left:right] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))


def _spot(path: Path) -> tuple[float, float, float, float]:
    """The white spot as fractions cx cy w h of the pixels as they are stored, EXIF not looked at."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    assert image is not None
    ys, xs = np.nonzero(image > 127)
    height, width = image.shape
    left, top, right, bottom = xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_labels_of_the_stored_file_are_turned_with_it(tmp_path: Path, orientation: int, suffix: str) -> None:
    photo = tmp_path / "s" / "images" / f"a{suffix}"
    _photo(photo, orientation)
    add_to_index(tmp_path, "s", [photo.name])
    cx, cy, w, h = _spot(photo)
    write_labels(tmp_path, "s", {"a": f"3 {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n"})
    reading = read_recipe(recipe(tmp_path, source("s", exif_labels="stored")), tmp_path)
    assert told(reading.problems) == ([("exif_turned", photo.name, "")] if orientation != 1 else [])
    built = build(reading.samples, ["signboard"], out=tmp_path / "out", weights=None, teacher=TeacherSpec())
    upright = tmp_path / "out" / "images" / "train" / photo.name
    with Image.open(upright) as image:
        assert image.size == (STORED_PX if orientation < 5 else STORED_PX[::-1])
        assert image.getexif().get(0x0112, 1) == 1, "a second reader would turn it again"
    (box,) = built.samples[0].boxes
    assert (box.cx, box.cy, box.w, box.h) == pytest.approx(_spot(upright), abs=0.02)


def test_labels_of_the_shown_picture_stay(tmp_path: Path) -> None:
    _photo(tmp_path / "s" / "images" / "a.jpg", 6)
    add_to_index(tmp_path, "s", ["a.jpg"])
    write_labels(tmp_path, "s", {"a": "3 0.6 0.2 0.2 0.1\n"})
    (sample,) = read_recipe(recipe(tmp_path, source("s")), tmp_path).samples
    assert (sample.boxes[0].cx, sample.boxes[0].cy) == (0.6, 0.2)


@pytest.mark.parametrize(
    ("declared_px", "expected"),
    [
        ((120, 80), (1 - 12.5 / 80, 18 / 120)),  # the stored size: a quarter turn clockwise, x becomes 1 - y
        ((80, 120), (18 / 80, 12.5 / 120)),  # the shown size: as it stands
    ],
)
def test_a_declared_size_tells_which_picture_is_meant(
    tmp_path: Path, declared_px: tuple[int, int], expected: tuple[float, float]
) -> None:
    _photo(tmp_path / "s" / "images" / "a.jpg", 6)
    add_to_index(tmp_path, "s", ["a.jpg"])
    box = "<bndbox><xmin>6</xmin><ymin>5</ymin><xmax>30</xmax><ymax>20</ymax></bndbox>"
    size = f"<size><width>{declared_px[0]}</width><height>{declared_px[1]}</height></size>"
    path = tmp_path / "s" / "annotations" / "a.xml"
    path.parent.mkdir()
    path.write_text(f"<annotation>{size}<object><name>sign</name>{box}</object></annotation>", "utf-8")
    spec = source("s", format="voc", labels={"sign": "signboard"})
    reading = read_recipe(recipe(tmp_path, spec), tmp_path)
    (found,) = reading.samples[0].boxes
    assert (found.cx, found.cy) == pytest.approx(expected)
