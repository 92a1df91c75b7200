"""The law's map ready for many verdicts: cut into faces once, and what each face says looked up, not worked out again.

What a zone does for a rule changes only when some validity begins or ends, a few times a day. So the answers of all
zones and faces are worked out for a whole state of the calendar at once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.faces import Faces
from detector.geo.schedule import Validity
from detector.geo.zones import ZoneKind
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.vocabulary import Kind

_KINDS = {kind: number for number, kind in enumerate(ZoneKind)}


class Role(IntEnum):
    """What a zone does for a rule at a time."""

    NONE = 0
    GRANTS = 1
    LAPSED = 2
    """It would permit at another time, or with a permit in force."""
    FORBIDS = 3
    PRIVATE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """What one rule says in one state of the calendar. F faces; row F is the ground outside every zone.

    Attributes:
        role: (Z,) `Role` of each zone.
        value: (F + 1,) P(violation | the thing stands there).
        density: (F + 1,) how much likelier such a thing stands there than on other ground.
        grants: (F + 1,) some zone permits.
        speaks: (F + 1,) some zone has a word, and the rule reaches there.
        private: (F + 1,) nothing may be recorded.
    """

    role: NDArray[np.int8]
    value: NDArray[np.float64]
    density: NDArray[np.float64]
    grants: NDArray[np.bool_]
    speaks: NDArray[np.bool_]
    private: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ground:
    """One face as a rule sees it: a row of `Law`, with the rows of the zones that hold it."""

    zones: list[int]
    value: float
    density: float
    grants: bool
    speaks: bool
    private: bool


class LawMap:
    """A site's zones as faces, and the law on them.

    Attributes:
        site: whose map it is.
        faces: the plane of `site.zones` cut by all zones, the patrolled area and the reach of shops.
        patrolled: (F + 1,) faces inside the patrolled area.
        zone_start, zone_row: face f lies in the zones ``zone_row[zone_start[f]:zone_start[f + 1]]``, ascending.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        reaches = sorted({rule.shop_reach_m for rule in site.rules.values() if rule.shop_reach_m is not None})
        areas = [site.zones.plane_shape(site.patrol_area), *(_reach(site, reach_m) for reach_m in reaches)]
        self.faces = Faces.build([*site.zones.shapes, *areas])
        zones = len(site.zones)
        self.patrolled = self._faces_in(zones)
        self._reached = {reach_m: self._faces_in(zones + 1 + row) for row, reach_m in enumerate(reaches)}
        self.zone_start, self.zone_row = self._zones_of_faces()
        self._kind = np.array([_KINDS[zone.kind] for zone in site.zones.zones], np.int64)
        numbers: dict[Validity, int] = {}
        self._validity = np.array([numbers.setdefault(z.validity, len(numbers)) for z in site.zones.zones], np.int64)
        self._row_of = rows = {zone.zone_id: row for row, zone in enumerate(site.zones.zones)}
        bound = [p for p in site.permits if p.zone_id in rows]
        self._permit_zone = np.array([rows[p.zone_id or ""] for p in bound], np.int64)
        self._permit_validity = np.array([numbers.setdefault(p.validity, len(numbers)) for p in bound], np.int64)
        self._validities = tuple(numbers)
        self._state = lru_cache(maxsize=2048)(self._state_at)
        self._law = lru_cache(maxsize=64)(self._law_in)

    def law(self, rule: Rule, first: datetime, last: datetime) -> Law:
        """What a rule says of a thing seen from `first` to `last`, to the minute.

        A permission counts when it holds at either end; anything else as it stands at the last.
        """
        return self._law(rule.kind, self._state(int(first.timestamp()) // 60), self._state(int(last.timestamp()) // 60))

    def agrees(self, face: int, shown: Mapping[str, bool]) -> bool:
        """Whether a face lies inside and outside of zones as the picture shows it.

        Raises:
            InputError: `shown` names a zone that the site does not have.
        """
        zones: list[int] = self.zone_row[self.zone_start[face] : self.zone_start[face + 1]].tolist()
        return all((self._row(zone_id) in zones) == held for zone_id, held in shown.items())

    def ground_shown(self, rule: Rule, law: Law, face: int, shown: Mapping[str, bool]) -> Ground:
        """A face of which the picture knows better than the map in which of some zones it lies."""
        inside = {self._row(zone_id): held for zone_id, held in shown.items()}
        on_map: list[int] = self.zone_row[self.zone_start[face] : self.zone_start[face + 1]].tolist()
        held = [row for row in on_map if inside.get(row, True)]
        rows = sorted({*held, *(row for row, is_in in inside.items() if is_in)})
        zones = self.site.zones.zones
        roles = [(Role(int(law.role[row])), zones[row].kind) for row in rows]
        reached = bool(self._reach_of(rule)[face])
        granting = [rule.density_of(kind) for role, kind in roles if role is Role.GRANTS]
        forbidding = [kind for role, kind in roles if role is Role.FORBIDS]
        priors = [rule.priors[kind] for kind in forbidding]
        priors += [rule.grants[kind].closed_prior for role, kind in roles if role is Role.LAPSED]
        unzoned = rule.unzoned_prior if self.patrolled[face] else rule.granted_prior
        value, density = max(priors, default=0.0) or unzoned, 1.0
        if granting:
            value, density = rule.granted_prior, max(granting)
        elif not reached:
            value = rule.granted_prior
        elif forbidding:
            density = max(rule.density_of(kind) for kind in forbidding)
        return Ground(
            zones=rows,
            value=max(value, rule.granted_prior),
            density=density,
            grants=bool(granting),
            speaks=bool(granting or priors) and reached,
            private=any(role is Role.PRIVATE for role, _ in roles),
        )

    def _row(self, zone_id: str) -> int:
        if zone_id not in self._row_of:
            raise InputError(f"the picture shows a zone {zone_id!r} that the site does not have; mend cameras.yaml")
        return self._row_of[zone_id]

    def _reach_of(self, rule: Rule) -> NDArray[np.bool_]:
        if rule.shop_reach_m is None:
            return np.ones(self.faces.count + 1, np.bool_)
        return self._reached[rule.shop_reach_m]

    def _state_at(self, minute: int) -> bytes:
        """Which validities hold in a minute since 1970, one byte each."""
        at = datetime.fromtimestamp(minute * 60, UTC)
        zone, holidays = self.site.timezone, self.site.holidays
        return bytes(validity.is_valid(at, zone, holidays) for validity in self._validities)

    def _law_in(self, kind: Kind, first: bytes, last: bytes) -> Law:
        rule = self.site.rules[kind]
        role = self._roles(rule, np.frombuffer(first, np.bool_), np.frombuffer(last, np.bool_))
        grants = self._some(role == Role.GRANTS)
        forbids = role == Role.FORBIDS
        prior = _by_kind(rule.priors, 0.0)[self._kind] * forbids
        closed = _by_kind({k: g.closed_prior for k, g in rule.grants.items()}, 0.0)[self._kind]
        forbidden = self._largest(np.where(role == Role.LAPSED, closed, prior))
        unzoned = np.where(self.patrolled, rule.unzoned_prior, rule.granted_prior)
        value = np.maximum(np.where(forbidden > 0.0, forbidden, unzoned), rule.granted_prior)
        reached = self._reach_of(rule)
        density = _by_kind(rule.density, 1.0)[self._kind]
        drawn = self._largest(np.where(role == Role.GRANTS, density, 0.0))
        usual = self._largest(np.where(forbids, density, 0.0))
        usual = np.where(self._some(forbids) & reached, usual, 1.0)
        return Law(
            role=role,
            value=np.where(grants | ~reached, rule.granted_prior, value),
            density=np.where(grants, drawn, usual),
            grants=grants,
            speaks=self._some((role >= Role.GRANTS) & (role <= Role.FORBIDS)) & reached,
            private=self._some(role == Role.PRIVATE),
        )

    def _roles(self, rule: Rule, first: NDArray[np.bool_], last: NDArray[np.bool_]) -> NDArray[np.int8]:
        grantable = _by_kind(dict.fromkeys(rule.grants, 1.0), 0.0)[self._kind] > 0.0
        needs_permit = _by_kind({k: float(g.needs_permit) for k, g in rule.grants.items()}, 0.0)[self._kind] > 0.0
        held = np.zeros(len(self._kind), np.bool_)
        for state in (first, last):
            permitted = np.zeros(len(self._kind), np.bool_)
            permitted[self._permit_zone[state[self._permit_validity]]] = True
            held |= state[self._validity] & (permitted | ~needs_permit)
        valid = last[self._validity]
        forbids = _by_kind(dict.fromkeys(rule.priors, 1.0), 0.0)[self._kind] > 0.0
        private = self._kind == _KINDS[ZoneKind.PRIVACY_EXCLUSION]
        return np.select(
            [grantable & held, grantable, ~valid, private, forbids],
            [Role.GRANTS, Role.LAPSED, Role.NONE, Role.PRIVATE, Role.FORBIDS],
            Role.NONE,
        ).astype(np.int8)

    def _faces_in(self, shape: int) -> NDArray[np.bool_]:
        """Faces inside the shape of a number, (F + 1,)."""
        inside = np.zeros(self.faces.count + 1, np.bool_)
        inside[np.repeat(np.arange(len(inside)), np.diff(self.faces.shape_start))[self.faces.shape == shape]] = True
        return inside

    def _zones_of_faces(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`Faces.shape_start` and `Faces.shape` without the shapes that are no zones."""
        is_zone = self.faces.shape < len(self.site.zones)
        before = np.concatenate(([0], np.cumsum(is_zone)))
        return before[self.faces.shape_start], self.faces.shape[is_zone]

    def _largest(self, of_zone: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest value among the zones of each face, 0 where there is none; (F + 1,)."""
        result = np.zeros(self.faces.count + 1)
        held = np.flatnonzero(np.diff(self.zone_start))
        if len(held):
            result[held] = np.maximum.reduceat(of_zone[self.zone_row], self.zone_start[held])
        return result

    def _some(self, of_zone: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self._largest(of_zone.astype(np.float64)) > 0.0


@lru_cache(maxsize=4)
def law_map(site: Site) -> LawMap:
    """The law's map of a site: about 50 us for each zone the first time, kept for the sites used last."""
    return LawMap(site)


def _by_kind(values: Mapping[ZoneKind, float], default: float) -> NDArray[np.float64]:
    return np.array([values.get(kind, default) for kind in ZoneKind])


def _reach(site: Site, reach_m: float) -> shapely.Geometry:
    """Ground within reach of a shop's line as drawn: its tolerance is slack for the shop, not more ground to judge.

    Corners are cut straight, in the citizen's favour, which keeps the map's edges few.
    """
    shops = [site.zones.plane_shape(zone.polygon) for zone in site.zones.zones if zone.kind is ZoneKind.SHOP_FRONTAGE]
    return shapely.union_all(shapely.buffer(shops, reach_m, quad_segs=1))
