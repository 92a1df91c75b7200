from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.appearance import log10_likelihood_ratio
from models.appearance.evidence import LIMIT_LOG10, evidence_of
from models.appearance.features import Views
from models.appearance.measure import pairs_of, roc, separation
from models.appearance.things import Thing


def thing(picture: str, place: str = "", number: int = 0, chip: tuple[int, int] | None = None) -> Thing:
    return Thing("s", "stall", Path(picture), (number, 0, 1, 1), place or picture, chip, "test")


def views(angles_deg: list[list[float]]) -> Views:
    """Unit vectors in the plane: one list of angles per thing."""
    flat = np.deg2rad([angle for each in angles_deg for angle in each])
    owner = np.repeat(np.arange(len(angles_deg)), [len(each) for each in angles_deg])
    return Views(np.stack([np.cos(flat), np.sin(flat)], axis=1).astype(np.float32), owner.astype(np.int64))


def test_pairs_know_what_is_beside_and_what_is_far() -> None:
    things = [thing("a", number=0), thing("a", number=1), thing("b")]
    pairs = pairs_of(views([[0, 10], [40], [90]]), things)
    assert pairs.same == pytest.approx([np.cos(np.deg2rad(10))])
    assert pairs.same_of.tolist() == [0]
    # Look-alikes: a0-a1 (two views) both ways, and each thing's nearest of other pictures: all of them here.
    assert len(pairs.alike) == (2 + 2) + (2 + 1) + (2 + 1)
    assert len(pairs.random) == 2 + 1 + (2 + 1)


@pytest.mark.parametrize(
    ("a", "b", "counted"),
    [
        (thing("a", "block"), thing("b", "block"), False),  # two pictures of one block may show one sign
        (thing("a", "block"), thing("b", "other"), True),
        (thing("a", "mosaic", chip=(3, 4)), thing("b", "mosaic", chip=(4, 3)), False),  # chips that touch
        (thing("a", "mosaic", chip=(3, 4)), thing("b", "mosaic", chip=(5, 4)), True),
    ],
)
def test_pairs_that_may_be_one_thing_do_not_count(a: Thing, b: Thing, counted: bool) -> None:
    pairs = pairs_of(views([[0, 10], [50, 60]]), [a, b])
    assert bool(len(pairs.alike)) == counted
    assert len(pairs.same) == 2


def brute_auc(same: NDArray[np.float64], different: NDArray[np.float64]) -> float:
    beats = (same[:, None] > different).mean() + 0.5 * (same[:, None] == different).mean()
    return float(beats)


def test_auc_is_the_share_of_pairs_in_order() -> None:
    generator = np.random.default_rng(0)
    same, different = generator.normal(1, 1, 300).round(1), generator.normal(0, 1, 500).round(1)
    found = separation(same, np.arange(300) // 3, different, np.arange(500) // 5)
    assert found.auc == pytest.approx(brute_auc(same, different))
    assert found.low < found.auc < found.high
    assert found.tpr == pytest.approx((same > np.quantile(different, 0.99)).mean())


def test_perfect_and_hopeless() -> None:
    owners = np.arange(50)
    perfect = separation(np.full(50, 0.9), owners, np.full(50, 0.1), owners)
    assert (perfect.auc, perfect.low, perfect.high, perfect.tpr) == (1.0, 1.0, 1.0, 1.0)
    assert separation(np.full(50, 0.5), owners, np.full(50, 0.5), owners).auc == 0.5


def test_roc_rises_to_one() -> None:
    generator = np.random.default_rng(1)
    rates, found = roc(generator.normal(1, 1, 400), generator.normal(0, 1, 400))
    assert np.all(np.diff(found) >= 0)
    assert found[-1] > 0.99
    assert rates[-1] == pytest.approx(1.0)


def test_evidence_rises_and_stays_within_its_limit() -> None:
    generator = np.random.default_rng(2)
    evidence = evidence_of(generator.normal(0.8, 0.1, 2000), generator.normal(0.3, 0.2, 2000))
    assert np.all(np.diff(evidence.log10_ratio) >= 0)
    assert log10_likelihood_ratio(0.9, evidence) == pytest.approx(LIMIT_LOG10, abs=0.8)
    assert log10_likelihood_ratio(0.1, evidence) < -1
    assert max(map(abs, evidence.log10_ratio)) <= LIMIT_LOG10


def test_evidence_of_nothing_learnt_is_none() -> None:
    generator = np.random.default_rng(3)
    evidence = evidence_of(generator.normal(0.5, 0.1, 4000), generator.normal(0.5, 0.1, 4000))
    assert max(map(abs, evidence.log10_ratio)) < 0.25
