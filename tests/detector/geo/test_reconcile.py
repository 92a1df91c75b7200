"""Passes tied to each other by what they saw in common."""

from __future__ import annotations

import numpy as np
import pytest

from detector.errors import InputError
from detector.geo.reconcile import PassPrior, Reconciled, Tie, register_passes

FIX_M, OWN_M = 3.0, 0.5


def street(
    seed: int, passes: int, things: int, jumped: tuple[int, ...] = ()
) -> tuple[np.ndarray, list[PassPrior], list[Tie]]:
    """True offsets, priors of plain fixes, and ties: every pass sees two thirds of the things."""
    rng = np.random.default_rng(seed)
    offsets = rng.normal(0, FIX_M, (passes, 2))
    offsets[list(jumped)] += 15.0
    truth = rng.uniform(-100, 100, (things, 2))
    ties = [
        Tie(p, t, truth[t] - offsets[p] + rng.normal(0, OWN_M, 2), np.eye(2) * OWN_M**2)
        for p in range(passes)
        for t in range(things)
        if rng.random() < 2 / 3
    ]
    return offsets, [PassPrior(np.zeros(2), np.eye(2) * FIX_M**2) for _ in range(passes)], ties


def sigmas_m(found: Reconciled) -> np.ndarray:
    return np.sqrt(np.einsum("pii->p", found.covs_m2) / 2.0)


def test_eight_passes_agree_and_know_how_well():
    """Against each other to decimetres; together to the mean of eight fixes."""
    errors, nees, relative = [], [], []
    for seed in range(20):
        offsets, priors, ties = street(seed, 8, 20)
        found = register_passes(priors, ties)
        left = found.offsets_m - offsets
        errors += np.hypot(*left.T).tolist()
        nees += np.einsum("pi,pij,pj->p", left, np.linalg.inv(found.covs_m2), left).tolist()
        relative += np.hypot(*(left - left.mean(axis=0)).T).tolist()
    assert np.median(relative) < 0.3
    assert np.median(errors) < 1.7
    assert 1.2 < np.mean(nees) < 2.8


def test_a_pass_that_jumped_is_brought_back():
    offsets, priors, ties = street(3, 8, 20, jumped=(2,))
    found = register_passes(priors, ties)
    assert np.hypot(*(found.offsets_m[2] - offsets[2])) < 2.5
    assert np.hypot(*offsets[2]) > 15.0


def test_a_registered_pass_holds_the_others():
    offsets, priors, ties = street(5, 6, 15)
    priors[0] = PassPrior(offsets[0], np.eye(2) * 0.3**2)
    found = register_passes(priors, ties)
    assert np.hypot(*(found.offsets_m - offsets).T).max() < 0.9
    assert sigmas_m(found).max() < 0.6


def test_two_things_taken_for_one_do_little():
    _, priors, ties = street(7, 6, 15)
    clean = register_passes(priors, ties).offsets_m
    wrong = Tie(2, ties[0].thing, ties[0].east_north_m + 12.0, np.eye(2) * OWN_M**2)
    assert np.hypot(*(register_passes(priors, [*ties, wrong]).offsets_m - clean).T).max() < 0.3


def test_a_pass_without_ties_keeps_its_prior():
    prior = PassPrior(np.array([1.0, -2.0]), np.array([[4.0, 1.0], [1.0, 3.0]]))
    found = register_passes([prior], [Tie(0, 0, np.zeros(2), np.eye(2))])
    assert found.offsets_m[0] == pytest.approx(prior.mean_m)
    assert found.covs_m2[0] == pytest.approx(prior.cov_m2)


@pytest.mark.parametrize(
    ("priors", "ties", "message"),
    [
        ([], [], "no passes to register: give at least one prior"),
        (
            [PassPrior(np.zeros(2), np.eye(2))],
            [Tie(1, 0, np.zeros(2), np.eye(2))],
            "a tie names pass 1; there are 1, counted from 0",
        ),
    ],
)
def test_bad_input_is_named(priors, ties, message):
    with pytest.raises(InputError) as raised:
        register_passes(priors, ties)
    assert str(raised.value) == message
