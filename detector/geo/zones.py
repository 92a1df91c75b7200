"""The law on a map: zones, and how probable it is that a thing with a position error stands in each of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from detector.errors import InputError
from detector.geo.plane import LocalPlane, Points, metres_per_degree
from detector.geo.schedule import ALWAYS, Validity
from detector.hit import Matrix2
from detector.vocabulary import Text

SAMPLES = 256
"""Points that stand for a position error; the share in a zone is then right to about 0.01."""


class ZoneKind(StrEnum):
    """What a zone says. Which kinds forbid or permit a thing is the rules' business."""

    PUBLIC_GROUND = "public_ground"
    NO_VENDING = "no_vending"
    NO_SIGNAGE = "no_signage"
    PRIORITY_ROAD = "priority_road"
    VENDING_PITCH = "vending_pitch"
    MARKET = "market"
    BIKE_BAY = "bike_bay"
    SHOP_FRONTAGE = "shop_frontage"
    SIGN_REGISTRY = "sign_registry"
    PRIVACY_EXCLUSION = "privacy_exclusion"
    GRID = "grid"
    BUILDING = "building"
    """A footprint: says nothing of the ground, but a sign that hangs on its wall has its place there."""


GRANTING = frozenset(
    {
        ZoneKind.VENDING_PITCH,
        ZoneKind.MARKET,
        ZoneKind.BIKE_BAY,
        ZoneKind.SHOP_FRONTAGE,
        ZoneKind.SIGN_REGISTRY,
        ZoneKind.PRIVACY_EXCLUSION,
        ZoneKind.GRID,
    }
)
"""Kinds whose tolerance widens them; the tolerance of the others narrows them: always in the citizen's favour."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One area of the law's map.

    Attributes:
        zone_id: unique in the site.
        polygon: Polygon or MultiPolygon, WGS-84 longitude and latitude in degrees, edges straight in these.
        tolerance_m: slack in the citizen's favour at the edge.
        capacity: how many bikes a bay holds, or stalls a pitch or market; `None` when nobody counted.
        owner: shop, market or unit it belongs to.
        goods: what a pitch is permitted for, told to reviewers: a camera does not see what is sold.
        code: of a unit grid, 14 to 16 digits; `None` for other zones and for larger areas made of grids.
    """

    zone_id: str
    kind: ZoneKind
    name: Text
    polygon: BaseGeometry
    validity: Validity = ALWAYS
    tolerance_m: float = 0.0
    capacity: int | None = None
    owner: str | None = None
    goods: Text | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """A permission in force for a time, bound to a zone, or to a point with a radius (a filed sign).

    Attributes:
        kind: ``vending``, ``filed_sign``, ``bike_parking``, ``occupation``.
        holder: who may; shown to reviewers only.
        zone_id: the zone, or `None` for a point permit.
        point: (lon_deg, lat_deg), or `None` for a zone permit.
        radius_m: how near to `point` a thing is still the permitted one.
    """

    permit_id: str
    kind: str
    holder: str
    zone_id: str | None = None
    point: tuple[float, float] | None = None
    radius_m: float = 0.0
    validity: Validity = ALWAYS


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """A place with its error as points that stand for it.

    Attributes:
        centre: (lon_deg, lat_deg).
        lon_lat_deg: (SAMPLES, 2), evenly weighted.
    """

    centre: tuple[float, float]
    lon_lat_deg: Points


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """Zones near a cloud and which of its points lie in which.

    Attributes:
        zones: (Z,) candidates in the order of the site.
        inside: bool (Z, SAMPLES), tolerance included.
        holds_centre: bool (Z,), whether the centre itself is inside.
    """

    zones: tuple[Zone, ...]
    inside: NDArray[np.bool_]
    holds_centre: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Near:
    """A zone and the distance to its edge, metres; 0 inside."""

    zone: Zone
    distance_m: float


def _unit_disc_gaussian(count: int) -> Points:
    """`count` points that follow a standard normal in two dimensions, without chance.

    Radii at the mid-quantiles of the Rayleigh distribution, angles by the golden angle (Vogel's spiral, 1979), then
    scaled to unit variance: the even spiral keeps the corners of a zone fairly sampled at any turn.
    """
    index = np.arange(count)
    radius = np.sqrt(-2.0 * np.log(1.0 - (index + 0.5) / count))
    angle = index * np.pi * (3.0 - np.sqrt(5.0))
    points = np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))
    points -= points.mean(axis=0)
    return points / points.std(axis=0)


_STANDARD = _unit_disc_gaussian(SAMPLES)


def cloud(lon_deg: float, lat_deg: float, cov_m2: Matrix2) -> Cloud:
    """Points for a Gaussian position error; `cov_m2` in east-north square metres, semi-definite.

    Raises:
        InputError: `cov_m2` is no covariance.
    """
    values, vectors = np.linalg.eigh(np.array(cov_m2, np.float64))
    if not np.isfinite(values).all() or values[0] < -1e-9 * max(1.0, float(values[1])):
        raise InputError(f"{cov_m2} is no covariance: it needs two eigenvalues of at least 0")
    offsets = (_STANDARD * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    points = LocalPlane(lon_deg, lat_deg).lon_lat_deg(offsets)
    return Cloud((lon_deg, lat_deg), points)


def _box(low: NDArray[np.float64], high: NDArray[np.float64]) -> Polygon:
    return Polygon([(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])])


@dataclass(frozen=True, slots=True, eq=False)
class ZoneIndex:
    """All zones of a site, ready for questions.

    Inside it works on one affine plane, metres about the middle of the site: straight edges stay straight, so
    "inside" is exact; a distance is wrong by the site's half extent times tan(latitude)/R: under 0.3 % for 50 km.
    Build with `ZoneIndex.build`.

    Attributes:
        zones: in the order of the site.
        shapes: (Z,) polygons on that plane, tolerance built in.
    """

    zones: tuple[Zone, ...]
    _origin: tuple[float, float]
    _scale: tuple[float, float]
    shapes: NDArray[np.object_]
    _tree: shapely.STRtree
    _by_kind: dict[ZoneKind, tuple[shapely.STRtree, NDArray[np.int64]]] = field(repr=False)
    _by_id: dict[str, Zone] = field(repr=False)

    @staticmethod
    def build(zones: Sequence[Zone]) -> ZoneIndex:
        """Index zones; tolerance is built into the shapes here, once."""
        raw = np.array([zone.polygon for zone in zones], dtype=object)
        bounds = np.array([zone.polygon.bounds for zone in zones], np.float64).reshape(-1, 4)
        low, high = (
            (bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)) if len(bounds) else (np.zeros(2), np.zeros(2))
        )
        origin = (float(low[0] + high[0]) / 2.0, float(low[1] + high[1]) / 2.0)
        east_scale, north_scale = (float(scale) for scale in metres_per_degree(origin[1]))

        def to_plane(lon_lat: NDArray[np.float64]) -> NDArray[np.float64]:
            return (lon_lat - origin) * (east_scale, north_scale)

        shapes = np.asarray(shapely.transform(raw, to_plane), dtype=object)
        slack = np.array([z.tolerance_m if z.kind in GRANTING else -z.tolerance_m for z in zones], np.float64)
        wide = slack != 0.0
        shapes[wide] = shapely.buffer(shapes[wide], slack[wide], join_style="mitre", mitre_limit=2.0)
        shapely.prepare(shapes)
        by_kind: dict[ZoneKind, tuple[shapely.STRtree, NDArray[np.int64]]] = {}
        kinds = np.array([zone.kind.value for zone in zones], dtype=object)
        for kind in ZoneKind:
            rows = np.flatnonzero(kinds == kind.value).astype(np.int64)
            if len(rows):
                by_kind[kind] = (shapely.STRtree(shapes[rows]), rows)
        return ZoneIndex(
            zones=tuple(zones),
            _origin=origin,
            _scale=(east_scale, north_scale),
            shapes=shapes,
            _tree=shapely.STRtree(shapes),
            _by_kind=by_kind,
            _by_id={zone.zone_id: zone for zone in zones},
        )

    def __len__(self) -> int:
        return len(self.zones)

    def zone(self, zone_id: str) -> Zone | None:
        """The zone of an id."""
        return self._by_id.get(zone_id)

    def to_plane(self, lon_lat_deg: ArrayLike) -> Points:
        """Degrees (N, 2) to metres (N, 2) of the index's own plane."""
        return (np.asarray(lon_lat_deg, np.float64) - self._origin) * self._scale

    @property
    def metres_per_degree(self) -> tuple[float, float]:
        """Scale of the index's own plane: metres per degree of longitude, of latitude."""
        return self._scale

    def plane_shape(self, shape: BaseGeometry | None) -> BaseGeometry:
        """A shape in degrees on the index's own plane, metres; `None` is an empty polygon."""
        return Polygon() if shape is None else shapely.transform(shape, self.to_plane)

    def nearest_of(
        self, lon_lat_deg: ArrayLike, kinds: Collection[ZoneKind], within_m: float
    ) -> tuple[Near | None, ...]:
        """The nearest zone of some kinds to each point (N, 2), tolerance included; `None` beyond `within_m`."""
        spots = np.asarray(shapely.points(self.to_plane(lon_lat_deg)))
        best: list[Near | None] = [None] * len(spots)
        for kind in sorted(kinds):
            if kind not in self._by_kind:
                continue
            tree, rows = self._by_kind[kind]
            found, gaps_m = tree.query_nearest(spots, max_distance=within_m, return_distance=True, all_matches=False)
            near: list[tuple[int, int, float]] = list(zip(*found.tolist(), gaps_m.tolist(), strict=True))
            for spot, row, gap_m in near:
                known = best[spot]
                if known is None or gap_m < known.distance_m:
                    best[spot] = Near(self.zones[int(rows[row])], gap_m)
        return tuple(best)

    def membership(self, spot: Cloud) -> Membership:
        """Zones that any point of the cloud may lie in, and which points lie in which."""
        points = self.to_plane(spot.lon_lat_deg)
        low, high = points.min(axis=0), points.max(axis=0)
        found = np.sort(np.asarray(self._tree.query(_box(low, high)), np.int64))
        shapes = self.shapes[found]
        inside = np.asarray(shapely.contains_xy(shapes[:, None], points[None, :, 0], points[None, :, 1]), np.bool_)
        centre = self.to_plane([spot.centre])[0]
        holds_centre = np.asarray(shapely.contains_xy(shapes, centre[0], centre[1]), np.bool_)
        reached = inside.any(axis=1) | holds_centre
        rows: list[int] = found[reached].tolist()
        zones = tuple(self.zones[row] for row in rows)
        return Membership(zones, inside[reached], holds_centre[reached])

    def nearest(self, lon_deg: float, lat_deg: float, kinds: Collection[ZoneKind], within_m: float) -> Near | None:
        """The nearest zone of some kinds, tolerance included; `None` when none lies within `within_m`."""
        return self.nearest_of([(lon_deg, lat_deg)], kinds, within_m)[0]
