from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.appearance.passes import PassSpec, View, virtual_pass
from models.appearance.recipe import load_appearance_recipe

RECIPE = load_appearance_recipe(Path(__file__).parents[3] / "datasets" / "recipes" / "appearance-n.yaml")
STILL = PassSpec(
    perspective_share=0,
    rotate_deg=0,
    min_scale=1,
    min_side_px=18,
    brightness_share=0,
    gamma_log=0,
    colour_share=0,
    shadow_chance=0,
    blur_px=0,
    jpeg_quality=(100, 100),
    occlusion_chance=0,
    occlusion_share=0,
    box_share=0,
    person_chance=0,
)
BOX = np.array([100.0, 80, 180, 130])


def view(people: NDArray[np.float64] | None = None) -> View:
    """A red thing on grey."""
    image = np.full((240, 320, 3), 120, np.uint8)
    image[80:130, 100:180] = (20, 30, 220)
    return View(image, BOX, np.zeros((0, 4)) if people is None else people)


def centre_colour(seen: View) -> NDArray[np.int64]:
    x, y = ((seen.xyxy[:2] + seen.xyxy[2:]) / 2).astype(int)
    return seen.image[y, x].astype(int)


def test_a_pass_without_change_shows_the_same_thing() -> None:
    seen = virtual_pass(view(), STILL, np.random.default_rng(0))
    assert seen.xyxy[2:] - seen.xyxy[:2] == pytest.approx([80, 50], abs=1)
    assert centre_colour(seen) == pytest.approx([20, 30, 220], abs=6)
    left, top, right, bottom = seen.xyxy.astype(int)
    assert seen.image[top - 4, left - 4].astype(int) == pytest.approx([120, 120, 120], abs=6)
    assert seen.image[bottom - 3, right - 3].astype(int) == pytest.approx([20, 30, 220], abs=30)


@pytest.mark.parametrize("spec", [RECIPE.street, RECIPE.air], ids=["street", "air"])
@pytest.mark.parametrize("seed", range(12))
def test_the_box_follows_the_thing(spec: PassSpec, seed: int) -> None:
    open_view = spec.model_copy(update={"occlusion_chance": 0.0})
    blue, green, red = centre_colour(virtual_pass(view(), open_view, np.random.default_rng(seed)))
    assert red > 2 * max(blue, green)


def test_the_same_seed_gives_the_same_pass() -> None:
    one, two = (virtual_pass(view(), RECIPE.street, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.xyxy, two.xyxy)


def test_people_move_with_the_picture() -> None:
    person = np.array([[120.0, 90, 140, 130]])
    still = virtual_pass(view(person), STILL, np.random.default_rng(0))
    assert still.person_xyxy[0, 0] - still.xyxy[0] == pytest.approx(20, abs=1)
    farther = STILL.model_copy(update={"min_scale": 0.5})
    small = virtual_pass(view(person), farther, np.random.default_rng(3))
    shrunk = (small.xyxy[2] - small.xyxy[0]) / 80
    assert shrunk < 0.95
    assert (small.person_xyxy[0, 0] - small.xyxy[0]) / shrunk == pytest.approx(20, abs=1.5)


def test_a_passer_by_stands_in_front() -> None:
    seen = virtual_pass(view(), STILL.model_copy(update={"person_chance": 1.0}), np.random.default_rng(0))
    left, top, right, bottom = seen.person_xyxy[0]
    assert left < seen.xyxy[2]
    assert right > seen.xyxy[0]
    assert top < seen.xyxy[3] <= bottom


def test_a_small_thing_is_not_made_smaller() -> None:
    image = view().image
    tiny = View(image, np.array([100.0, 80, 118, 98]), np.zeros((0, 4)))
    seen = virtual_pass(tiny, STILL.model_copy(update={"min_scale": 0.1}), np.random.default_rng(0))
    assert min(seen.xyxy[2:] - seen.xyxy[:2]) == pytest.approx(18, abs=1)
