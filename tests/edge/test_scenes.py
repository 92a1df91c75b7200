"""Scenes and passes: cuts, changes of size, holes in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from detector.frame import Frame
from edge.scenes import Scenes

START = datetime(2026, 5, 17, 1, 30, tzinfo=UTC)


def _frame(at_s: float, colour: tuple[int, int, int] = (90, 90, 90), size: tuple[int, int] = (90, 160)) -> Frame:
    image = np.empty((*size, 3), np.uint8)
    image[:] = colour
    # A pattern that stays, so that only the colour tells two scenes apart.
    image[:: 1 + colour[0] % 7, ::3] = 255 - np.array(colour, np.uint8)
    return Frame(image, 0, START + timedelta(seconds=at_s), at_s, "a.mp4")


def test_one_shot_is_one_scene() -> None:
    scenes = Scenes()
    assert [scenes.number(_frame(i / 10)) for i in range(5)] == [0] * 5


def test_a_change_of_size_begins_a_scene() -> None:
    scenes = Scenes()
    small = (72, 128)
    numbers = [
        scenes.number(f) for f in (_frame(0), _frame(1), _frame(2, size=small), _frame(3, size=small), _frame(4))
    ]
    assert numbers == [0, 0, 1, 1, 2]


def test_a_hole_in_time_begins_a_pass_and_a_scene() -> None:
    scenes = Scenes()
    scenes.number(_frame(0))
    assert not scenes.begins_pass(_frame(600))
    assert scenes.number(_frame(600)) == 0
    assert scenes.begins_pass(_frame(1201))
    assert scenes.number(_frame(1201)) == 1


def test_numbers_go_on_after_cuts_and_holes() -> None:
    scenes = Scenes()

    def shot(at_s: float, seed: int) -> Frame:
        frame = _frame(at_s)
        frame.image[:] = np.random.default_rng(seed).integers(0, 80, frame.image.shape, np.uint8) + (seed % 2) * 150
        return frame

    numbers = [scenes.number(f) for f in (shot(0, 2), shot(1, 3), shot(1000, 3), shot(1001, 2))]
    assert numbers == [0, 1, 2, 3]
