"""Faces and shares added up for many questions at once: the sums behind `detector.rules.law`, without its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.geo.faces import Shares
from detector.geo.plane import metres_per_degree
from detector.hit import Place
from detector.rules.law_map import Law, LawMap, Role
from detector.site.model import Site
from detector.site.rulebook import Rule

Rows = NDArray[np.int64]
Values = NDArray[np.float64]

NOT_SHOWN: Mapping[str, bool] = MappingProxyType({})
"""The picture shows no zone's line."""
ALL_FREE: Mapping[str, float] = MappingProxyType({})
"""Nothing else claims a zone."""
_ROLES = tuple(Role)
AGREEMENT_MIN = 1e-3
"""Picture and map agree on at least this part of the position error, or the map's line is wrong."""


@dataclass(frozen=True, slots=True)
class Question:
    """A thing of a rule, seen at a place from `first` to `last`.

    Attributes:
        shown: zone id -> whether the thing stands inside, for zones whose line the picture itself shows. There the
            picture decides, and the map only names the zone, its owner, hours and permits.
        free: zone id -> how far a zone that holds one thing is still free for this one (`detector.rules.claims`).
    """

    rule: Rule
    place: Place
    first: datetime
    last: datetime
    shown: Mapping[str, bool] = field(default_factory=lambda: NOT_SHOWN)
    free: Mapping[str, float] = field(default_factory=lambda: ALL_FREE)


class ZoneShare(NamedTuple):
    """A zone that a thing may stand in.

    Attributes:
        row: of the zone in the site.
        share: P(it stands there), density counted.
        inside: it holds the best estimate.
    """

    row: int
    share: float
    role: Role
    inside: bool


class Sums(NamedTuple):
    """What the faces around a place add up to.

    Attributes:
        probability: P(violation | it is the thing).
        granting: P(it stands where it is permitted).
        spoken: part of the position error where some zone has a word.
        private: part of the position error where nothing may be recorded.
        patrolled: the best estimate lies in the patrolled area.
        zones: the largest share first.
    """

    probability: float
    granting: float
    spoken: float
    private: float
    patrolled: bool
    zones: list[ZoneShare]


def weigh(lookup: LawMap, questions: Sequence[Question]) -> list[Sums]:
    """The sums of each question."""
    places = list({id(q.place): q.place for q in questions}.values())
    row_of = {id(place): row for row, place in enumerate(places)}
    shares = lookup.faces.shares(*_on_plane(places, lookup.site))
    spots = np.array([row_of[id(q.place)] for q in questions], np.int64)
    least = np.array([q.rule.granted_prior for q in questions])
    sums = _by_map(lookup, [lookup.law(q.rule, q.first, q.last) for q in questions], shares, spots, least)
    for number, question in enumerate(questions):
        if question.shown:
            sums[number] = _by_picture(lookup, question, shares, int(spots[number]))
    return sums


def _by_map(lookup: LawMap, laws: Sequence[Law], shares: Shares, spots: Rows, least: Values) -> list[Sums]:
    start, end = shares.start[spots], shares.start[spots + 1]
    rows, asked = _ranges(start, end)
    face = shares.face[rows]
    ground = _Ground.of(laws, asked, face)
    centre = shares.centre[spots]
    weight = shares.mass[rows] * ground.density

    def total(of_row: Values) -> Values:
        return np.bincount(asked, weights=of_row, minlength=len(spots)).astype(np.float64)

    weighed = total(weight)
    weight /= weighed[asked]
    at_centre = face == centre[asked]
    # Benefit of the doubt: a best estimate where it is permitted has the permit's probability.
    permitted = total(at_centre & ground.grants) > 0.0
    probability = np.where(permitted, least, total(weight * ground.value))
    granting = total(weight * ground.grants)
    spoken = np.maximum(total(shares.mass[rows] * ground.speaks), total(at_centre & ground.speaks))
    private = total(shares.mass[rows] * ground.private)
    zones = _zone_shares(lookup, laws, asked, face, weight, at_centre)
    return [
        Sums(*each)
        for each in zip(
            probability.tolist(),
            granting.tolist(),
            spoken.tolist(),
            private.tolist(),
            lookup.patrolled[centre].tolist(),
            zones,
            strict=True,
        )
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What the laws say of rows of (question, face)."""

    value: Values
    density: Values
    grants: NDArray[np.bool_]
    speaks: NDArray[np.bool_]
    private: NDArray[np.bool_]

    @staticmethod
    def of(laws: Sequence[Law], asked: Rows, face: Rows) -> _Ground:
        ground = _Ground(*(np.zeros(len(face), kind) for kind in (float, float, bool, bool, bool)))
        for law, rows in _rows_of_laws(laws, asked):
            faces = face[rows]
            ground.value[rows], ground.density[rows] = law.value[faces], law.density[faces]
            ground.grants[rows], ground.speaks[rows] = law.grants[faces], law.speaks[faces]
            ground.private[rows] = law.private[faces]
        return ground


def _rows_of_laws(laws: Sequence[Law], asked: Rows) -> list[tuple[Law, Rows]]:
    """Each law with the rows whose question stands under it; laws are few, rows many."""
    distinct = {id(law): law for law in laws}
    numbers = {key: number for number, key in enumerate(distinct)}
    of_row = np.array([numbers[id(law)] for law in laws], np.int64)[asked]
    return [(law, np.flatnonzero(of_row == number)) for number, law in enumerate(distinct.values())]


def _zone_shares(
    lookup: LawMap, laws: Sequence[Law], asked: Rows, face: Rows, weight: Values, at_centre: NDArray[np.bool_]
) -> list[list[ZoneShare]]:
    """The zones of each question, the largest share first."""
    zone_rows, pair = _ranges(lookup.zone_start[face], lookup.zone_start[face + 1])
    count = max(len(lookup.site.zones), 1)
    keys, back = np.unique(asked[pair] * count + lookup.zone_row[zone_rows], return_inverse=True)
    share = np.bincount(back, weights=weight[pair], minlength=len(keys))
    inside = np.bincount(back, weights=at_centre[pair], minlength=len(keys)) > 0.0
    question, zone = keys // count, keys % count
    role = np.zeros(len(keys), np.int8)
    for law, rows in _rows_of_laws(laws, question):
        role[rows] = law.role[zone[rows]]
    listed: list[list[ZoneShare]] = [[] for _ in laws]
    told = np.flatnonzero(role)
    order = told[np.lexsort((zone[told], -share[told], question[told]))]
    numbers: list[int] = question[order].tolist()
    entries = zip(
        zone[order].tolist(), share[order].tolist(), role[order].tolist(), inside[order].tolist(), strict=True
    )
    for number, (row, part, what, held) in zip(numbers, entries, strict=True):
        listed[number].append(ZoneShare(row, part, _ROLES[what], held))
    return listed


def _by_picture(lookup: LawMap, question: Question, shares: Shares, spot: int) -> Sums:
    """The sums where the picture shows the lines of some zones.

    What lies on the wrong side of such a line is ruled out, and the rest of the position error decides. When next to
    nothing is left, the map's line is off by more than the error allows: then the picture's answer is laid over the
    map, face by face.
    """
    law, shown = lookup.law(question.rule, question.first, question.last), question.shown
    rows = slice(int(shares.start[spot]), int(shares.start[spot + 1]))
    mass: dict[int, float] = dict(zip(shares.face[rows].tolist(), shares.mass[rows].tolist(), strict=True))
    agreeing = {face: part for face, part in mass.items() if lookup.agrees(face, shown)}
    left = sum(agreeing.values())
    if left >= AGREEMENT_MIN:
        mass = {face: part / left for face, part in agreeing.items()}
    best = int(shares.centre[spot])
    best = best if best in mass else max(mass, key=mass.__getitem__)
    weighed = against = granting = spoken = private = 0.0
    of_zone: dict[int, float] = {}
    held = lookup.ground_shown(question.rule, law, best, shown)
    for face, part in mass.items():
        ground = lookup.ground_shown(question.rule, law, face, shown)
        weight = part * ground.density
        weighed += weight
        against += weight * ground.value
        granting += weight * ground.grants
        spoken += part * ground.speaks
        private += part * ground.private
        for zone in ground.zones:
            of_zone[zone] = of_zone.get(zone, 0.0) + weight
    listed = [
        ZoneShare(zone, weight / weighed, Role(int(law.role[zone])), zone in held.zones)
        for zone, weight in sorted(of_zone.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Sums(
        probability=question.rule.granted_prior if held.grants else against / weighed,
        granting=granting / weighed,
        spoken=max(spoken, float(held.speaks)),
        private=private,
        patrolled=bool(lookup.patrolled[best]),
        zones=[each for each in listed if each.role],
    )


def _ranges(start: Rows, end: Rows) -> tuple[Rows, Rows]:
    """All numbers of the ranges ``start[i]:end[i]`` one after another, and which range each belongs to."""
    lengths = end - start
    owner = np.repeat(np.arange(len(start)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) - (before - start)[owner], owner


def _on_plane(places: Sequence[Place], site: Site) -> tuple[Values, Values]:
    """Best estimates (N, 2) and covariances (N, 2, 2) on the plane of the zones."""
    rows = np.array([_numbers(place) for place in places], np.float64)
    # That plane has one scale for the whole site, covariances have that of the place.
    east, north = metres_per_degree(rows[:, 1])
    stretch = np.array(site.zones.metres_per_degree) / np.column_stack((east, north))
    cov_m2 = rows[:, (2, 3, 3, 4)].reshape(-1, 2, 2) * stretch[:, :, None] * stretch[:, None, :]
    return site.zones.to_plane(rows[:, :2]), cov_m2


def _numbers(place: Place) -> tuple[float, float, float, float, float]:
    """Longitude, latitude, and the whole covariance: east, mixed, north."""
    (own_e, own_en), (_, own_n) = place.cov_own_m2
    (pass_e, pass_en), (_, pass_n) = place.cov_pass_m2
    return place.lon_deg, place.lat_deg, own_e + pass_e, own_en + pass_en, own_n + pass_n
