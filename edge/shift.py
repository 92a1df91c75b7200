"""How likely two sightings of different passes are of one thing, when everything on a pass is shifted alike.

The fixes of two passes differ by metres, and by the same metres for all that stands together. So the shift is found
from the *other* things around: its posterior on a grid, from how well each of them then falls on one that was seen
before, with the error of the fixes as the prior. Rows of equal stalls that fit as well one place further leave that
posterior with several peaks, and every pair is then less likely by as much: nothing has to be decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAR_M: Final = 40.0
"""Things this near share their shift: a vehicle needs some seconds for it, an error of GNSS a minute to change."""
CROWD_M: Final = 10.0
"""How many of the kind stand around is counted so far away ..."""
CROWD_M2: Final = 100.0
"""... of which about this much is ground where they can stand: footways and road sides, not carriageways and houses."""
ALONE: Final = 0.25
"""Others that are to be expected where nobody else of the kind is seen: one in four such places."""
STAYED: Final = 0.5
"""Share of things that stood there on the pass before, as far as is known without looking: half, which favours none."""
_GRID: Final = 33
_SPAN_SIGMAS: Final = 2.7


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Things seen now (N) against those of an earlier stretch (M).

    Attributes:
        off_m: (N, M, 2) east, north from the earlier to the present place.
        own_m2: (N, M, 2, 2) error of the difference that is each pair's alone.
        shared_m2: (2, 2) error of the shift of one pass against the other; 0 where both have the same.
        possible: (N, M) same kind, and near enough to be asked about.
        apart_m: (N, N) how far the present things are from each other.
        alike: (N, N) present things of one kind.
    """

    off_m: Array
    own_m2: Array
    shared_m2: Array
    possible: NDArray[np.bool_]
    apart_m: Array
    alike: NDArray[np.bool_]


def evidence(pairs: Pairs) -> Array:
    """log of (density of this pair if it is one thing / density of other things of the kind there), (N, M).

    -inf where a pair is not possible.
    """
    rows, columns = np.nonzero(pairs.possible)
    told = np.full(pairs.possible.shape, -np.inf)
    if len(rows) == 0:
        return told
    shifts, prior, own = _grid(pairs)
    # (K, G): each possible pair under each shift, against the crowd around it.
    each = _normal(pairs.off_m[rows, columns], own[rows, columns], shifts) / _crowd_per_m2(pairs)[rows, None]
    stayed = np.zeros((len(told), len(shifts)))
    np.add.at(stayed, rows, each)
    votes = np.log((1.0 - STAYED) + STAYED * stayed)
    others = (pairs.apart_m <= NEAR_M) & ~np.eye(len(votes), dtype=bool)
    posterior = others @ votes + prior
    posterior = np.exp(posterior - posterior.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    told[rows, columns] = np.log(np.maximum((each * posterior[rows]).sum(axis=1), 1e-300))
    return told


def _grid(pairs: Pairs) -> tuple[Array, Array, Array]:
    """Shifts (G, 2), the log of their prior (G,), and the pairs' own errors widened by the grid's step."""
    spread, axes = np.linalg.eigh(pairs.shared_m2)
    sigmas = np.sqrt(np.maximum(spread, 0.0))
    if float(sigmas.max(initial=0.0)) < 1e-3:
        return np.zeros((1, 2)), np.zeros(1), pairs.own_m2
    line = np.linspace(-_SPAN_SIGMAS, _SPAN_SIGMAS, _GRID)
    units = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    step_m = sigmas * (line[1] - line[0])
    blur = (axes * (step_m**2 / 12.0)) @ axes.T
    return (units * sigmas) @ axes.T, -0.5 * (units**2).sum(axis=1), pairs.own_m2 + blur


def _crowd_per_m2(pairs: Pairs) -> Array:
    """(N,) how many others of its kind stand on a square metre around each thing, now or before, whichever is more."""
    before = (pairs.possible & (np.hypot(*np.moveaxis(pairs.off_m, 2, 0)) <= CROWD_M)).sum(axis=1)
    now = (pairs.alike & (pairs.apart_m <= CROWD_M)).sum(axis=1)
    return (np.maximum(np.maximum(before, now), 1) - 1 + ALONE) / CROWD_M2


def _normal(off_m: Array, cov_m2: Array, shifts: Array) -> Array:
    """Density of a normal distribution at ``off - shift``, (K, G)."""
    inverse = np.linalg.inv(cov_m2)
    x = off_m[:, 0, None] - shifts[:, 0]
    y = off_m[:, 1, None] - shifts[:, 1]
    a, b, c = inverse[:, 0, 0, None], inverse[:, 0, 1, None], inverse[:, 1, 1, None]
    squared = a * x**2 + 2.0 * b * x * y + c * y**2
    return np.exp(-0.5 * squared) * (np.sqrt(np.linalg.det(inverse)) / (2.0 * np.pi))[:, None]
