"""Passes registered to each other: things seen on several passes tie them together.

A pass has one offset, with a prior (the fix's error, or what the map said of it, see `detector.geo.registration`); a
thing has one place. Each sighting says ``place = seen + offset + own error``. The places are eliminated (Schur
complement, as in bundle adjustment: Triggs et al. 2000), which leaves one linear system in the offsets. Offsets and
sightings may be far beyond what they say, a jump or two things taken for one: both are weighed anew by how far off they
came out (iteratively reweighted least squares, Student's t), so the covariances are those of the last weights.

Only the priors fix where the whole lies: passes that share an error of the map stay wrong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError

Array = NDArray[np.float64]

ROUNDS: Final = 12
OFFSET_FREEDOM: Final = 3.0
"""Degrees of freedom of Student's t for offsets: about one pass in seven is off by more than two sigmas."""
SIGHTING_FREEDOM: Final = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class PassPrior:
    """What is known of a pass's offset before it is compared with others.

    Attributes:
        mean_m: (2,) east, north to be added to its places; zeros for a plain fix.
        cov_m2: (2, 2), the fix's error, or that of its registration.
    """

    mean_m: Array
    cov_m2: Array


@dataclass(frozen=True, slots=True, eq=False)
class Tie:
    """One thing seen on one pass.

    Attributes:
        pass_index, thing: which pass (index of its prior), and which thing, by any number.
        east_north_m: (2,) where the pass's own fix puts it, in one plane for all.
        own_m2: (2, 2) error of this sighting alone.
    """

    pass_index: int
    thing: int
    east_north_m: Array
    own_m2: Array


@dataclass(frozen=True, slots=True, eq=False)
class Reconciled:
    """Attributes: offsets_m (P, 2) to be added to each pass's places; covs_m2 (P, 2, 2) what is unknown of them."""

    offsets_m: Array
    covs_m2: Array


def register_passes(priors: Sequence[PassPrior], ties: Sequence[Tie]) -> Reconciled:
    """The offsets of passes that saw some of the same things. A pass without ties keeps its prior.

    Takes the cube of the number of passes: for hundreds, not for thousands.

    Raises:
        InputError: no passes, or a tie names a pass that is not there.
    """
    if not priors:
        raise InputError("no passes to register: give at least one prior")
    for tie in ties:
        if not 0 <= tie.pass_index < len(priors):
            raise InputError(f"a tie names pass {tie.pass_index}; there are {len(priors)}, counted from 0")
    count = len(priors)
    means = np.array([prior.mean_m for prior in priors])
    stiff = _inverse(np.array([prior.cov_m2 for prior in priors]))
    seen = _Seen(
        np.array([tie.pass_index for tie in ties], np.int64),
        np.array([tie.east_north_m for tie in ties], np.float64).reshape(-1, 2),
        _inverse(np.array([tie.own_m2 for tie in ties], np.float64).reshape(-1, 2, 2)),
        _by_thing(ties),
    )
    offsets, prior_weights, tie_weights = means.copy(), np.ones(count), np.ones(len(ties))
    cov = np.zeros((2 * count, 2 * count))
    passes = np.arange(count)
    for _ in range(ROUNDS):
        normal = np.zeros((count, 2, count, 2))
        normal[passes, :, passes] = prior_weights[:, None, None] * stiff
        right = np.einsum("p,pij,pj->pi", prior_weights, stiff, means)
        for rows in seen.of_thing:
            _eliminate(rows, seen, tie_weights, normal, right)
        cov = _inverse(normal.reshape(2 * count, 2 * count))
        offsets = (cov @ right.ravel()).reshape(count, 2)
        off = offsets - means
        prior_weights = _weights(np.einsum("pi,pij,pj->p", off, stiff, off), OFFSET_FREEDOM)
        tie_weights = _weights(_tie_distances2(seen, tie_weights, offsets), SIGHTING_FREEDOM)
    return Reconciled(offsets, cov.reshape(count, 2, count, 2)[passes, :, passes])


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The ties as arrays: pass (N,), place (N, 2), inverse covariance (N, 2, 2), and the rows of each shared thing."""

    passes: NDArray[np.int64]
    points: Array
    sharp: Array
    of_thing: list[NDArray[np.int64]]


def _by_thing(ties: Sequence[Tie]) -> list[NDArray[np.int64]]:
    """Rows of the ties of each thing that more than one tie names."""
    rows: dict[int, list[int]] = {}
    for row, tie in enumerate(ties):
        rows.setdefault(tie.thing, []).append(row)
    return [np.array(group, np.int64) for group in rows.values() if len(group) > 1]


def _eliminate(rows: NDArray[np.int64], seen: _Seen, weights: Array, normal: Array, right: Array) -> None:
    """Adds what a thing says of the passes that saw it, its own place taken out."""
    stiff: Array = weights[rows, None, None] * seen.sharp[rows]
    joint = -np.einsum("aij,jk,bkl->abil", stiff, _inverse(stiff.sum(axis=0)), stiff)
    each = np.arange(len(rows))
    joint[each, each] += stiff
    passes = seen.passes[rows]
    # A pass may have seen one thing twice: both count.
    np.add.at(normal.transpose(0, 2, 1, 3), (passes[:, None], passes[None, :]), joint)
    np.add.at(right, passes, -np.einsum("abij,bj->ai", joint, seen.points[rows]))


def _tie_distances2(seen: _Seen, weights: Array, offsets: Array) -> Array:
    """Squared distance in sigmas of each sighting, moved by its pass, from its thing."""
    found = np.zeros(len(weights))
    for rows in seen.of_thing:
        points: Array = seen.points[rows] + offsets[seen.passes[rows]]
        stiff: Array = weights[rows, None, None] * seen.sharp[rows]
        off = points - _inverse(stiff.sum(axis=0)) @ np.einsum("nij,nj->i", stiff, points)
        found[rows] = np.einsum("ni,nij,nj->n", off, seen.sharp[rows], off)
    return found


def _weights(distance2: Array, freedom: float) -> Array:
    """Weights of Student's t in two dimensions (Lange et al. 1989), and never more than was stated."""
    return np.minimum(1.0, (freedom + 2.0) / (freedom + distance2))


def _inverse(matrices: Array) -> Array:
    return np.asarray(np.linalg.inv(matrices), np.float64)
