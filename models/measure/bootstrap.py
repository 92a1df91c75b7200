"""How far a figure would move with other places: 95 % intervals by drawing the places again.

Boxes of one picture, and pictures of one street, succeed and fail together. Drawing boxes would call that certainty;
so places are drawn, and pictures only where there are too few places to draw from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 20261122
LEVEL = 0.95
FEWEST_PLACES = 5

Unit = Literal["place", "picture"]
Interval = tuple[float, float]


def unit_of(places: Sequence[str]) -> Unit:
    """What is drawn: places, when every picture names one and there are five or more of them."""
    return "place" if all(places) and len(set(places)) >= FEWEST_PLACES else "picture"


def resample(places: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.float64]:
    """Draw as many units as there are, with putting back, again and again.

    Args:
        places: The place of each picture.
        resamples, seed: How often, and from which state: the same seed gives the same intervals on every machine.

    Returns:
        (resamples, P): how often each picture counts in each resample.
    """
    if unit_of(places) == "place":
        _, owner = np.unique(np.asarray(places), return_inverse=True)
    else:
        owner = np.arange(len(places))
    units = int(owner.max()) + 1 if len(owner) else 0
    if not units:
        return np.zeros((resamples, 0))
    drawn = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=resamples)
    return drawn[:, owner].astype(np.float64)


def interval(values: NDArray[np.float64]) -> Interval | None:
    """The middle 95 % of the resamples (R,), rounded to 0.001; resamples that gave no number do not count.

    None when no resample gave one.
    """
    numbers = values[np.isfinite(values)]
    if not len(numbers):
        return None
    low, high = np.percentile(numbers, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return round(float(low), 3), round(float(high), 3)
