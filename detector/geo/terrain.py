"""How the ground rises: an elevation grid, and where a ray meets it.

Only differences matter: the ground under a thing against the ground under the camera. So it makes no odds whether the
grid counts from the sea or from an ellipsoid. Outside the grid, and where it has no data, the ground is taken for flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.geo.plane import LocalPlane, metres_per_degree

Array = NDArray[np.float64]

FINE_CELL_M = 2.5
FINE_SIGMA_M = 0.08
"""What a fine grid (laser-scanned, cells up to 2.5 m) leaves unknown of the height between two points of a street. A
coarser one straightens out the hill, but says nothing about kerbs: the camera's own `ground_m` stays."""

_STEP_M = 0.5
"""Rays are followed in steps of this ground distance: finer than any kerb ramp."""


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """An elevation grid in WGS-84 degrees.

    Attributes:
        west_deg, south_deg: centre of the south-western cell.
        cell_deg: size of a cell, both ways.
        height_m: float32 (rows, columns), first row in the south; NaN without data.
    """

    west_deg: float
    south_deg: float
    cell_deg: float
    height_m: NDArray[np.float32]

    @property
    def is_fine(self) -> bool:
        """Whether cells are small enough to tell the ground under a thing from the road."""
        return float(metres_per_degree(self.south_deg)[1]) * self.cell_deg <= FINE_CELL_M

    def heights(self, lon_lat_deg: Array) -> Array:
        """(N, 2) longitude, latitude -> (N,) metres, bilinear between cell centres; NaN outside and without data."""
        rows, columns = self.height_m.shape
        x = (lon_lat_deg[:, 0] - self.west_deg) / self.cell_deg
        y = (lon_lat_deg[:, 1] - self.south_deg) / self.cell_deg
        inside = (x >= 0) & (y >= 0) & (x <= columns - 1) & (y <= rows - 1)
        x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
        left = np.minimum(x.astype(np.int64), columns - 2)
        low = np.minimum(y.astype(np.int64), rows - 2)
        fx, fy = x - left, y - low
        grid = self.height_m
        south = grid[low, left] * (1.0 - fx) + grid[low, left + 1] * fx
        north = grid[low + 1, left] * (1.0 - fx) + grid[low + 1, left + 1] * fx
        return np.where(inside, south * (1.0 - fy) + north * fy, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class GroundHits:
    """Where N rays meet the ground.

    Attributes:
        arm_m: (N, 2) east and north from the camera; NaN where the ray meets none within reach.
        ray_length: (N,) in units of the ray: the point is ``camera + ray_length * ray``.
        slope: (N, 2) how the ground rises there per metre east and north.
        mapped: (N,) the grid knows both ends.
    """

    arm_m: Array
    ray_length: Array
    slope: Array
    mapped: NDArray[np.bool_]


def meet_ground(plane: LocalPlane, centre_m: Array, rays: Array, terrain: Terrain | None, reach_m: Array) -> GroundHits:
    """Where rays (N, 3: east, north, up) from cameras (N, 3: east, north, height above their ground) meet the ground.

    A ray over flat ground is followed to its end, however far; over a grid for `reach_m` (N,).
    """
    down = np.where(rays[:, 2] < -1e-9, -rays[:, 2], np.nan)
    count = len(rays)
    length = centre_m[:, 2] / down
    flat = GroundHits(rays[:, :2] * length[:, None], length, np.zeros((count, 2)), np.zeros(count, np.bool_))
    if terrain is None or not count:
        return flat
    under = terrain.heights(plane.lon_lat_deg(centre_m[:, :2]))
    for row in np.flatnonzero(np.isfinite(under) & np.isfinite(rays).all(axis=1)).tolist():
        _follow(row, flat, plane, centre_m[row], rays[row], terrain, float(under[row]), float(reach_m[row]))
    return flat


def _follow(
    row: int,
    hits: GroundHits,
    plane: LocalPlane,
    centre: Array,
    ray: Array,
    terrain: Terrain,
    under: float,
    reach: float,
) -> None:
    """Follow one ray until it dips below the grid, and write where into `hits`; what is off the grid is flat."""
    level = float(np.hypot(ray[0], ray[1]))
    if level < 1e-9:
        return
    ahead = ray[:2] / level
    distance = np.arange(0.0, reach + 2 * _STEP_M, _STEP_M)
    ground = terrain.heights(plane.lon_lat_deg(centre[:2] + distance[:, None] * ahead)) - under
    off_grid = np.isnan(ground)
    above = centre[2] + distance * (ray[2] / level) - np.where(off_grid, 0.0, ground)
    dips = np.flatnonzero(above <= 0.0)
    hits.arm_m[row] = np.nan
    if not len(dips) or dips[0] == 0:
        return
    end = int(dips[0])
    share = above[end - 1] / (above[end - 1] - above[end])
    arm = (distance[end - 1] + share * _STEP_M) * ahead
    hits.arm_m[row] = arm
    hits.mapped[row] = not (off_grid[end] or off_grid[end - 1])
    hits.ray_length[row] = (distance[end - 1] + share * _STEP_M) / level
    hits.slope[row] = rise_and_slope(terrain, plane, centre[:2] + arm, under)[1]


def rise_and_slope(terrain: Terrain | None, plane: LocalPlane, point_m: Array, datum_m: float) -> tuple[float, Array]:
    """Height of the ground at a point (2,) above a datum, and its slope (2,); 0 off the grid."""
    if terrain is None:
        return 0.0, np.zeros(2)
    around = point_m + np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    ground = terrain.heights(plane.lon_lat_deg(around)) - datum_m
    rise = float(ground[0]) if np.isfinite(ground[0]) else 0.0
    slope = np.array([ground[1] - ground[2], ground[3] - ground[4]]) / 2.0
    return rise, slope if bool(np.isfinite(slope).all()) else np.zeros(2)
