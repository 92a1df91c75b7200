from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.appearance_crop import CropSpec, masked_crop
from detector.errors import InputError

SPEC = CropSpec(side_px=64, context_share=0.15, person_margin_share=0.1, min_side_px=12, min_visible_share=0.5)
BOX = np.array([40, 30, 140, 110], np.float32)
PERSON = np.array([[60, 40, 84, 108]], np.float32)
NOBODY = np.zeros((0, 4), np.float32)


def picture(seed: int = 0, height: int = 150, width: int = 200) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_planes_are_rgb_and_what_is_seen() -> None:
    image = picture()
    image[:] = (10, 20, 30)  # blue, green, red
    planes = masked_crop(image, BOX, NOBODY, SPEC)
    assert planes is not None
    assert planes.dtype == np.float32
    assert planes.shape == (1, 4, 64, 64)
    assert planes[0, :, 5, 5] == pytest.approx([30 / 255, 20 / 255, 10 / 255, 1.0])


@pytest.mark.parametrize("seed", range(5))
def test_another_person_in_the_masked_box_changes_no_bit(seed: int) -> None:
    image = picture()
    other = image.copy()
    other[40:108, 60:84] = picture(seed + 1, 68, 24)
    mine, theirs = masked_crop(image, BOX, PERSON, SPEC), masked_crop(other, BOX, PERSON, SPEC)
    assert mine is not None
    assert theirs is not None
    assert mine.tobytes() == theirs.tobytes()


def test_the_margin_covers_what_the_box_of_a_person_cuts_off() -> None:
    image = picture()
    elbow = image.copy()
    elbow[60:70, 84:86] = 0  # 2 px beside the box, which is 24 px wide
    assert np.array_equal(masked_crop(image, BOX, PERSON, SPEC), masked_crop(elbow, BOX, PERSON, SPEC))
    bare = replace(SPEC, person_margin_share=0.0)
    assert not np.array_equal(masked_crop(image, BOX, PERSON, bare), masked_crop(elbow, BOX, PERSON, bare))


def test_what_stands_beside_the_person_still_counts() -> None:
    image = picture()
    other = image.copy()
    other[40:100, 100:130] = 0
    assert not np.array_equal(masked_crop(image, BOX, PERSON, SPEC), masked_crop(other, BOX, PERSON, SPEC))


@pytest.mark.parametrize(
    ("xyxy", "people", "why"),
    [
        ([40, 30, 51, 110], NOBODY, "11 px wide"),
        ([-500, 30, 60, 110], NOBODY, "mostly beyond the picture's edge"),
        ([300, 30, 400, 110], NOBODY, "wholly beyond it"),
        ([40, -400, 140, -10], NOBODY, "above it"),
        ([40, 30, 140, 110], np.array([[45, 20, 100, 120]], np.float32), "mostly a person"),
        ([40, 30, 140, 110], np.array([[40, 30, 75, 110], [100, 30, 140, 110]], np.float32), "mostly two people"),
        ([40, 30, 140, 110], np.array([[0, 0, 200, 150]], np.float32), "behind a crowd"),
    ],
)
def test_too_little_to_see_gives_nothing(xyxy: list[float], people: NDArray[np.float32], why: str) -> None:
    assert masked_crop(picture(), np.array(xyxy, np.float32), people, SPEC) is None, why


def test_beyond_the_edge_is_not_seen() -> None:
    planes = masked_crop(picture(), np.array([150, 30, 215, 110], np.float32), NOBODY, SPEC)
    assert planes is not None
    assert planes[0, 3, :, 0].min() == 1.0
    assert planes[0, 3, :, -1].max() == 0.0


@pytest.mark.parametrize("size", [(400, 20), (20, 300), (30, 30), (500, 500)])
def test_every_aspect_fits(size: tuple[int, int]) -> None:
    width, height = size
    planes = masked_crop(picture(3, 600, 600), np.array([40, 40, 40 + width, 40 + height], np.float32), NOBODY, SPEC)
    assert planes is not None
    assert planes[0, :3].min() >= 0
    assert planes[0, :3].max() <= 1


@pytest.mark.parametrize(
    ("xyxy", "people", "message"),
    [
        ([40, 30, np.nan, 110], NOBODY, "give four finite numbers"),
        ([40, 30, 140], NOBODY, "give four finite numbers"),
        ([140, 30, 40, 110], NOBODY, "has no area"),
        ([40, 30, 140, 110], np.zeros(4, np.float32), r"person_xyxy must be finite and of shape \(N, 4\)"),
        ([40, 30, 140, 110], np.full((1, 4), np.inf, np.float32), "person_xyxy must be finite"),
        ([40, 30, 140, 110], np.array([[90, 30, 60, 110]], np.float32), "person's box is turned inside out"),
    ],
)
def test_boxes_that_are_none(xyxy: list[float], people: NDArray[np.float32], message: str) -> None:
    with pytest.raises(InputError, match=message):
        masked_crop(picture(), np.array(xyxy, np.float32), people, SPEC)
