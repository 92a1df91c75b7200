"""One thing seen on several passes: its place from all of them, with an honest error.

The errors of two passes are independent, and now and then one is far beyond what its receiver said: a canyon jump
that nobody declared. So every place has a contaminated normal error (Tukey 1960): with probability `share` its sigma
is `ratio` times as large. The posterior of the point is then a mixture of 2^N normals, one for each choice of who
jumped. It is built place by place (Gaussian sum filter, Sorenson & Alspach 1971), exactly up to nine places and with
the weightiest `COMPONENTS_MAX` choices beyond. Its mean is the answer and its second moment the error: two places
that contradict each other give a wide error, and a third that sides with one of them settles it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detector.errors import InputError

Array = NDArray[np.float64]

COMPONENTS_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class Tail:
    """How often, and by how much, a place is worse than it says.

    Attributes:
        share: P(its error is the wide one). More distrusts every lone place that disagrees.
        ratio: how many times wider the sigma is then.
    """

    share: float = 0.15
    ratio: float = 4.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.share < 1.0:
            raise InputError(f"tail share is {self.share}; it is a probability, 0 to below 1")
        if not self.ratio >= 1.0:
            raise InputError(f"tail ratio is {self.ratio}; a wide error is at least 1 time as wide")


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """A point from several.

    Attributes:
        mean_m: (2,) east, north.
        cov_m2: (2, 2), what is unknown of it.
    """

    mean_m: Array
    cov_m2: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Mixture:
    """Normals: means (C, 2), covariances (C, 2, 2), logarithms of their weights (C,)."""

    means: Array
    covs: Array
    log_weights: Array


def fuse(points_m: ArrayLike, covs_m2: ArrayLike, tail: Tail | None = None) -> Fused:
    """The point that independent places of one thing have in common.

    One place alone stays as it is: nothing says whether it jumped. The order does not matter.

    Args:
        points_m: (N, 2) east, north in one plane, N >= 1.
        covs_m2: (N, 2, 2) positive definite.
        tail: default `Tail`; ``Tail(share=0)`` gives the plain information-weighted mean.

    Raises:
        InputError: no places, shapes that do not fit, or what is no covariance.
    """
    points, covs = _checked(np.asarray(points_m, np.float64), np.asarray(covs_m2, np.float64))
    if len(points) == 1:
        return Fused(points[0], covs[0])
    tail = tail or Tail()
    # Precise places first: what is cut off beyond nine is then surely light, and any order gives the same.
    keys = (points[:, 1], points[:, 0], np.trace(covs, axis1=1, axis2=2))
    order = np.lexsort(keys)
    first, *others = order.tolist()
    mixture = _begun(points[first], covs[first], tail)
    for row in others:
        mixture = _with(mixture, points[row], covs[row], tail)
    weights = np.exp(mixture.log_weights - mixture.log_weights.max())
    weights /= weights.sum()
    mean = weights @ mixture.means
    off = mixture.means - mean
    cov = np.einsum("c,cij->ij", weights, mixture.covs) + np.einsum("c,ci,cj->ij", weights, off, off)
    return Fused(mean, cov)


def _checked(points: Array, covs: Array) -> tuple[Array, Array]:
    if points.ndim != 2 or points.shape[1:] != (2,) or not len(points):
        raise InputError(f"points have shape {points.shape}; give (N, 2) with at least one")
    if covs.shape != (len(points), 2, 2):
        raise InputError(f"covariances have shape {covs.shape}; {len(points)} points need ({len(points)}, 2, 2)")
    if not (np.isfinite(points).all() and np.isfinite(covs).all()):
        raise InputError("points and covariances must be finite")
    bad = np.flatnonzero(np.linalg.eigvalsh(covs)[:, 0] <= 0.0)
    if len(bad):
        raise InputError(f"{covs[bad[0]].tolist()} is no covariance with an inverse: both eigenvalues must be above 0")
    return points, covs


def _kinds(cov: Array, tail: Tail) -> list[tuple[float, Array]]:
    """The errors a place may have, each with the logarithm of its share."""
    plain = (float(np.log1p(-tail.share)), cov)
    return [plain, (float(np.log(tail.share)), cov * tail.ratio**2)] if tail.share > 0.0 else [plain]


def _begun(point: Array, cov: Array, tail: Tail) -> _Mixture:
    """The mixture of the first place."""
    shares, covs = zip(*_kinds(cov, tail), strict=True)
    return _Mixture(np.tile(point, (len(shares), 1)), np.array(covs), np.array(shares))


def _with(mixture: _Mixture, point: Array, cov: Array, tail: Tail) -> _Mixture:
    """The mixture after one more place: each normal splits in two, by whether the place jumped."""
    parts = [_kalman(mixture, point, error, log_share) for log_share, error in _kinds(cov, tail)]
    joined = _Mixture(*(np.concatenate(fields) for fields in zip(*map(_fields, parts), strict=True)))
    if len(joined.log_weights) <= COMPONENTS_MAX:
        return joined
    best = np.argsort(-joined.log_weights, kind="stable")[:COMPONENTS_MAX]
    return _Mixture(joined.means[best], joined.covs[best], joined.log_weights[best])


def _fields(mixture: _Mixture) -> tuple[Array, Array, Array]:
    return mixture.means, mixture.covs, mixture.log_weights


def _kalman(mixture: _Mixture, point: Array, error: Array, log_share: float) -> _Mixture:
    """Every normal brought together with a place of this error."""
    joint = mixture.covs + error
    gain = np.linalg.solve(joint, mixture.covs).transpose(0, 2, 1)
    off = point - mixture.means
    distance2 = np.einsum("ci,ci->c", off, np.linalg.solve(joint, off[..., None])[..., 0])
    log_fit = -0.5 * (distance2 + np.linalg.slogdet(joint)[1])
    kept = mixture.covs - gain @ mixture.covs
    return _Mixture(
        mixture.means + np.einsum("cij,cj->ci", gain, off),
        (kept + kept.transpose(0, 2, 1)) / 2.0,
        mixture.log_weights + log_share + log_fit,
    )
