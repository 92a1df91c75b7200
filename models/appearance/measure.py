"""How well a descriptor tells things apart: same pairs against different pairs, the hard ones counted apart.

*Random* pairs are things of one kind from different places of a source. *Look-alikes* are what case identity stumbles
over: other things of one kind in the same picture, and for every thing the few of its kind that the descriptor itself
finds nearest. Each descriptor so meets its own worst neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models.appearance.features import Views
from models.appearance.things import Thing, may_be_same

NEAREST = 5
RANDOM_PER_THING = 20
REPEATS = 400
FALSE_POSITIVE_RATE = 0.01

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Similarities of pairs, each with the thing it belongs to (the unit that the bootstrap draws).

    Attributes:
        same, random, alike: similarities (N,), (R,), (L,).
        same_of, random_of, alike_of: int64, the thing of each pair.
    """

    same: Scores
    same_of: NDArray[np.int64]
    random: Scores
    random_of: NDArray[np.int64]
    alike: Scores
    alike_of: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Separation:
    """Same pairs against one sort of different pairs.

    Attributes:
        auc: P(a same pair is more similar than a different one); `low`, `high`: 95 % bootstrap interval over things.
        tpr: share of the same pairs above the similarity that `FALSE_POSITIVE_RATE` of the different ones reach.
    """

    auc: float
    low: float
    high: float
    tpr: float
    same_pairs: int
    different_pairs: int


def pairs_of(views: Views, things: Sequence[Thing], seed: int = 0) -> Pairs:
    """All same pairs, and the two sorts of different pairs, of the things in `views`.

    Views must have unit descriptors. Pairs across pictures that may show one thing are in neither.
    """
    generator = np.random.default_rng(seed)
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, thing in enumerate(views.thing.tolist()):
        rows[thing].append(row)
    unit = views.descriptor.astype(np.float64)
    same, random, alike = _Collected(), _Collected(), _Collected()
    for group in _groups(things, rows).values():
        centres = np.stack([unit[rows[i]].mean(axis=0) for i in group])
        near = centres @ centres.T
        for position, thing in enumerate(group):
            mine = unit[rows[thing]]
            within = mine @ mine.T
            same.add([float(within[a, b]) for a, b in combinations(range(len(mine)), 2)], thing)
            others = [j for j in group if j != thing and not may_be_same(things[thing], things[j])]
            if not others:
                continue
            beside = {j for j in others if things[j].image == things[thing].image}
            order = [group[k] for k in np.argsort(-near[position]).tolist()]
            nearest = [j for j in order if j in set(others) - beside][:NEAREST]
            for other in sorted({*beside, *nearest}):
                alike.add((mine @ unit[rows[other]].T).ravel().tolist(), thing)
            far = [j for j in others if j not in beside]
            for other in generator.permutation(far)[:RANDOM_PER_THING].tolist():
                random.add((mine @ unit[rows[other]].T).ravel().tolist(), thing)
    return Pairs(*same.arrays(), *random.arrays(), *alike.arrays())


def separation(
    same: Scores, same_of: NDArray[np.int64], different: Scores, different_of: NDArray[np.int64]
) -> Separation:
    """AUC with its interval, and the true positive rate at `FALSE_POSITIVE_RATE`."""
    generator = np.random.default_rng(0)
    owners = np.unique(same_of)
    draws = generator.multinomial(len(owners), np.full(len(owners), 1 / len(owners)), REPEATS)
    index_same = np.searchsorted(owners, same_of)
    index_different = np.searchsorted(owners, different_of)
    wins = _wins(same, different)
    aucs = [_auc(wins, draw[index_same], draw[index_different]) for draw in draws]
    low, high = np.quantile(aucs, (0.025, 0.975)).tolist()
    limit = np.quantile(different, 1 - FALSE_POSITIVE_RATE)
    return Separation(
        auc=_auc(wins, np.ones(len(same)), np.ones(len(different))),
        low=low,
        high=high,
        tpr=float((same > limit).mean()),
        same_pairs=len(same),
        different_pairs=len(different),
    )


def roc(same: Scores, different: Scores, points: int = 200) -> tuple[Scores, Scores]:
    """False and true positive rates along the similarity threshold."""
    rates = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, points)])
    limits = np.quantile(different, 1 - rates)
    return rates, np.array([(same > limit).mean() for limit in limits])


class _Collected:
    def __init__(self) -> None:
        self._score: list[float] = []
        self._of: list[int] = []

    def add(self, scores: Sequence[float], thing: int) -> None:
        self._score += scores
        self._of += [thing] * len(scores)

    def arrays(self) -> tuple[Scores, NDArray[np.int64]]:
        return np.array(self._score, np.float64), np.array(self._of, np.int64)


def _groups(things: Sequence[Thing], rows: defaultdict[int, list[int]]) -> dict[tuple[str, str], list[int]]:
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for thing in sorted(rows):
        groups[things[thing].source, things[thing].kind].append(thing)
    return groups


@dataclass(frozen=True, slots=True, eq=False)
class _Wins:
    """Different pairs by falling similarity, and how many of them each same pair beats (ties count as half)."""

    order: NDArray[np.int64]
    below: NDArray[np.int64]
    not_above: NDArray[np.int64]


def _wins(same: Scores, different: Scores) -> _Wins:
    order = np.argsort(different, kind="stable")
    ranked = different[order]
    return _Wins(order, np.searchsorted(ranked, same, "left"), np.searchsorted(ranked, same, "right"))


def _auc(wins: _Wins, same_weight: NDArray[np.number], different_weight: NDArray[np.number]) -> float:
    """Area under the ROC of weighted pairs: the Mann-Whitney statistic."""
    total = np.concatenate([[0.0], np.cumsum(different_weight[wins.order], dtype=np.float64)])
    beaten = (total[wins.below] + total[wins.not_above]) / 2
    return float((beaten * same_weight).sum() / (same_weight.sum() * total[-1]))
