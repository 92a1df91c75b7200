"""How the camera was really turned at a look, from where standing things appear against where they were expected.

Course and mounting leave a degree or two: a car nods, a rider sways and weaves. All things in view share that error, so
it is found from all of them at once, without knowing yet which box is which thing: every thing pulls towards the boxes
that it could be, with a weight that falls with distance, while the distance shrinks from round to round (soft
assignment: Gold et al., New algorithms for 2D and 3D point matching, Pattern Recognition 31, 1998). A small turn
``w`` (about right, forward, up) moves the ray ``(a, 1, c)`` to ``r + w x r``; divided by its forward part that is

    da = w_r a c + w_f c - w_u (1 + a^2)        dc = w_r (1 + c^2) - w_f a - w_u a c
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TURN_SIGMA: Final = np.radians((1.0, 2.5, 1.5))
"""What to expect of pitch, roll and heading."""
_REACHES: Final = (0.05, 0.05, 0.03, 0.02, 0.012, 0.008, 0.008)
"""How far a thing reaches for boxes, as tangents: 40 px at first and 6 px at last, in a 1280 px picture of 78
degrees."""
_NOWHERE: Final = 0.3
"""Weight of being none of the boxes: what is hidden now pulls nowhere."""


def turn_between(expected: Array, seen: Array, possible: NDArray[np.bool_]) -> Array:
    """Small turn (3,) in radians, about right, forward and up, that brings things to boxes; zeros without any.

    Args:
        expected: (T, 2) right and up of the things' rays, forward = 1.
        seen: (N, 2) of the boxes'.
        possible: (T, N) which could be which.
    """
    turn: Array = np.zeros(3)
    if not possible.any():
        return turn
    slope = _slope(expected)
    prior = np.diag(1.0 / TURN_SIGMA**2)
    off = seen[None] - expected[:, None]
    for reach in _REACHES:
        left = off - (slope @ turn)[:, None]
        weight = np.exp(-0.5 * (left**2).sum(axis=2) / reach**2) * possible
        weight /= _NOWHERE + weight.sum(axis=1, keepdims=True)
        pull = (weight[..., None] * off).sum(axis=1)
        normal = np.einsum("t,tij,tik->jk", weight.sum(axis=1), slope, slope) / reach**2
        goal = np.einsum("tij,ti->j", slope, pull) / reach**2
        turn = np.asarray(np.linalg.solve(normal + prior, goal), np.float64)
    return turn


def turned(rays: Array, turn: Array) -> Array:
    """(N, 3) rays after a small turn."""
    return rays + np.cross(turn, rays)


def _slope(rays: Array) -> Array:
    """(T, 2, 3) derivative of right and up by the turn."""
    a, c = rays[:, 0], rays[:, 1]
    right = np.column_stack((a * c, c, -(1.0 + a**2)))
    up = np.column_stack((1.0 + c**2, -a, -a * c))
    return np.stack((right, up), axis=1)
