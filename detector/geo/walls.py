"""The walls of a site: what a sight line meets first, in plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.geo.plane import Points
from detector.geo.zones import ZoneIndex, ZoneKind

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

REACH_M = 60.0
"""Farther off, a degree of heading is a shop's width."""


@dataclass(frozen=True, slots=True, eq=False)
class Walls:
    """Walls of a site, ready for sight lines. Build with `Walls.of`.

    Attributes:
        zones: whose plane the metres are counted on.
    """

    zones: ZoneIndex
    _tree: shapely.STRtree
    _edges: tuple[Array, ...]

    @staticmethod
    def of(zones: ZoneIndex) -> Walls:
        """The outlines of buildings, and of shop fronts that touch no building."""
        shapes = {
            kind: np.array([zones.plane_shape(z.polygon) for z in zones.zones if z.kind is kind], dtype=object)
            for kind in (ZoneKind.BUILDING, ZoneKind.SHOP_FRONTAGE)
        }
        buildings, shops = shapes[ZoneKind.BUILDING], shapes[ZoneKind.SHOP_FRONTAGE]
        known = np.zeros(len(shops), np.bool_)
        if len(buildings) and len(shops):
            known[np.unique(shapely.STRtree(buildings).query(shops, predicate="intersects")[0])] = True
        polygons = np.concatenate((buildings, shops[~known]))
        return Walls(zones, shapely.STRtree(polygons), tuple(_edges_of(polygon) for polygon in polygons))

    def near(self, middle: Array) -> Array:
        """Edges (E, 4), x and y of both ends with the wall's inside to the left, within reach of a point (2,)."""
        found = self._tree.query(shapely.Point(*middle.tolist()), predicate="dwithin", distance=2.0 * REACH_M)
        edges = [np.zeros((0, 4)), *(self._edges[int(row)] for row in sorted(found.tolist()))]
        return np.concatenate(edges)

    def lon_lat_deg(self, metres: Array) -> Points:
        """Metres (N, 2) of the zones' plane to degrees."""
        scale = np.array(self.zones.metres_per_degree)
        return (metres - self.zones.to_plane([(0.0, 0.0)])) / scale


def _edges_of(polygon: shapely.Geometry) -> Array:
    parts = shapely.get_parts(polygon)
    edges: list[Array] = []
    for part in parts:
        turned = shapely.orient_polygons(part)  # outside counter-clockwise, holes clockwise: inside to the left
        for ring in shapely.get_rings(turned):
            xy = shapely.get_coordinates(ring)
            edges.append(np.column_stack((xy[:-1], xy[1:])))
    return np.concatenate(edges)


def first_hit(edges: Array, origin: Array, direction: Array) -> tuple[Array, Rows]:
    """Range (N,) to the first edge that each sight line meets from outside, inf for none, and that edge (N,).

    Args:
        edges: (E, 4) as `Walls.near` gives them.
        origin, direction: (N, 2); directions of unit length.
    """
    if not len(edges):
        return np.full(len(origin), np.inf), np.zeros(len(origin), np.int64)
    start, along = edges[:, :2], edges[:, 2:] - edges[:, :2]
    to_start = start[None] - origin[:, None]
    cross = direction[:, 0, None] * along[None, :, 1] - direction[:, 1, None] * along[None, :, 0]
    # The outward normal times the direction: negative when the line goes into the wall. Leaving it is no hit.
    entering = cross < -1e-12
    safe = np.where(entering, cross, 1.0)
    t = (to_start[..., 0] * along[None, :, 1] - to_start[..., 1] * along[None, :, 0]) / safe
    s = (to_start[..., 0] * direction[:, 1, None] - to_start[..., 1] * direction[:, 0, None]) / safe
    t = np.where(entering & (t > 0.0) & (s >= 0.0) & (s <= 1.0), t, np.inf)
    edge = t.argmin(axis=1).astype(np.int64)
    return t[np.arange(len(origin)), edge], edge
