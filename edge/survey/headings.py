"""How far each photo's heading is off, measured from the ground that photos share.

Ground points are complex numbers here, east + i north; a clockwise turn by t is a factor exp(-i t). Three steps:

1. For each overlap the two photos' views of the same ground give the turn between them (Procrustes: the angle of
   ``sum conj(a) b`` over centred points), free of where the photos were taken.
2. Those turns are brought together into one correction per photo, up to a common turn (robust angular
   synchronisation: least squares on the circle, re-weighted; cf. Hartley et al. 2013, Rotation Averaging).
3. The common turn follows from the positions: the shared ground must lie the same way between two photos as their GNSS
   fixes do. Its error comes from leaving out one photo at a time (jackknife).

Nothing is decided by majority: when most photos are wrong, they are found all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Array = NDArray[np.float64]

_TURN_SCALE_RAD = np.radians(5.0)
"""A turn that misses by more than this counts little."""
_PLACE_SCALE_M = 3.0
"""As for the turns, for where the ground lies."""
_TURN_FLOOR_RAD = np.radians(1.0)
"""Relief and a gimbal not quite plumb turn a small overlap by this much, however many points match."""
_ROUNDS = 30
_TREES = 20


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Ground that two photos share, as each sees it from where it was.

    Attributes:
        a, b: indices of the photos.
        from_a, from_b: (N,) the same N ground points relative to either camera by its tags, metres.
    """

    a: int
    b: int
    from_a: Complex
    from_b: Complex


@dataclass(frozen=True, slots=True)
class Corrections:
    """What to add to each photo's heading.

    Attributes:
        turn_deg: clockwise, -180 < turn <= 180; `None` for a photo whose heading cannot be told.
        sigma_deg: of what all photos of a group share; `None` likewise.
        group: photos joined by overlaps have the same number.
    """

    turn_deg: tuple[float | None, ...]
    sigma_deg: tuple[float | None, ...]
    group: tuple[int, ...]


def heading_corrections(places: Complex, seen: Sequence[Seen]) -> Corrections:
    """Solve for the heading errors of all photos.

    Args:
        places: (N,) where each photo was taken, metres.
        seen: the overlaps.
    """
    count = len(places)
    turns = np.array([_turn(s) for s in seen]).reshape(-1, 2)
    group, start = _first_guess(count, seen, turns)
    relative = _synchronise(start, seen, turns)
    turn_deg: list[float | None] = [None] * count
    sigma_deg: list[float | None] = [None] * count
    for label in set(group):
        members = [i for i in range(count) if group[i] == label]
        if len(members) < 2:
            continue
        own = [s for s in seen if group[s.a] == label]
        common, sigma = _common_turn(places, relative, own)
        if common is None or sigma is None:
            continue
        for i in members:
            turn_deg[i] = float(np.degrees(_wrap(relative[i] + common)))
            sigma_deg[i] = float(np.degrees(sigma))
    return Corrections(tuple(turn_deg), tuple(sigma_deg), tuple(group))


def _wrap(angle_rad: float) -> float:
    return float(np.angle(np.exp(1j * angle_rad)))


def _turn(seen: Seen) -> tuple[float, float]:
    """Correction of b minus that of a, and the weight of this word, 1 / rad^2."""
    a, b = seen.from_a - seen.from_a.mean(), seen.from_b - seen.from_b.mean()
    turn = float(np.angle(np.vdot(a, b)))
    misfit_m2 = float(np.mean(np.abs(b - a * np.exp(1j * turn)) ** 2))
    spread_m2 = float(np.sum(np.abs(a) ** 2))
    return turn, 1.0 / (misfit_m2 / max(spread_m2, 1e-9) + _TURN_FLOOR_RAD**2)


def _first_guess(count: int, seen: Sequence[Seen], turns: Array) -> tuple[list[int], Array]:
    """Groups of photos joined by overlaps, and the corrections along that tree of overlaps which the others bear out.

    The tree of the strongest overlaps comes first; a false overlap in it would lead the solver into a false solution,
    so trees by chance compete with it.
    """
    rng = np.random.default_rng(0)
    strength = np.array([len(s.from_a) for s in seen]) * turns[:, 1]
    trees = [strength] + [rng.uniform(size=len(seen)) for _ in range(_TREES)]
    guesses = [_spanning(count, seen, turns, np.argsort(-key)) for key in trees]
    return min(
        guesses, key=lambda guess: float(np.log1p((_misfits(guess[1], seen, turns) / _TURN_SCALE_RAD) ** 2).sum())
    )


def _misfits(corrections: Array, seen: Sequence[Seen], turns: Array) -> Array:
    a, b = [s.a for s in seen], [s.b for s in seen]
    return np.angle(np.exp(1j * (turns[:, 0] - (corrections[b] - corrections[a]))))


def _spanning(count: int, seen: Sequence[Seen], turns: Array, order: NDArray[np.intp]) -> tuple[list[int], Array]:
    """Kruskal's spanning trees, and the corrections that follow along them."""
    group = list(range(count))
    start = np.zeros(count)
    for k in order.tolist():
        a, b = seen[k].a, seen[k].b
        if group[a] == group[b]:
            continue
        # The whole group of b is turned so that b agrees with a.
        shift, old = start[a] + turns[k, 0] - start[b], group[b]
        for i in range(count):
            if group[i] == old:
                start[i] += shift
                group[i] = group[a]
    return group, start


def _synchronise(start: Array, seen: Sequence[Seen], turns: Array) -> Array:
    """Least squares on the circle with Cauchy weights; only differences within a group are determined."""
    corrections = start.copy()
    if not seen:
        return corrections
    design = np.zeros((len(seen), len(start)))
    for k, s in enumerate(seen):
        design[k, s.a], design[k, s.b] = -1.0, 1.0
    for _ in range(_ROUNDS):
        misfit = _misfits(corrections, seen, turns)
        weights = turns[:, 1] / (1.0 + (misfit / _TURN_SCALE_RAD) ** 2)
        normal = design.T @ (weights[:, None] * design)
        # The small ridge holds what nothing determines, each group's common turn, where it was.
        normal += np.eye(len(start)) * 1e-9 * max(float(np.trace(normal)), 1.0)
        step = np.linalg.solve(normal, design.T @ (weights * misfit))
        corrections += step
        if np.abs(step).max() < 1e-6:
            break
    return corrections


def _common_turn(places: Complex, relative: Array, seen: Sequence[Seen]) -> tuple[float | None, float | None]:
    """The turn that brings the shared ground into line with the fixes, and its sigma, radians."""
    fixed = np.array([places[s.b] - places[s.a] for s in seen])
    by_ground = np.array([_way(s, relative) for s in seen])
    if float(np.abs(fixed).max()) < 2.0 * _PLACE_SCALE_M:
        return None, None  # hovering: two fixes a metre apart say nothing about north
    common = _robust_turn(by_ground, fixed)
    photos = sorted({i for s in seen for i in (s.a, s.b)})
    without: list[float] = []
    for photo in photos:
        rest = np.array([photo not in (s.a, s.b) for s in seen])
        if rest.any():
            without.append(_wrap(_robust_turn(by_ground[rest], fixed[rest]) - common))
    if len(without) < 3:
        # Too few photos to leave one out: the fixes' error across the longest base line.
        return common, float(np.sqrt(2.0) * _PLACE_SCALE_M / np.abs(fixed).max())
    spread = np.array(without) - np.mean(without)
    return common, float(np.sqrt((len(without) - 1) / len(without) * np.sum(spread**2)))


def _way(seen: Seen, relative: Array) -> complex:
    """From a to b as the shared ground tells it, after the relative corrections."""
    from_a = seen.from_a.mean() * np.exp(-1j * relative[seen.a])
    from_b = seen.from_b.mean() * np.exp(-1j * relative[seen.b])
    return complex(from_a - from_b)


def _robust_turn(by_ground: Complex, fixed: Complex) -> float:
    """The clockwise turn t with ``fixed = by_ground exp(-i t)``, by Procrustes with Cauchy weights."""
    weights = np.ones(len(fixed))
    turn = 0.0
    for _ in range(_ROUNDS):
        turn = -float(np.angle(np.sum(weights * np.conj(by_ground) * fixed)))
        misfit_m = np.abs(fixed - by_ground * np.exp(-1j * turn))
        weights = 1.0 / (1.0 + (misfit_m / _PLACE_SCALE_M) ** 2)
    return turn
