"""Pictures of any size fit the rectangle, and boxes find back."""

from __future__ import annotations

import numpy as np
import pytest

from detector.errors import InputError
from detector.model.card import InputSpec
from detector.model.letterbox import Letterbox, fit

SPEC = InputSpec(name="images", height_px=384, width_px=640, colour="rgb", scale=1 / 255, pad_value=114)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (1080, 1920, (360, 640, 12, 0)),  # 16:9: 12 px of border above and below
        (384, 640, (384, 640, 0, 0)),  # fits as it is
        (480, 640, (384, 512, 0, 64)),  # 4:3: border left and right
        (272, 640, (272, 640, 56, 0)),
        (101, 640, (101, 640, 141, 0)),  # odd border: the smaller half lies on top
        (3000, 10, (384, 1, 0, 319)),  # a sliver keeps one pixel
        (1, 1, (384, 384, 0, 128)),
    ],
)
def test_fit(height: int, width: int, expected: tuple[int, int, int, int]) -> None:
    placed = fit(height, width, SPEC)
    assert (placed.height_px, placed.width_px, placed.top_px, placed.left_px) == expected


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (480, 640), (101, 640), (7, 900)])
def test_boxes_find_back(height: int, width: int) -> None:
    placed = fit(height, width, SPEC)
    source = np.array([[0, 0, width, height], [width * 0.25, height * 0.5, width * 0.75, height]], np.float32)
    gain = np.array([placed.width_px / width, placed.height_px / height] * 2)
    inside = (source * gain + [placed.left_px, placed.top_px] * 2).astype(np.float32)
    assert placed.to_source(inside) == pytest.approx(source, abs=1e-3)


def test_boxes_are_clipped_to_the_picture() -> None:
    placed = fit(1080, 1920, SPEC)
    assert placed.to_source(np.array([[-5, 0, 700, 400]], np.float32)).tolist() == [[0, 0, 1920, 1080]]


def test_the_border_is_clean_after_a_picture_of_another_shape() -> None:
    letterbox = Letterbox(SPEC)
    letterbox(np.full((480, 640, 3), 255, np.uint8))
    nchw, _ = letterbox(np.full((270, 480, 3), 255, np.uint8))
    assert np.unique(nchw[0, :, :12]).tolist() == [pytest.approx(114 / 255)]
    assert (nchw[0, :, 12:372] == 1.0).all()


def test_bgr_becomes_rgb() -> None:
    nchw, _ = Letterbox(SPEC)(np.full((384, 640, 3), (10, 20, 30), np.uint8))
    assert nchw[0, :, 5, 5] * 255 == pytest.approx([30, 20, 10])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((10, 10), np.uint8), r"picture is uint8 \(10, 10\); give BGR uint8"),  # grey
        (np.zeros((10, 10, 4), np.uint8), r"\(10, 10, 4\); give BGR"),  # with alpha
        (np.zeros((10, 10, 3), np.float32), r"picture is float32"),
        (np.zeros((0, 10, 3), np.uint8), r"picture is 10x0"),
        (np.zeros((1, 20_001, 3), np.uint8), r"picture is 20001x1; each side must be 1 to 20000 px"),
    ],
)
def test_what_is_no_picture_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Letterbox(SPEC)(image)
