"""Unit grids: their codes must be sound, and together they should cover the patrolled area once.

A code has 14 to 16 digits and begins with the admin code; one that was given up is never used again. A wrong code is a
problem. Overlaps and gaps are warnings: surveys of neighbouring streets never meet quite, and a verdict needs no grid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from detector.geo.plane import LocalPlane
from detector.geo.zones import Zone, ZoneKind
from detector.site.model import Site, SiteProblem
from detector.site.problems import Problems

SLIVER_M2 = 1.0
"""A smaller overlap or gap is how two surveys draw one line."""
CODE = "properties.code"


def check_codes(
    zones: Sequence[tuple[str, Zone]], admin_code: str | None, void_codes: Collection[str], problems: Problems
) -> None:
    """Note codes used twice, given up, or of another admin area. `zones` with the file each is in."""
    first: dict[str, str] = {}
    void = frozenset(void_codes)
    for file, zone in zones:
        code = zone.code
        if code is None:
            continue
        if code in first:
            message = f"{code!r} is the code of {first[code]!r} already; give each grid its own"
            problems.add(file, message, feature=zone.zone_id, field=CODE)
        elif code in void:
            message = f"{code!r} is one of the void_codes of site.yaml; a code once void is never used again"
            problems.add(file, message, feature=zone.zone_id, field=CODE)
        elif admin_code is not None and not code.startswith(admin_code):
            message = f"{code!r} does not begin with the admin_code {admin_code!r} of site.yaml"
            problems.add(file, message, feature=zone.zone_id, field=CODE)
        first.setdefault(code, zone.zone_id)


def grid_warnings(site: Site) -> list[SiteProblem]:
    """Overlaps of unit grids, and ground that none of them covers.

    Ground to cover is the patrolled area; without one, only holes between grids are found.
    """
    grids = [zone for zone in site.zones.zones if zone.kind is ZoneKind.GRID and zone.code is not None]
    if not grids:
        return []
    west, south, east, north = site.bbox
    plane = LocalPlane((west + east) / 2.0, (south + north) / 2.0)
    shapes = [_on_plane(zone.polygon, plane) for zone in grids]
    return [*_overlaps(grids, shapes, plane), *_gaps(site, shapes, plane)]


def _overlaps(grids: Sequence[Zone], shapes: list[BaseGeometry], plane: LocalPlane) -> Iterator[SiteProblem]:
    found = np.asarray(shapely.STRtree(shapes).query(shapes, predicate="intersects"), np.int64)
    pairs: list[list[int]] = found[:, found[0] < found[1]].T.tolist()
    for row, other in sorted(pairs):
        shared = shapely.intersection(shapes[row], shapes[other])
        if shared.area >= SLIVER_M2:
            message = f"overlaps the grid {grids[other].zone_id!r} by {shared.area:.0f} m² at {_where(shared, plane)}"
            yield SiteProblem("zones", grids[row].zone_id, "geometry", message)


def _gaps(site: Site, shapes: list[BaseGeometry], plane: LocalPlane) -> Iterator[SiteProblem]:
    covered = shapely.union_all(shapes)
    if site.patrol_area is not None:
        open_ground = shapely.difference(_on_plane(site.patrol_area, plane), covered)
        inside = "the patrol area"
    else:
        filled = [Polygon(part.exterior) for part in shapely.get_parts(covered).tolist()]
        open_ground = shapely.difference(shapely.union_all(filled), covered)
        inside = "the grids"
    for gap in shapely.get_parts(open_ground).tolist():
        if gap.area >= SLIVER_M2:
            message = f"leave a gap of {gap.area:.0f} m² in {inside} at {_where(gap, plane)}"
            yield SiteProblem("zones", "grids", "geometry", message)


def _on_plane(shape: BaseGeometry, plane: LocalPlane) -> BaseGeometry:
    return shapely.transform(shape, plane.east_north_m)


def _where(shape: BaseGeometry, plane: LocalPlane) -> str:
    spot = shapely.point_on_surface(shape)
    ((lon, lat),) = plane.lon_lat_deg([(spot.x, spot.y)]).tolist()
    return f"{lon:.6f}, {lat:.6f}"
