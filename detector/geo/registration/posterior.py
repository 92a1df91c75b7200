"""The offset of a pass over time, as a hidden Markov chain on a grid of shifts.

The state is the shift s that lays the pass onto the map. Between two events it moves as the error of the fixes does: a
Gauss-Markov drift, what the speed tells of it, and now and then a jump. Each event multiplies in how well a thing,
moved by s, fits the ground. The forward and the backward message of the sum-product algorithm (Rabiner 1989) meet at
an event without its own factor: their product is the posterior from all other things, for two passes over the events.
Weighing every shift on a grid instead of climbing to the nearest one is correlative matching (Olson 2009).

The prior is a mixture: the fix's own normal error, and with a small share a jump that the receiver did not declare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geo.registration.grid import CELL_M, REACH_CELLS, Grid, gaussian, moments, moved, spread
from detector.geo.registration.model import REFUSALS, FixErrors, Refusal
from detector.geo.registration.odometry import Change
from detector.hit import PassOffset

MODE_FLOOR: Final = 0.3
"""Shifts at least this likely against the best one, and joined to it, are one mode with it."""
RIVAL_SHARE: Final = 0.25
"""A second mode with this part of the best one's weight makes the match ambiguous."""
TIGHTER: Final = 0.75
"""The sigma of a match must be below this part of the fix's own."""
SHARED_M: Final = 0.2
"""One sigma of what all anchors may be wrong by together: the map's own shift, a camera's pitch."""
JUMP_SIGMAS2: Final = 16.0
"""A change of the error beyond four sigmas of drift and speed is a jump: no drift explains it."""
UNSEEN: Final = 1e-6
"""Least share of every step that begins anew, so that no evidence can run into nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something of a pass at one time.

    Attributes:
        at_s: seconds on any clock, not before the event before it.
        log_fit: log likelihood of each shift by what was seen here; `None` when it says nothing.
        change: how the error of the fixes changed since the event before; `None` where nothing earlier is of use.
        cov_m2: (2, 2) the fix's own error here.
    """

    at_s: float
    log_fit: Grid | None
    change: Change | None
    cov_m2: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One step of the chain: ``s -> scale * s - by_m``, then a round normal error, or anew from the prior."""

    scale: float
    by_m: NDArray[np.float64]
    variance_m2: float
    anew: float
    prior: Grid

    def forward(self, weights: Grid) -> Grid:
        """Weights of the state after the step, sum 1."""
        kept = spread(moved(weights, 1.0 / self.scale, self.by_m / self.scale), self.variance_m2)
        return _normal((1.0 - self.anew) * kept / max(kept.sum(), UNSEEN) + self.anew * self.prior)

    def backward(self, weights: Grid) -> Grid:
        """Likelihood of the state before the step, up to a factor."""
        kept = moved(spread(weights, self.variance_m2), self.scale, -self.by_m)
        likely = (1.0 - self.anew) * kept + self.anew * float((self.prior * weights).sum())
        return likely / likely.max()


def prior(cov_m2: NDArray[np.float64], errors: FixErrors) -> Grid:
    """Shifts before anything was matched: the fix's error, and undeclared jumps on top of it."""
    plain = gaussian(cov_m2, REACH_CELLS)
    jumped = gaussian(cov_m2 + np.eye(2) * errors.jump_sigma_m**2, REACH_CELLS)
    return (1.0 - errors.jump_share) * plain + errors.jump_share * jumped


def leave_one_out(events: Sequence[Event], errors: FixErrors) -> Iterator[Grid]:
    """For each event, last to first, the posterior of the shift at its time from all other events, with sum 1."""
    before: list[NDArray[np.float32]] = []
    steps: list[_Step | None] = []
    message = start = np.zeros(0)
    for event, last in zip(events, (None, *events), strict=False):
        if last is None or event.change is None:
            message = start = prior(event.cov_m2, errors)
            steps.append(None)
        else:
            step = _step(event.change, event.at_s - last.at_s, event.cov_m2, start, errors)
            message = step.forward(_weighed(message, last))
            steps.append(step)
        before.append(message.astype(np.float32))
    after = np.ones_like(message)
    for index in range(len(events) - 1, -1, -1):
        following = steps[index + 1] if index + 1 < len(events) else None
        after = np.ones_like(after) if following is None else following.backward(_weighed(after, events[index + 1]))
        yield _normal(before[index] * after)


def _step(change: Change, gap_s: float, cov_m2: NDArray[np.float64], start: Grid, errors: FixErrors) -> _Step:
    """Drift and what the speed tells of it, weighed against each other."""
    sigma2 = float(np.trace(cov_m2)) / 2.0
    kept = float(np.exp(-gap_s / errors.memory_s))
    drift2 = sigma2 * (1.0 - kept**2)
    anew = max(UNSEEN, -float(np.expm1(-errors.jump_rate_hz * change.blind_s)))
    if change.blind_s > 0.5 * gap_s or gap_s <= 0.0:
        return _Step(kept, np.zeros(2), drift2, anew, start)
    told2 = change.variance_m2 + sigma2 * -float(np.expm1(-2.0 * change.blind_s / errors.memory_s))
    if float(change.east_north_m @ change.east_north_m) > JUMP_SIGMAS2 * (drift2 + told2):
        return _Step(1.0, change.east_north_m, told2, anew, start)
    share = drift2 / (drift2 + told2)
    return _Step(kept + (1.0 - kept) * share, change.east_north_m * share, told2 * share, anew, start)


def _weighed(message: Grid, event: Event) -> Grid:
    return message if event.log_fit is None else _normal(message * np.exp(event.log_fit - event.log_fit.max()))


def _normal(weights: Grid) -> Grid:
    return weights / weights.sum()


def summary(posterior: Grid, cov_m2: NDArray[np.float64], anchors: int) -> PassOffset | Refusal:
    """The offset as mean and second moment, or why it is not used.

    The second moment is of the whole posterior, what is left of other modes and of jumps included.

    Args:
        posterior: of the shift, sum 1.
        cov_m2: (2, 2) the fix's own error, which the match must beat.
        anchors: how many things bear on it.
    """
    if anchors == 0:
        return REFUSALS["no_anchors"]
    if _has_rival(posterior):
        return REFUSALS["ambiguous"]
    mean, cov = moments(posterior)
    cov = cov + np.eye(2) * SHARED_M**2
    if np.trace(cov) > TIGHTER**2 * np.trace(cov_m2):
        return REFUSALS["not_tighter"]
    east_m, north_m = mean.tolist()
    matrix = ((float(cov[0, 0]), float(cov[0, 1])), (float(cov[0, 1]), float(cov[1, 1])))
    return PassOffset(east_m, north_m, matrix, anchors)


def _has_rival(posterior: Grid) -> bool:
    """Whether a second mode, apart from the best one, is worth naming."""
    # Ripples of the raster are no modes.
    smooth = spread(posterior, CELL_M**2)
    likely = (smooth >= MODE_FLOOR * smooth.max()).astype(np.uint8)
    labels = np.asarray(cv2.connectedComponents(likely, connectivity=8)[1], np.int64)
    weights = np.bincount(labels.ravel(), weights=smooth.ravel())[1:]
    best = int(labels.ravel()[int(smooth.argmax())]) - 1
    others = np.delete(weights, best)
    return bool(len(others)) and float(others.sum()) > RIVAL_SHARE * float(weights[best])
