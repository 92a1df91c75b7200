"""One place from several passes: robust against jumps, and as sure as it may be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import InputError
from detector.geo.fuse import Fused, Tail, fuse

ROUND = np.eye(2)


def of(points, sigmas_m, tail=None) -> Fused:
    return fuse(points, [ROUND * sigma**2 for sigma in sigmas_m], tail)


def passes(rng: np.random.Generator, count: int, sigma_m: float, jump_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Places of a thing at the origin; a jump is 5 to 20 m in any direction."""
    points = rng.normal(0.0, sigma_m, (count, 2))
    angles, lengths = rng.uniform(0.0, 2 * np.pi, count), rng.uniform(5.0, 20.0, count)
    jumps = np.column_stack((np.cos(angles), np.sin(angles))) * lengths[:, None]
    return points + jumps * (rng.random(count) < jump_share)[:, None], np.tile(ROUND * sigma_m**2, (count, 1, 1))


def test_without_a_tail_it_is_the_weighted_mean():
    fused = of([(0.0, 0.0), (4.0, 0.0)], (2.0, np.sqrt(12.0)), Tail(share=0.0))
    assert fused.mean_m == pytest.approx((1.0, 0.0))  # 4 m * 4 / (4 + 12)
    assert fused.cov_m2 == pytest.approx(ROUND * 3.0)  # 1 / (1/4 + 1/12)


def test_one_place_stays_as_it_is():
    fused = of([(3.0, -1.0)], (3.0,))
    assert fused.mean_m.tolist() == [3.0, -1.0]
    assert fused.cov_m2.tolist() == [[9.0, 0.0], [0.0, 9.0]]


def test_two_that_contradict_each_other_are_a_wide_error():
    fused = of([(0.0, 0.0), (20.0, 0.0)], (2.0, 2.0))
    assert fused.mean_m == pytest.approx((10.0, 0.0), abs=0.01)
    assert np.sqrt(fused.cov_m2[0, 0]) > 6.0 > 3.0 > np.sqrt(fused.cov_m2[1, 1])


def test_a_third_settles_who_jumped():
    fused = of([(0.0, 0.0), (20.0, 0.0), (1.0, 1.0)], (2.0, 2.0, 2.0))
    plain = of([(0.0, 0.0), (20.0, 0.0), (1.0, 1.0)], (2.0, 2.0, 2.0), Tail(share=0.0))
    assert plain.mean_m[0] == pytest.approx(7.0)
    assert fused.mean_m[0] < 1.5
    assert np.sqrt(fused.cov_m2[0, 0]) < 2.5


@pytest.mark.parametrize(
    ("sigma_m", "median_max_m"),
    [pytest.param(3.0, 1.7, id="plain GNSS"), pytest.param(0.05, 0.1, id="RTK")],
)
def test_eight_passes_with_jumps(sigma_m, median_max_m):
    """Median error over seeds, and the normalised squared error in its band: 2 on average for two dimensions."""
    rng, errors_m, nees = np.random.default_rng(4), [], []
    for _ in range(400):
        points, covs = passes(rng, 8, sigma_m, 0.15 if sigma_m > 1.0 else 0.0)
        fused = fuse(points, covs)
        errors_m.append(np.hypot(*fused.mean_m))
        nees.append(fused.mean_m @ np.linalg.solve(fused.cov_m2, fused.mean_m))
    assert np.median(errors_m) < median_max_m
    assert 1.4 < np.mean(nees) < 2.3


def test_jumps_do_less_than_to_the_plain_mean():
    rng, robust, plain = np.random.default_rng(8), [], []
    for _ in range(200):
        points, covs = passes(rng, 8, 3.0, 0.15)
        robust.append(np.hypot(*fuse(points, covs).mean_m))
        plain.append(np.hypot(*fuse(points, covs, Tail(share=0.0)).mean_m))
    assert np.median(robust) < 0.85 * np.median(plain)


@pytest.mark.parametrize("count", [3, 12])
def test_the_order_does_not_matter(count):
    points, covs = passes(np.random.default_rng(count), count, 3.0, 0.3)
    there, back = fuse(points, covs), fuse(points[::-1], covs[::-1])
    assert there.mean_m.tolist() == back.mean_m.tolist()
    assert there.cov_m2.tolist() == back.cov_m2.tolist()


def test_fifty_places_are_cut_to_the_weightiest_choices():
    points, covs = passes(np.random.default_rng(3), 50, 3.0, 0.15)
    fused = fuse(points, covs)
    assert np.hypot(*fused.mean_m) < 1.5
    assert np.sqrt(fused.cov_m2[0, 0]) < 0.8


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=6),
    sigmas=st.lists(st.floats(0.02, 20.0), min_size=6, max_size=6),
    move=st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)),
)
def test_a_covariance_that_does_not_hang_on_the_origin(points, sigmas, move):
    fused = of(points, sigmas[: len(points)])
    assert np.linalg.eigvalsh(fused.cov_m2).min() > 0.0
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    assert (fused.mean_m >= low - 1e-6).all()
    assert (fused.mean_m <= high + 1e-6).all()
    moved = of(np.add(points, move), sigmas[: len(points)])
    assert moved.mean_m - move == pytest.approx(fused.mean_m, abs=1e-6)
    assert moved.cov_m2 == pytest.approx(fused.cov_m2, rel=1e-5, abs=1e-7)


def test_the_mean_lies_between_two_places_whatever_their_order():
    for first, second in itertools.permutations([(0.0, 0.0), (2.0, 0.0)]):
        assert of([first, second], (1.0, 1.0)).mean_m == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize(
    ("points", "covs", "message"),
    [
        ([], [], "points have shape (0,); give (N, 2) with at least one"),
        ([(0, 0)], [ROUND, ROUND], "covariances have shape (2, 2, 2); 1 points need (1, 2, 2)"),
        ([(0, np.nan)], [ROUND], "points and covariances must be finite"),
        (
            [(0, 0)],
            [[[1, 2], [2, 1]]],
            "[[1.0, 2.0], [2.0, 1.0]] is no covariance with an inverse: both eigenvalues must be above 0",
        ),
    ],
)
def test_bad_places_are_named(points, covs, message):
    with pytest.raises(InputError) as raised:
        fuse(points, covs)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"share": 1.0}, "tail share is 1.0; it is a probability, 0 to below 1"),
        ({"ratio": 0.5}, "tail ratio is 0.5; a wide error is at least 1 time as wide"),
    ],
)
def test_bad_tails_are_named(fields, message):
    with pytest.raises(InputError) as raised:
        Tail(**fields)
    assert str(raised.value) == message
