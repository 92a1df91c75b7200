"""Heading errors out of shared ground: exact on made-up ground, whatever the errors and however many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.survey.headings import Seen, heading_corrections

PLACES = np.array([0, 10 + 9j, 20 + 19j, 5 - 14j, 15 - 5j, 25 + 5j])
PAIRS = [(0, 1), (1, 2), (0, 3), (1, 4), (2, 5), (3, 4), (4, 5), (1, 5)]


def shared_ground(off_deg: list[float], pairs: list[tuple[int, int]], noise_m: float = 0.0) -> list[Seen]:
    """Ground points relative to cameras whose tagged heading is `off_deg` clockwise of the true one."""
    rng = np.random.default_rng(3)
    seen: list[Seen] = []
    for a, b in pairs:
        middle = (PLACES[a] + PLACES[b]) / 2
        ground = middle + rng.normal(0, 8, 40) + 1j * rng.normal(0, 8, 40)

        def by(i: int, ground: np.ndarray = ground) -> np.ndarray:
            jitter = noise_m * (rng.normal(size=40) + 1j * rng.normal(size=40))
            return (ground - PLACES[i] + jitter) * np.exp(-1j * np.radians(off_deg[i]))

        seen.append(Seen(a, b, by(a), by(b)))
    return seen


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-180, 180), min_size=6, max_size=6))
def test_any_errors_are_found(off_deg: list[float]) -> None:
    found = heading_corrections(PLACES, shared_ground(off_deg, PAIRS))
    for turn_deg, off in zip(found.turn_deg, off_deg, strict=True):
        assert turn_deg is not None
        assert np.angle(np.exp(1j * np.radians(turn_deg + off)), deg=True) == pytest.approx(0.0, abs=0.01)


def test_most_being_wrong_does_not_make_them_right() -> None:
    found = heading_corrections(PLACES, shared_ground([180.0, 180.0, 180.0, 180.0, 180.0, 0.0], PAIRS, noise_m=0.3))
    assert np.abs(found.turn_deg).round(-1).tolist() == [180.0] * 5 + [0.0]


def test_a_false_overlap_is_outvoted() -> None:
    seen = shared_ground([0.0] * 6, PAIRS, noise_m=0.3)
    false = seen[7]
    seen[7] = Seen(false.a, false.b, false.from_a * np.exp(1.3j) + 30, false.from_b)
    found = heading_corrections(PLACES, seen)
    assert max(abs(t) for t in found.turn_deg if t is not None) < 4.0


def test_groups_that_share_no_ground_are_solved_apart() -> None:
    found = heading_corrections(
        PLACES, shared_ground([10.0, 10.0, 10.0, -20.0, -20.0, -20.0], [(0, 1), (1, 2), (3, 4), (4, 5)])
    )
    assert found.turn_deg == pytest.approx([-10.0] * 3 + [20.0] * 3, abs=0.01)
    assert len(set(found.group)) == 2


def test_a_photo_alone_and_photos_of_one_place_are_not_told() -> None:
    found = heading_corrections(PLACES, shared_ground([0.0] * 6, [(0, 1)]))
    assert found.turn_deg[2:] == (None,) * 4
    hovering = heading_corrections(PLACES * 0.01, shared_ground([0.0] * 6, PAIRS))
    assert hovering.turn_deg == (None,) * 6
