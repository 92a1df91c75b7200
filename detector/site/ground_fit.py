"""A standing camera tied to the ground: the homography through marked points, and how well it holds.

Least squares on the ground (Hartley and Zisserman, Multiple View Geometry, 4.1); pixels to metres east and north. With
four points it fits exactly and its residuals say nothing. From six on, each point is left out once and foretold by the
others: that error is what a place between the points must expect, and a mistake in one of them shows in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.plane import LocalPlane
from detector.site.schema import GroundPointIn

Array = NDArray[np.float64]

WELL_SPREAD = 1e-2
"""Smallest ratio of singular values of the normalised equations at which a homography is determined."""
FOR_LEAVING_OUT = 6


@dataclass(frozen=True, slots=True, eq=False)
class GroundFit:
    """A homography and what its points miss by.

    Attributes:
        matrix: (3, 3) pixels (u, v, 1) to metres (east, north, 1) of the plane.
        misfit_m: of each point.
        left_out_m: of each point, foretold by the others; empty with fewer than six.
    """

    matrix: Array
    misfit_m: tuple[float, ...]
    left_out_m: tuple[float, ...]

    @property
    def residual_m(self) -> float:
        """Root mean square of `left_out_m`, or of `misfit_m` where there is none."""
        return float(np.sqrt(np.mean(np.square(self.left_out_m or self.misfit_m))))


def fit_homography(
    points: Sequence[GroundPointIn], plane: LocalPlane, max_residual_m: float, size_px: tuple[int, int]
) -> GroundFit:
    """Pixels to metres of the plane.

    Raises:
        InputError: fewer than 4 points, points (nearly) on a line, a pixel outside the picture, or a misfit above
            `max_residual_m`, or ground that shows mirrored; the message names the point.
    """
    if len(points) < 4:
        raise InputError(f"ground_points has {len(points)}; a plane needs at least 4, and 6 or more show mistakes")
    for index, point in enumerate(points):
        if not (0 <= point.pixel[0] <= size_px[0] and 0 <= point.pixel[1] <= size_px[1]):
            raise InputError(f"ground point {index} at pixel {point.pixel} lies outside the {size_px} picture")
    pixels = np.array([point.pixel for point in points], np.float64)
    ground = plane.east_north_m([point.lon_lat for point in points])
    if min(_spread(pixels, ground), _spread(ground, pixels)) < WELL_SPREAD:
        raise InputError("the ground_points lie (nearly) on a line; mark points that span the ground in view")
    matrix = _homography(pixels, ground)
    misfit = _misfit(matrix, pixels, ground)
    worst = int(misfit.argmax())
    if misfit[worst] > max_residual_m:
        raise InputError(
            f"ground point {worst} misses by {misfit[worst]:.2f} m, more than max_residual_m {max_residual_m}; "
            "check its pixel and lon_lat"
        )
    turns = _turns(matrix, pixels)
    if (turns > 0).any():
        raise InputError(
            f"ground point {int(turns.argmax())} is seen in a mirror: left and right of the picture and the map do not "
            "belong together, or the points lie across the horizon; check each point's pixel and lon_lat"
        )
    return GroundFit(matrix, tuple(misfit.tolist()), _left_out(pixels, ground))


def _turns(matrix: Array, pixels: Array) -> Array:
    """Sign of the mapping's determinant at each pixel: negative when ground is seen from above, as v runs down.

    The determinant of a homography's Jacobian is det(H) / w^3 (Hartley and Zisserman, 2.4).
    """
    w = np.column_stack((pixels, np.ones(len(pixels)))) @ matrix[2]
    return np.sign(np.linalg.det(matrix)) * np.sign(w)


def _left_out(pixels: Array, ground: Array) -> tuple[float, ...]:
    if len(pixels) < FOR_LEAVING_OUT:
        return ()
    missed: list[float] = []
    for row in range(len(pixels)):
        others = np.arange(len(pixels)) != row
        matrix = _homography(pixels[others], ground[others])
        missed.append(float(_misfit(matrix, pixels[row : row + 1], ground[row : row + 1])[0]))
    return tuple(missed)


def _homography(pixels: Array, ground: Array) -> Array:
    found, _ = cv2.findHomography(pixels, ground, 0)
    matrix = np.asarray(found, np.float64)
    if matrix.shape != (3, 3):
        raise InputError("no homography fits the ground_points; check that pixels and lon_lat belong together")
    return matrix


def _misfit(matrix: Array, pixels: Array, ground: Array) -> Array:
    mapped = np.column_stack((pixels, np.ones(len(pixels)))) @ matrix.T
    return np.hypot(*(mapped[:, :2] / mapped[:, 2:] - ground).T)


def _spread(a: Array, b: Array) -> float:
    """How well the homography is determined: 8th over 1st singular value of the normalised DLT equations.

    Hartley and Zisserman, Multiple View Geometry, 4.1 and 4.4; 0 when three of four points share a line.
    """

    def normalised(points: Array) -> Array:
        centred = points - points.mean(axis=0)
        size = float(np.hypot(*centred.T).mean()) or 1.0
        return centred * (np.sqrt(2.0) / size)

    rows: list[Array] = []
    for (x, y), (u, v) in zip(normalised(a), normalised(b), strict=True):
        rows.append(np.array([-x, -y, -1, 0, 0, 0, u * x, u * y, u]))
        rows.append(np.array([0, 0, 0, -x, -y, -1, v * x, v * y, v]))
    values = np.linalg.svd(np.array(rows), compute_uv=False)
    return float(values[7] / values[0])
