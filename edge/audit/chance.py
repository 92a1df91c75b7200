"""What chance does to counts: exact intervals and tests, without approximations that small counts would break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, lgamma, log, log1p

CONFIDENCE = 0.95


def poisson_interval(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact interval of a Poisson mean after `count` events (Garwood 1936, "Fiducial limits")."""
    tail = (1.0 - confidence) / 2.0
    reach = count + 10.0 * (count + 1.0) ** 0.5 + 20.0
    low = 0.0 if count == 0 else _root(lambda mean: 1.0 - _poisson_cdf(count - 1, mean) - tail, 0.0, float(count))
    high = _root(lambda mean: tail - _poisson_cdf(count, mean), float(count), reach)
    return low, high


def binomial_p(count: int, of: int, share: float) -> float:
    """Two-sided exact p-value of `count` out of `of` where `share` is expected: everything at most as likely (Clopper
    and Pearson's test by likelihood).

    With counts that are Poisson in two places this is the test that their rates are the same, `share` being the
    one place's part of the exposure (Przyborowski and Wilenski 1940).
    """
    if not 0.0 < share < 1.0:
        return 1.0
    chances = [_binomial_log(k, of, share) for k in range(of + 1)]
    # Just as likely counts must not fall out by rounding.
    limit = chances[count] + 1e-7
    return min(1.0, sum(exp(chance) for chance in chances if chance <= limit))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for how many were looked at (Holm 1979): below 0.05 for one in twenty *audits* by chance."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [1.0] * len(p_values)
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = worst
    return corrected


def _poisson_cdf(count: int, mean: float) -> float:
    if mean <= 0.0:
        return 1.0
    return min(1.0, sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1)))


def _binomial_log(count: int, of: int, share: float) -> float:
    if not 0 <= count <= of:
        return -inf
    choose = lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
    return choose + count * log(share) + (of - count) * log1p(-share)


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(80):
        middle = (low + high) / 2.0
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
