"""Hard cuts are found, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.scene import SceneCutter
from tests.detector.moving_pictures import street


def cuts(clip: Path, every: int = 1) -> list[int]:
    """Frames at which a new scene begins, of every `every`-th frame."""
    film, cutter, found, scene = cv2.VideoCapture(str(clip)), SceneCutter(), [], 0
    seq = 0
    while True:
        ok, image = film.read()
        if not ok:
            return found
        if seq % every == 0 and (now := cutter.update(image)) != scene:
            found.append(seq)
            scene = now
        seq += 1


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1, [30, 76, 137, 187, 242]), (3, [30, 78, 138, 189, 243]), (6, [30, 78, 138, 192, 246])],
)
def test_the_montage_is_cut_where_it_is_cut(bikes_clip: Path, every: int, expected: list[int]) -> None:
    assert cuts(bikes_clip, every) == expected


@pytest.mark.parametrize(
    "name",
    [
        "intel_car-detection.mp4",  # exposure changes when a white car comes in
        "intel_person-bicycle-car-detection.gif",
        "otc_Cars-Cyclist.mp4",
        "mapillary_sample-5s.mp4",  # hand-held, trees in the wind
    ],
)
def test_single_shots_have_no_cut(shared_data: Path, name: str) -> None:
    assert cuts(shared_data / "video" / name) == []


def test_a_whip_pan_is_no_cut() -> None:
    wall, cutter = street(), SceneCutter()
    assert [cutter.update(wall[:, x : x + 640]) for x in range(0, 1300, 130)] == [0] * 10


def test_a_flash_is_no_cut() -> None:
    wall, cutter = street()[:, :640], SceneCutter()
    bright = cv2.convertScaleAbs(wall, alpha=0.5, beta=120)
    assert [cutter.update(image) for image in (wall, bright, wall)] == [0, 0, 0]


def test_a_change_of_size_alone_is_no_cut() -> None:
    wall, cutter = street()[:, :640], SceneCutter()
    assert [cutter.update(wall), cutter.update(cv2.resize(wall, (1280, 720)))] == [0, 0]


def test_another_street_is_a_cut() -> None:
    cutter = SceneCutter()
    night = (street(seed=8)[:, :640] // 6).astype(np.uint8)
    assert [cutter.update(image) for image in (street()[:, :640], night, night, street()[:, :640])] == [0, 1, 1, 2]


@pytest.mark.parametrize("size", [(1, 1), (2, 2000), (2000, 2)])
def test_any_size_is_a_picture(size: tuple[int, int]) -> None:
    assert SceneCutter().update(np.zeros((*size, 3), np.uint8)) == 0
