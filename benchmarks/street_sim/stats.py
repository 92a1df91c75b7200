"""Intervals that do not promise more than the sample holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Z95 = NormalDist().inv_cdf(0.975)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = hits / of, Z95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * float(np.sqrt(share * (1 - share) / of + z2 / (4 * of**2)))
    return max(0.0, middle - half), min(1.0, middle + half)


def by_group(
    groups: Sequence[int], statistic: Callable[[NDArray[np.int64]], float], rounds: int = 400, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a statistic by bootstrap over whole groups.

    What was seen on one pass shares its errors, so a pass is drawn as one.

    Args:
        groups: of each row of the data.
        statistic: of the rows drawn, given by index.
    """
    names = np.asarray(groups)
    rows = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(seed)
    drawn = [
        statistic(np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows)).tolist()]))
        for _ in range(rounds)
    ]
    low, high = np.nanquantile(drawn, (0.025, 0.975)).tolist()
    return low, high


def chi2_quantile(share: float, freedom: float) -> float:
    """Quantile of chi square (Wilson and Hilferty 1931), good to a per mille from 10 degrees of freedom."""
    z = NormalDist().inv_cdf(share)
    return freedom * (1.0 - 2.0 / (9.0 * freedom) + z * float(np.sqrt(2.0 / (9.0 * freedom)))) ** 3


def nees_band(samples: int) -> tuple[float, float]:
    """95 % band of the mean normalised squared error of `samples` independent points in the plane; it should be 2."""
    freedom = 2.0 * samples
    return chi2_quantile(0.025, freedom) / samples, chi2_quantile(0.975, freedom) / samples


Bins = list[tuple[float, float, int]]
"""Of each filled bin: mean probability predicted, share that happened, count."""


def calibration_error(predicted: Array, happened: Array, bins: int = 10) -> tuple[float, Bins]:
    """Expected calibration error over even bins, and the bins."""
    index = np.minimum((predicted * bins).astype(int), bins - 1)
    table: Bins = []
    error = 0.0
    for number in range(bins):
        rows = index == number
        count = int(rows.sum())
        if count:
            said, was = float(predicted[rows].mean()), float(happened[rows].mean())
            table.append((said, was, count))
            error += count / len(predicted) * abs(said - was)
    return error, table
