"""The raster on which shifts and the ground around a thing are weighed: square cells, row 0 in the south."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
"""(2R + 1, 2R + 1): value at (north, east) = ((row - R) * CELL_M, (column - R) * CELL_M)."""

CELL_M: Final = 0.5
"""A quarter of a pitch's depth; about the best sigma that matching gives."""
REACH_CELLS: Final = 48
"""Shifts up to 24 m are weighed: the largest jump and some drift."""


def axis_m(cells: int) -> Grid:
    """Metres of the cells from -cells to cells."""
    return np.arange(-cells, cells + 1, dtype=np.float64) * CELL_M


def gaussian(cov_m2: NDArray[np.float64], cells: int) -> Grid:
    """Normal density of a covariance (2, 2) on the raster, with sum 1."""
    inverse = np.linalg.inv(cov_m2)
    metres = axis_m(cells)
    east, north = metres[None, :], metres[:, None]
    exponent = inverse[0, 0] * east**2 + 2.0 * inverse[0, 1] * east * north + inverse[1, 1] * north**2
    weights = np.exp(-0.5 * exponent)
    return weights / weights.sum()


def spread(grid: Grid, variance_m2: float) -> Grid:
    """The raster convolved with a round normal density of a variance per axis; what leaves it is lost.

    A narrow one is a kernel of three taps, whose variance is exact where a sampled bell's would not be.
    """
    cells2 = variance_m2 / CELL_M**2
    if cells2 <= 0.0:
        return grid
    if cells2 <= 0.6:
        taps = np.array([cells2 / 2.0, 1.0 - cells2, cells2 / 2.0])
    else:
        sigma = float(np.sqrt(cells2))
        taps = cv2.getGaussianKernel(2 * int(np.ceil(4.0 * sigma)) + 1, sigma, cv2.CV_64F).ravel()
    blurred = cv2.sepFilter2D(grid, cv2.CV_64F, taps, taps, borderType=cv2.BORDER_CONSTANT)
    return np.maximum(np.asarray(blurred, np.float64), 0.0)


def moved(grid: Grid, scale: float, by_m: NDArray[np.float64]) -> Grid:
    """The raster read at ``scale * (east, north) + by_m`` for every cell; 0 beyond its edge."""
    middle = len(grid) // 2
    east, north = (middle * (1.0 - scale) + by_m / CELL_M).tolist()
    take = np.array([[scale, 0.0, east], [0.0, scale, north]])
    read = cv2.warpAffine(
        grid, take, grid.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(read, np.float64)


def moments(weights: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (east, north) in metres and covariance (2, 2) in square metres of a raster with sum 1."""
    metres = axis_m(len(weights) // 2)
    by_east, by_north = weights.sum(axis=0), weights.sum(axis=1)
    mean = np.array([by_east @ metres, by_north @ metres])
    east, north = metres - mean[0], metres - mean[1]
    joint = float(north @ weights @ east)
    cov = np.array([[by_east @ east**2, joint], [joint, by_north @ north**2]])
    # A value stands for its whole cell.
    return mean, cov + np.eye(2) * CELL_M**2 / 12.0
