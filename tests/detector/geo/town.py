"""A made-up town for tests: footways along uneven streets, bays upon them, and a drive through it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from shapely import Polygon

from detector.frame import Fix
from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneIndex, ZoneKind
from detector.vocabulary import Text

MIDDLE = (117.19, 34.26)
STREETS_M = np.array([-480.0, -390.0, -215.0, -60.0, 45.0, 240.0, 330.0, 505.0])


def area(west, south, east, north, at=MIDDLE) -> Polygon:
    """A rectangle in metres east and north of `at`."""
    return Polygon(LocalPlane(*at).lon_lat_deg([(west, south), (east, south), (east, north), (west, north)]))


def footways(at=MIDDLE) -> list[Polygon]:
    """Strips of 4 m on both sides of streets that run north and east."""
    found = []
    for side in (-10.0, 6.0):
        found += [area(x + side, -600, x + side + 4, 600, at) for x in STREETS_M]
        found += [area(-600, y + side, 600, y + side + 4, at) for y in STREETS_M]
    return found


def bays(count: int, at=MIDDLE) -> list[Polygon]:
    """Bays of 8 x 1.6 m on the footways north of the streets."""
    rng = np.random.default_rng(7)
    found = []
    for x, y in zip(rng.uniform(-590, 580, count), rng.choice(STREETS_M, count), strict=True):
        found.append(area(x, y + 7.0, x + 8.0, y + 8.6, at))
    return found


def index(polygons: Sequence[Polygon], kind: ZoneKind = ZoneKind.PUBLIC_GROUND) -> ZoneIndex:
    """A map of zones of one kind."""
    return ZoneIndex.build([Zone(f"z{i}", kind, Text("区", "zone"), p) for i, p in enumerate(polygons)])


def drive(at=MIDDLE, sigma_m: float = 8.0) -> list[Fix]:
    """Once a second at 6 m/s: east, north, west, north, east through the town, with a slow GNSS error."""
    x, y = STREETS_M[[1, 3, 6, 4, 7]], STREETS_M[[0, 2, 5, 6, 7]]
    corners = [(x[0], y[0]), (x[2], y[0]), (x[2], y[2]), (x[1], y[2]), (x[1], y[3]), (x[4], y[3])]
    path = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        steps = int(np.hypot(x1 - x0, y1 - y0) / 6.0)
        path += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(steps)]
    rng = np.random.default_rng(3)
    error = np.zeros(2)
    fixes = []
    for second, point in enumerate(path):
        error = 0.98 * error + rng.normal(0.0, 0.2 * sigma_m, 2)
        ((lon, lat),) = LocalPlane(*at).lon_lat_deg([np.array(point) + error]).tolist()
        when = datetime(2026, 5, 18, 4, tzinfo=UTC) + timedelta(seconds=second)
        fixes.append(Fix(lon_deg=lon, lat_deg=lat, sigma_m=sigma_m, at=when))
    return fixes
