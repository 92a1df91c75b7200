"""How much of a normal distribution lies beyond a line segment: exact, for many at once, without scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
"""float64 (N,)."""

FAR = 4.5
"""Sigmas: exp(-FAR^2 / 2) = 4e-5 of the mass lies farther from the middle."""

_LEGENDRE = np.asarray(np.polynomial.legendre.leggauss(6), np.float64)
_NODES, _WEIGHTS = (_LEGENDRE[0] + 1.0) / 2.0, _LEGENDRE[1] / 2.0


def normal_cdf(x: Values) -> Values:
    """P(standard normal <= x), wrong by at most 1e-7.

    By the rational approximation 26.2.17 of Abramowitz and Stegun, Handbook of Mathematical Functions.
    """
    t = 1.0 / (1.0 + 0.2316419 * np.abs(x))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi) * poly
    return np.asarray(np.where(x < 0.0, tail, 1.0 - tail), np.float64)


def wedge(height: Values, along: Values) -> Values:
    """Mass of the plane's standard normal beyond a line at distance `height`, from its foot to `along` on it.

    The wedge opens at the centre of the distribution; its sides go through the foot of the perpendicular and through
    the point at signed distance `along` from there. This is Owen's T(h, a) with a = along / h (D. B. Owen, Tables for
    computing bivariate normal probabilities, Ann. Math. Stat. 27, 1956). For a > 1 his reflection (2.3) is used, so
    that the integrand is smooth; then 6 Gauss-Legendre nodes are right to 1e-6.

    Args:
        height: distance of the line, at least 0, in sigmas.
        along: signed distance along the line, in sigmas.

    Returns:
        Mass with the sign of `along`.
    """
    reach = np.abs(along)
    big, small = np.maximum(height, reach), np.minimum(height, reach)
    ratio = np.divide(small, big, out=np.zeros_like(big), where=big > 0.0)
    x2 = (ratio[:, None] * _NODES) ** 2
    integral = (np.exp(-0.5 * (big * big)[:, None] * (1.0 + x2)) / (1.0 + x2)) @ _WEIGHTS
    mass = ratio * integral / (2.0 * np.pi)
    steep = reach > height
    near, far = normal_cdf(height[steep]), normal_cdf(reach[steep])
    mass[steep] = 0.5 * (near + far) - near * far - mass[steep]
    return np.copysign(mass, along)


def beyond_segment(start: NDArray[np.float64], end: NDArray[np.float64]) -> Values:
    """Mass of the standard normal behind each segment as seen from the origin.

    Args:
        start, end: (N, 2), in sigmas.

    A segment no nearer than `FAR` counts as having nothing behind it.

    Returns:
        (N,), positive when the segment goes counter-clockwise about the origin (the origin at its left), else
        negative.
    """
    along = end - start
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-300)
    cross = start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]
    height = np.abs(cross) / length
    first = (start * along).sum(axis=1) / length
    last = (end * along).sum(axis=1) / length
    near = np.flatnonzero((height < FAR) & (first < FAR) & (last > -FAR))
    masses = wedge(np.tile(height[near], 2), np.concatenate((first[near], last[near])))
    beyond = np.zeros(len(height))
    beyond[near] = np.sign(cross[near]) * (masses[len(near) :] - masses[: len(near)])
    return beyond
