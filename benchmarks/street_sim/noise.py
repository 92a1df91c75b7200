"""Noise that remembers: errors of receivers and bodies do not jump about from sample to sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def gauss_markov(times_s: Array, sigma: float, memory_s: float, rng: np.random.Generator) -> Array:
    """A first-order Gauss-Markov walk at given times, (N,): standard deviation `sigma`, correlation time `memory_s`.

    ``x_k = a x_(k-1) + sigma sqrt(1 - a^2) w_k`` with ``a = exp(-dt / memory)`` (Gelb, Applied Optimal
    Estimation, 3.8).
    """
    white = rng.standard_normal(len(times_s))
    steps = np.diff(times_s, prepend=times_s[:1])
    decay = np.exp(-steps / memory_s)
    gain = np.sqrt(1.0 - decay**2)
    walk = np.empty(len(times_s))
    value = float(white[0]) if len(white) else 0.0
    for i, (a, g, w) in enumerate(zip(decay.tolist(), gain.tolist(), white.tolist(), strict=True)):
        value = a * value + g * w if i else value
        walk[i] = value
    return walk * sigma
