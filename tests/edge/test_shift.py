"""Evidence that two sightings are one thing, with the shift between their passes unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.shift import ALONE, CROWD_M2, Pairs, evidence


def _pairs(now_m: list[float], before_m: list[float], *, own_m: float = 0.4, shared_m: float = 3.0) -> Pairs:
    """Things of one kind along a street, by their distance from its begin."""
    now, before = (np.column_stack((at, np.zeros(len(at)))) for at in (now_m, before_m))
    off = now[:, None] - before
    own = np.broadcast_to(np.eye(2) * 2 * own_m**2, (*off.shape[:2], 2, 2))
    apart = np.abs(np.subtract.outer(now_m, now_m))
    possible = np.hypot(*np.moveaxis(off, 2, 0)) <= 3.0 * (own_m + shared_m)
    return Pairs(off, own, np.eye(2) * shared_m**2, possible, apart, np.ones((len(now), len(now)), bool))


@pytest.mark.parametrize("off_m", [0.0, 1.0, 4.0])
def test_alone_it_is_the_error_against_the_few_others(off_m: float) -> None:
    (told,) = evidence(_pairs([off_m], [0.0])).ravel()
    variance = 3.0**2 + 2 * 0.4**2
    density = np.exp(-(off_m**2) / variance / 2) / (2 * np.pi * variance)
    assert told == pytest.approx(np.log(density / (ALONE / CROWD_M2)), abs=0.05)


def test_the_others_find_the_shift() -> None:
    at_m = [0.0, 4.0, 6.5, 12.0, 15.0]
    shifted = evidence(_pairs([x + 4.0 for x in at_m], at_m))
    assert shifted.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    # What fits with the shift of the others is worth more than what fits with none.
    stranger = evidence(_pairs([*(x + 4.0 for x in at_m), 25.0], [*at_m, 25.0]))
    assert stranger[5, 5] < 0.0 < shifted[0, 0]


def test_more_others_make_less_evidence_of_the_same_fit() -> None:
    few, many = (evidence(_pairs([0.0], [0.0, *others])) for others in ([], [2.0, -2.0, 4.0, -4.0]))
    assert many[0, 0] < few[0, 0]


def test_the_same_standing_camera_has_no_shift() -> None:
    pairs = _pairs([0.0, 5.0], [0.0, 5.0])
    still = replace(pairs, shared_m2=np.zeros((2, 2)))
    assert evidence(still)[0, 0] > evidence(pairs)[0, 0] + 1.0
    assert evidence(still)[0, 1] < -10.0


def test_what_is_not_possible_is_no_evidence() -> None:
    pairs = _pairs([0.0, 50.0], [0.0, 90.0])
    told = evidence(pairs)
    assert np.isneginf(told[1]).all()
    assert np.isneginf(evidence(replace(pairs, possible=np.zeros((2, 2), bool)))).all()
