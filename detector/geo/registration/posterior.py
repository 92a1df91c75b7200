"""The offset of a pass over time, as a hidden Markov chain on a grid of shifts.

The state is the shift s that lays the pass onto the map. Between two events it drifts (a random walk) and now and then
begins anew from its prior (a jump). Each event multiplies in how well a thing, moved by s, fits the ground. The
forward and the backward message of the sum-product algorithm (Rabiner 1989) meet at an event without its own factor:
their product is the posterior from all other things, exactly, for the price of two passes over the events.

The prior is a mixture: the fix's own normal error, and with a small share a jump that the receiver did not declare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geo.registration.grid import CELL_M, REACH_CELLS, Grid, gaussian, moments, spread
from detector.geo.registration.model import REFUSALS, FixErrors, Refusal
from detector.hit import PassOffset

MODE_FLOOR: Final = 0.1
"""Shifts at least this likely against the best one, and joined to it, are one mode with it."""
RIVAL_SHARE: Final = 0.25
"""A second mode with this part of the best one's weight makes the match ambiguous."""
TIGHTER: Final = 0.75
"""The sigma of a match must be below this part of the fix's own."""
SHARED_M: Final = 0.2
"""One sigma of what all anchors may be wrong by together: the map's own shift, a camera's pitch."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something of a pass at one time.

    Attributes:
        at_s: seconds on any clock, not before the event before it.
        log_fit: log likelihood of each shift by what was seen here; `None` when it says nothing.
        begins_anew: the fixes broke before it: nothing earlier is of use.
        cov_m2: the fix's own error here, (2, 2).
    """

    at_s: float
    log_fit: Grid | None
    begins_anew: bool
    cov_m2: NDArray[np.float64]


def prior(cov_m2: NDArray[np.float64], errors: FixErrors) -> Grid:
    """Shifts before anything was matched: the fix's error, and undeclared jumps on top of it."""
    plain = gaussian(cov_m2, REACH_CELLS)
    jumped = gaussian(cov_m2 + np.eye(2) * errors.jump_sigma_m**2, REACH_CELLS)
    return (1.0 - errors.jump_share) * plain + errors.jump_share * jumped


def leave_one_out(events: Sequence[Event], errors: FixErrors) -> Iterator[Grid]:
    """For each event, last to first, the posterior of the shift at its time from all other events, with sum 1."""
    before: list[NDArray[np.float32]] = []
    priors: list[Grid] = []
    message = np.zeros(0)
    for index, event in enumerate(events):
        if index == 0 or event.begins_anew:
            priors.append(prior(event.cov_m2, errors))
            message = priors[-1]
        else:
            priors.append(priors[-1])
            gap_s = event.at_s - events[index - 1].at_s
            message = _normal(_forward(message, events[index - 1].log_fit, gap_s, priors[-1], errors))
        before.append(message.astype(np.float32))
    after = np.ones_like(message)
    for index in range(len(events) - 1, -1, -1):
        if index + 1 < len(events):
            following = events[index + 1]
            if following.begins_anew:
                after = np.ones_like(after)
            else:
                after = _backward(after, following, following.at_s - events[index].at_s, priors[index], errors)
        yield _normal(before[index] * after)


def _forward(message: Grid, log_fit: Grid | None, gap_s: float, anew: Grid, errors: FixErrors) -> Grid:
    weighed = _normal(message if log_fit is None else message * _fit(log_fit))
    jump = _jump_share(gap_s, errors)
    return (1.0 - jump) * spread(weighed, errors.walk_m_per_sqrt_s**2 * gap_s) + jump * anew


def _backward(message: Grid, event: Event, gap_s: float, anew: Grid, errors: FixErrors) -> Grid:
    weighed = message if event.log_fit is None else message * _fit(event.log_fit)
    jump = _jump_share(gap_s, errors)
    stayed = (1.0 - jump) * spread(weighed, errors.walk_m_per_sqrt_s**2 * gap_s)
    back = stayed + jump * float((anew * weighed).sum())
    return back / back.max()


def _fit(log_fit: Grid) -> Grid:
    return np.exp(log_fit - log_fit.max())


def _jump_share(gap_s: float, errors: FixErrors) -> float:
    return float(-np.expm1(-errors.jump_rate_hz * gap_s))


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
    smooth = spread(posterior, (2.0 * CELL_M) ** 2)
    likely = (smooth >= MODE_FLOOR * smooth.max()).astype(np.uint8)
    labels = np.asarray(cv2.connectedComponents(likely, connectivity=8)[1], np.int64)
    weights = np.bincount(labels.ravel(), weights=smooth.ravel())[1:]
    best = int(labels.ravel()[int(smooth.argmax())]) - 1
    others = np.delete(weights, best)
    return bool(len(others)) and float(others.sum()) > RIVAL_SHARE * float(weights[best])
