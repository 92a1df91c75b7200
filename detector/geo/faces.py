"""A map cut into faces, and how much of a position error lies in each: exactly, for many positions at once.

Zones overlap. Their edges together cut the plane into faces, and over one face everything the map says is the same.
The share of a normal distribution in a face follows from the face's edges alone: along a ray from the centre the face
changes only where the ray crosses an edge, and the mass beyond an edge is known in closed form
(`detector.geo.normal`). So only edges near the centre count, nothing is sampled, and a position far from every edge
costs nothing but the question in which face it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.geo.normal import FAR, beyond_segment

Points = NDArray[np.float64]
Rows = NDArray[np.int64]

SIGMA_FLOOR_M = 1e-3
"""A position surer than a millimetre is taken as good to a millimetre."""
_OFF_THE_LINE_M = np.array((3.1e-7, 1.7e-7))
"""Centres are moved by this, so that none lies on an edge to the last digit."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """How a batch of positions lies in the faces.

    Attributes:
        start: (N + 1,) position i owns rows ``start[i]:start[i + 1]`` of the next two.
        face: (M,) face numbers; `Faces.count` stands for the plane outside every shape.
        mass: (M,) share of the position error, 0..1; the shares of one position sum to 1.
        centre: (N,) the face that holds the best estimate.
    """

    start: Rows
    face: Rows
    mass: NDArray[np.float64]
    centre: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The plane cut by the edges of shapes. Build with `Faces.build`.

    Attributes:
        count: number of faces; the plane outside every shape is number `count`.
        polygons: (F,) the faces, metres.
        shape_start, shape: face f lies in shapes ``shape[shape_start[f]:shape_start[f + 1]]``, ascending; the outside
            in none.
    """

    count: int
    shape_start: Rows
    shape: Rows
    polygons: NDArray[np.object_]
    _polygon_tree: shapely.STRtree
    _segments: NDArray[np.float64]
    _left: Rows
    _right: Rows
    _segment_tree: shapely.STRtree

    @staticmethod
    def build(shapes: Sequence[object] | NDArray[np.object_]) -> Faces:
        """Cut the plane by polygons and multipolygons, metres on one plane; empty ones are allowed."""
        given = np.array([*shapes, None], dtype=object)[:-1]
        lines = shapely.get_parts(shapely.union_all(shapely.boundary(given)))
        polygons = np.asarray(shapely.get_parts(shapely.polygonize(lines)), dtype=object)
        inner = shapely.point_on_surface(polygons)
        points, owners = _pairs(shapely.STRtree(given).query(inner, predicate="within"))
        polygons, points = _without_gaps(polygons, points)
        order = np.lexsort((owners, points))
        start = np.concatenate(([0], np.cumsum(np.bincount(points, minlength=len(polygons)))))
        segments, left, right = _segments(polygons)
        shapely.prepare(polygons)
        return Faces(
            count=len(polygons),
            shape_start=np.append(start, start[-1]).astype(np.int64),
            shape=owners[order],
            polygons=polygons,
            _polygon_tree=shapely.STRtree(polygons),
            _segments=segments,
            _left=left,
            _right=right,
            _segment_tree=shapely.STRtree(np.asarray(shapely.linestrings(segments), dtype=object)),
        )

    def locate(self, points: Points) -> Rows:
        """The face that holds each point (N, 2); `count` for the outside."""
        found = np.full(len(points), self.count, np.int64)
        rows, faces = _pairs(self._polygon_tree.query(shapely.points(points)))
        holds = shapely.contains_xy(self.polygons[faces], points[rows, 0], points[rows, 1])
        found[rows[holds]] = faces[holds]
        return found

    def shares(self, centres: Points, cov_m2: NDArray[np.float64]) -> Shares:
        """How normal position errors lie in the faces.

        Args:
            centres: (N, 2) best estimates, metres on the plane of the shapes.
            cov_m2: (N, 2, 2) covariances there, semi-definite.

        Each share is right to 1e-4; edges farther than `FAR` sigmas are passed over.
        """
        centres = centres + _OFF_THE_LINE_M
        var_x, var_y = (cov_m2[:, axis, axis] + SIGMA_FLOOR_M**2 for axis in (0, 1))
        half = FAR * np.sqrt(np.column_stack((var_x, var_y)))
        west, south = (centres - half).T
        east, north = (centres + half).T
        boxes = np.asarray(shapely.box(west, south, east, north), dtype=object)
        spots, edges = _pairs(self._segment_tree.query(boxes))
        # The lower Cholesky factor of the covariance: dividing by it makes the error a standard normal.
        a = np.sqrt(var_x)
        b = cov_m2[:, 0, 1] / a
        c = np.sqrt(np.maximum(var_y - b * b, SIGMA_FLOOR_M**2))
        ends = self._segments[edges] - centres[spots, None, :]
        ends[..., 0] /= a[spots, None]
        ends[..., 1] = (ends[..., 1] - b[spots, None] * ends[..., 0]) / c[spots, None]
        crossing = beyond_segment(ends[:, 0], ends[:, 1])
        centre = self.locate(centres)
        everyone = np.arange(len(centres))
        return self._summed(
            len(centres),
            np.concatenate((everyone, spots, spots)),
            np.concatenate((centre, self._left[edges], self._right[edges])),
            np.concatenate((np.ones(len(centres)), -crossing, crossing)),
            centre,
        )

    def _summed(self, spots: int, spot: Rows, face: Rows, mass: NDArray[np.float64], centre: Rows) -> Shares:
        """One row for each face of each position."""
        keys, rows = np.unique(spot * (self.count + 1) + face, return_inverse=True)
        total = np.asarray(np.bincount(rows, weights=mass, minlength=len(keys)), np.float64)
        start = np.searchsorted(keys, np.arange(spots + 1) * (self.count + 1))
        return Shares(start.astype(np.int64), keys % (self.count + 1), np.clip(total, 0.0, 1.0), centre)


def _pairs(found: NDArray[np.int64]) -> tuple[Rows, Rows]:
    first, second = np.asarray(found, np.int64)
    return first, second


def _without_gaps(polygons: NDArray[np.object_], points: Rows) -> tuple[NDArray[np.object_], Rows]:
    """Polygons that lie in some shape, and `points` in their numbers: a hole that shapes enclose is outside."""
    used = np.zeros(len(polygons), np.bool_)
    used[points] = True
    return polygons[used], (np.cumsum(used) - 1)[points]


def _segments(polygons: NDArray[np.object_]) -> tuple[NDArray[np.float64], Rows, Rows]:
    """Each edge once, (S, 2, 2), the face at its left and the face at its right; outside is ``len(polygons)``."""
    ccw = shapely.orient_polygons(polygons, exterior_cw=False)
    rings, face_of_ring = shapely.get_rings(ccw, return_index=True)
    points, ring_of_point = shapely.get_coordinates(rings, return_index=True)
    joined = np.flatnonzero(np.diff(ring_of_point) == 0)
    ends = np.stack((points[joined], points[joined + 1]), axis=1)
    face = np.asarray(face_of_ring, np.int64)[ring_of_point[joined]]
    # The neighbour holds the same edge the other way round: give both one direction and look where they meet.
    turned = (ends[:, 0, 0] > ends[:, 1, 0]) | ((ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1]))
    ends[turned] = ends[turned][:, ::-1]
    segments, row = np.unique(ends.reshape(-1, 4), axis=0, return_inverse=True)
    row = row.reshape(-1)
    outside = len(polygons)
    left, right = (np.full(len(segments), outside, np.int64) for _ in range(2))
    left[row[~turned]] = face[~turned]
    right[row[turned]] = face[turned]
    return segments.reshape(-1, 2, 2), left, right
