"""Several looks from one spot: their mean by weight, with what they disagree by.

Pixel errors of the looks are taken as independent, attitude and ground height as one common error, so a hundred frames
do not make a bad mounting good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.sight import Sights

Array = NDArray[np.float64]

BEST_OBSERVATIONS = 12
"""Only the best-placed looks are averaged: far ones add nothing, and their errors are not Gaussian."""
HUBER_SIGMA = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """A mean of looks.

    Attributes:
        east_north_m: (2,) in the sights' plane.
        cov_m2: (2, 2) pixels, attitude, ground height, and the scatter of the looks.
        rows: (B,) which of the sights were used, best first.
        weights: (B,), summing to 1.
    """

    east_north_m: Array
    cov_m2: Array
    rows: NDArray[np.int64]
    weights: Array


def average(sights: Sights) -> Average:
    """The weighted mean of the best looks (at least one)."""
    whole = sights.cov_pixel + sights.cov_common
    best = np.argsort(np.trace(whole, axis1=1, axis2=2), kind="stable")[:BEST_OBSERVATIONS]
    points = sights.point_m[best]
    weights = _huber_weights(points, whole[best])
    mean = weights @ points
    cov_pixel = np.einsum("n,nij->ij", weights**2, sights.cov_pixel[best])
    cov_common = np.einsum("n,nij->ij", weights, sights.cov_common[best])
    away = points - mean
    scatter = (away * weights[:, None]).T @ away
    # What the frames disagree by is error too, whatever the model of it says.
    cov = cov_pixel + cov_common + scatter * float(weights @ weights)
    return Average(mean, (cov + cov.T) / 2.0, best, weights)


def _huber_weights(points: Array, covs: Array) -> Array:
    """Weights (N,) that sum to 1: by precision, and less for a point far from the rest (Huber 1964)."""
    precision = 1.0 / np.trace(covs, axis1=1, axis2=2)
    weights = precision / precision.sum()
    if len(points) == 1:
        return weights
    mean = np.median(points, axis=0)
    inverse = np.linalg.inv(covs)
    for _ in range(5):
        off = points - mean
        distance = np.sqrt(np.einsum("ni,nij,nj->n", off, inverse, off))
        weights = precision * np.minimum(1.0, HUBER_SIGMA / np.maximum(distance, 1e-9))
        weights = weights / weights.sum()
        mean = weights @ points
    return weights
