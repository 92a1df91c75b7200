"""Motion before a standing camera: what is told, and what must not be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.sources.motion import FOLLOW_S, MotionMeter, coarse_cells

H_PX, W_PX = 360, 640
STEP_S = 0.04

Luma = NDArray[np.uint8]


def street(rng: np.random.Generator, *, light: float = 0.0, noise: float = 4.0) -> Luma:
    """A still view with sensor noise."""
    shade = np.linspace(40.0, 180.0, W_PX) + light
    return np.clip(shade + rng.normal(0.0, noise, (H_PX, W_PX)), 0, 255).astype(np.uint8)


def with_thing(luma: Luma, left_px: int, *, width_px: int = 30, height_px: int = 60) -> Luma:
    """Something dark on the ground."""
    seen = luma.copy()
    seen[200 : 200 + height_px, left_px : left_px + width_px] = 20
    return seen


def settled(rng: np.random.Generator, noise: float = 4.0) -> tuple[MotionMeter, float]:
    meter = MotionMeter()
    for i in range(5):
        meter.update(street(rng, noise=noise), i * STEP_S)
    return meter, 5 * STEP_S


def test_the_first_picture_is_all_new() -> None:
    assert MotionMeter().update(street(np.random.default_rng(0)), 0.0) == 1.0


@pytest.mark.parametrize("noise", [0.0, 4.0, 8.0])
def test_noise_is_no_motion(noise: float) -> None:
    rng = np.random.default_rng(1)
    meter, at_s = settled(rng, noise)
    assert max(meter.update(street(rng, noise=noise), at_s + i * STEP_S) for i in range(25)) < 0.001


def test_a_cloud_is_no_motion() -> None:
    rng = np.random.default_rng(2)
    meter, at_s = settled(rng)
    assert meter.update(street(rng, light=-25.0), at_s) == 0.0


@pytest.mark.parametrize("speed_px_s", [10, 40, 200])
def test_what_walks_is_told_slow_or_quick(speed_px_s: int) -> None:
    rng = np.random.default_rng(3)
    meter, at_s = settled(rng)
    told = [
        meter.update(with_thing(street(rng), 300 + int(speed_px_s * i * STEP_S)), at_s + i * STEP_S) for i in range(50)
    ]
    assert min(told) > 0.001


def test_what_was_put_down_belongs_to_the_scene_after_a_while() -> None:
    rng = np.random.default_rng(4)
    meter, at_s = settled(rng)
    first = last = meter.update(with_thing(street(rng), 300), at_s)
    for i in range(1, round(5 * FOLLOW_S / STEP_S)):
        last = meter.update(with_thing(street(rng), 300), at_s + i * STEP_S)
    assert first > 0.005
    assert last == 0.0


def test_it_goes_by_time_and_not_by_pictures() -> None:
    rng = np.random.default_rng(5)
    meter, at_s = settled(rng, noise=0.0)
    meter.update(with_thing(street(rng, noise=0.0), 300), at_s)
    told = meter.update(with_thing(street(rng, noise=0.0), 300), at_s + 10 * FOLLOW_S)
    assert told > 0.005  # what changed ten seconds ago was not looked at since
    assert meter.update(with_thing(street(rng, noise=0.0), 300), at_s + 10 * FOLLOW_S + STEP_S) == 0.0


def test_another_shape_is_all_new() -> None:
    meter, at_s = settled(np.random.default_rng(6))
    assert meter.update(street(np.random.default_rng(6))[: H_PX // 2], at_s) == 1.0


def test_the_decoders_buffer_is_not_kept() -> None:
    buffer = np.full((H_PX, W_PX + 64), 90, np.uint8)
    meter = MotionMeter()
    meter.update(buffer[:, :W_PX], 0.0)
    buffer[100:200, 100:200] = 200
    assert meter.update(buffer[:, :W_PX], STEP_S) > 0.01


@given(height_px=st.integers(1, 90), width_px=st.integers(1, 400), level=st.integers(0, 255))
def test_any_size_keeps_its_brightness(height_px: int, width_px: int, level: int) -> None:
    cells = coarse_cells(np.full((height_px, width_px), level, np.uint8))
    assert cells.size
    assert cells.dtype == np.float32
    assert (cells == level).all()
