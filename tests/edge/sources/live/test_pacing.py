"""Moments of pictures over a network that hangs, and a decoder that falls behind."""

from __future__ import annotations

import random

import pytest

from edge.sources.live.pacing import Arrivals, Skipping

STEP_S = 0.04


def shifts(delays_s: list[float], *, drift: float = 0.0, stamp0_s: float = 900.0) -> list[float]:
    """How far each told moment lies after the picture was taken; the network's least delay is 0.1 s."""
    arrivals, told, last_s = Arrivals(), [], 0.0
    for count, delay_s in enumerate(delays_s):
        taken_s = count * STEP_S
        # One connection delivers in order.
        last_s = max(last_s, taken_s + 0.1 + delay_s)
        told.append(arrivals.undisturbed_s(stamp0_s + taken_s * (1 + drift), last_s) - taken_s)
    return told


def test_a_second_in_which_the_network_hangs():
    hang = [0.0] * 50 + [1.0 - i * STEP_S for i in range(25)] + [0.0] * 50
    assert all(shift == pytest.approx(0.1, abs=0.01) for shift in shifts(hang))


def test_jitter_is_taken_out():
    chance = random.Random(3)
    told = shifts([chance.choice([0.0, 0.0, 0.03, 0.2]) for _ in range(500)])
    assert all(shift == pytest.approx(0.1, abs=0.01) for shift in told[20:])


@pytest.mark.parametrize("drift", [-1e-4, 1e-4])
def test_a_camera_clock_that_drifts_is_followed(drift: float):
    told = shifts([0.0] * 20_000, drift=drift)
    assert all(shift == pytest.approx(0.1, abs=0.001) for shift in told)


def test_a_clock_that_is_set_and_no_stamps():
    arrivals = Arrivals()
    assert arrivals.undisturbed_s(5.0, 100.0) == 100.0
    assert arrivals.undisturbed_s(7000.0, 100.04) == pytest.approx(100.04)
    assert arrivals.undisturbed_s(7000.04, 101.0) == pytest.approx(100.08, abs=0.01)
    assert arrivals.undisturbed_s(None, 102.0) == 102.0


@pytest.mark.parametrize(
    ("behind_s", "left_out"),
    [
        # Keeps up; a hiccup is decoded through.
        ([0.0] * 200, set()),
        ([0.0] * 50 + [0.9] * 40 + [0.0] * 50, set()),
        # Behind for longer than 2 s (50 pictures): out from then until a key frame (every 10) finds it has caught up.
        ([0.6] * 75 + [0.0] * 50, set(range(51, 80)) - {60, 70}),
    ],
)
def test_skipping(behind_s: list[float], left_out: set[int]):
    skipping = Skipping()
    skipped = {
        count
        for count, behind in enumerate(behind_s)
        if skipping.skips(behind_s=behind, now_s=count * STEP_S, is_key=count % 10 == 0)
    }
    assert skipped == left_out
