"""Sharpness and light on a real street clip, made worse in known ways."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detector.frame import Image
from edge.coverage.quality import LIGHT_MIN, SHARP_MIN, light, sharpness


@pytest.fixture(scope="module")
def street(bikes_clip: Path) -> list[Image]:
    """Four pictures of each shot of the clip that shows a street."""
    with av.open(str(bikes_clip)) as container:
        pictures = [p.to_ndarray(format="bgr24") for i, p in enumerate(container.decode(video=0)) if i % 12 == 0]
    return [np.asarray(p, np.uint8) for p in pictures]


def _smeared(image: Image, px: int, *, down: bool = False) -> Image:
    return np.asarray(cv2.blur(image, (1, px) if down else (px, 1)), np.uint8)


def test_street_pictures_are_sharp(street: list[Image]) -> None:
    assert len(street) > 15
    assert all(sharpness(image) > SHARP_MIN for image in street)
    assert all(light(image) > LIGHT_MIN for image in street)


@pytest.mark.parametrize("down", [False, True])
def test_motion_blur_in_one_direction_is_seen(street: list[Image], down: bool) -> None:
    # 25 px are 4 % of the picture's width.
    assert all(sharpness(_smeared(image, 25, down=down)) < SHARP_MIN for image in street)


def test_more_blur_is_less_sharp(street: list[Image]) -> None:
    for image in street[::4]:
        values = [sharpness(_smeared(image, px)) for px in (1, 5, 9, 15, 25)]
        assert values == sorted(values, reverse=True)


def test_a_plain_picture_and_a_tiny_one() -> None:
    grey = np.full((120, 160, 3), 80, np.uint8)
    assert sharpness(grey) == 0.0
    assert light(grey) == pytest.approx(80 / 255, abs=1e-3)
    assert sharpness(np.zeros((1, 4000, 3), np.uint8)) == 0.0
    assert light(np.zeros((120, 160, 3), np.uint8)) < LIGHT_MIN
