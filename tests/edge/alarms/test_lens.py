"""What lies on the lens, over rendered streets; real pictures are measured by benchmarks/alarms.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from detector.frame import Image
from edge.alarms.lens import LensFinding, LensWatch

WIDTH_PX, HEIGHT_PX = 640, 360


@cache
def street(number: int) -> Image:
    """A scene of its own: walls of many sizes with fine texture, below an even sky."""
    rng = np.random.default_rng(number)
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 200, np.uint8)
    for _ in range(60):
        left, top = int(rng.integers(0, WIDTH_PX)), int(rng.integers(60, HEIGHT_PX))
        size = (left + int(rng.integers(20, 160)), top + int(rng.integers(20, 160)))
        cv2.rectangle(image, (left, top), size, rng.integers(20, 235, 3).tolist(), -1)
    texture = rng.normal(0, 14, (HEIGHT_PX - 60, WIDTH_PX, 1))
    image[60:] = np.clip(image[60:] + texture, 0, 255).astype(np.uint8)
    return image


def _soft(sigma_px: float, centre: tuple[int, int], radius_px: int) -> Callable[[Image], Image]:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX, 1), np.float32)
    mask[:, :, 0] = cv2.circle(mask[:, :, 0].copy(), centre, radius_px, 1.0, -1)

    def over(image: Image) -> Image:
        blurred = cv2.GaussianBlur(image, (0, 0), sigma_px)
        return (image * (1 - mask) + blurred * mask).astype(np.uint8)

    return over


def _mud(image: Image) -> Image:
    return np.asarray(cv2.circle(image.copy(), (480, 200), 60, (25, 30, 40), -1), np.uint8)


def _night(image: Image) -> Image:
    return (image // 10).astype(np.uint8)


def _clean(image: Image) -> Image:
    return image


def last(dirt: Callable[[Image], Image], speed_m_s: float | None = 5.0, looks: int = 160) -> LensFinding | None:
    """What a watch says after a clean minute and `looks` more."""
    watch = LensWatch()
    for number in range(80):
        assert watch.saw(street(number % 16), speed_m_s) is None
    found = None
    for number in range(looks):
        found = watch.saw(dirt(street(number % 16)), speed_m_s)
    return found


@pytest.mark.parametrize(
    ("dirt", "kind", "where"),
    [
        (_soft(10.0, (160, 220), 70), "smeared", "左中 middle left"),
        (_mud, "covered", "右中 middle right"),
        (_soft(5.0, (320, 180), 900), "fogged", "全画面 whole picture"),
    ],
)
def test_found(dirt: Callable[[Image], Image], kind: str, where: str) -> None:
    found = last(dirt)
    assert found is not None
    assert found.kind == kind
    assert found.figure.startswith(where)


@pytest.mark.parametrize(
    ("dirt", "speed_m_s"),
    [
        (_clean, 5.0),
        (_night, 5.0),
        # The same, but nobody drives: a blurred wall is a wall.
        (_mud, 0.5),
        (_mud, None),
    ],
)
def test_nothing_to_tell(dirt: Callable[[Image], Image], speed_m_s: float | None) -> None:
    assert last(dirt, speed_m_s) is None


def test_wiped_clean() -> None:
    watch = LensWatch()
    for number in range(320):
        dirty = 80 <= number < 200
        found = watch.saw(_mud(street(number % 16)) if dirty else street(number % 16), 5.0)
    assert found is None


def test_a_scene_without_detail_is_no_fog() -> None:
    """A long even wall, or thick snow: nothing to see, and nothing on the lens."""
    watch = LensWatch()
    rng = np.random.default_rng(1)
    for _ in range(120):
        even = np.full((HEIGHT_PX, WIDTH_PX, 3), int(rng.integers(90, 200)), np.uint8)
        assert watch.saw(even, 5.0) is None
