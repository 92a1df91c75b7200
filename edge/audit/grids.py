"""Reports and kilometres counted grid by grid, and the grids that differ from the rest by more than chance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import shapely

from detector.errors import InputError
from detector.geo.zones import Zone, ZoneKind
from detector.site.model import Site
from detector.vocabulary import Kind, Outcome
from edge.audit.chance import binomial_p, holm, poisson_interval
from edge.audit.reports import Accusation
from edge.coverage.log import patrol_name
from edge.coverage.looks import Look

ALPHA: Final = 0.05
"""Of audits in which every grid is treated alike, at most one in twenty flags any."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One grid and kind.

    Attributes:
        grid_id: id of the zone; "" for ground outside every grid.
        kind: `None` for all kinds together.
        violations, unsure: reports by outcome.
        looks, km: how much was looked at, and well seen, there.
        per_km: reports on each kilometre, `None` without any way.
        low, high: exact 95 % interval of it.
        p: chance of a difference from all other grids at least as unlikely, corrected for how many were compared.
    """

    grid_id: str
    kind: Kind | None
    violations: int
    unsure: int
    looks: int
    km: float
    per_km: float | None
    low: float | None
    high: float | None
    p: float | None

    @property
    def reports(self) -> int:
        """Violations and doubts: both reach a person's door."""
        return self.violations + self.unsure

    @property
    def flagged(self) -> bool:
        """Whether the rate differs by more than chance."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True, slots=True)
class Audit:
    """All grids, and what could not be counted.

    Attributes:
        rates: by grid, all kinds first, then kind by kind where there is any.
        unplaced: reports without a place.
        standing: reports of standing cameras, which drive no kilometres.
        unlogged: reports of patrols without a coverage log.
        overlaps: pairs of grids that share ground; what lies there counts for the first by name.
    """

    rates: tuple[Rate, ...]
    unplaced: int
    standing: int
    unlogged: int
    overlaps: tuple[tuple[str, str], ...]

    @property
    def flagged(self) -> tuple[Rate, ...]:
        """The rates that differ by more than chance."""
        return tuple(rate for rate in self.rates if rate.flagged)


def audit(site: Site, accusations: Iterable[Accusation], looks: Sequence[tuple[str, Look]]) -> Audit:
    """Count reports and kilometres by grid.

    Args:
        looks: each with its `patrol_name`.

    Raises:
        InputError: the site has no grids, or nothing was looked at.
    """
    grids = sorted((z for z in site.zones.zones if z.kind is ZoneKind.GRID), key=lambda zone: zone.zone_id)
    if not grids:
        raise InputError(f"the site has no zone of kind {ZoneKind.GRID.value}: add its grids to compare them")
    moved = [(patrol, look) for patrol, look in looks if look.way_m > 0.0 and look.good]
    if not moved:
        raise InputError("the coverage logs hold no way that was well seen: there is nothing to divide reports by")
    patrols = {patrol for patrol, _ in looks}
    counted, left_out = _sorted_out(accusations, patrols)
    hits: dict[str, Counter[tuple[Kind, Outcome]]] = defaultdict(Counter)
    for accusation, grid_id in zip(counted, _grid_ids(grids, [a.place for a in counted if a.place]), strict=True):
        hits[grid_id][accusation.kind, accusation.outcome] += 1
    km, seen = defaultdict[str, float](float), Counter[str]()
    for (_, look), grid_id in zip(moved, _grid_ids(grids, [(k.lon_deg, k.lat_deg) for _, k in moved]), strict=True):
        km[grid_id] += look.way_m / 1000.0
        seen[grid_id] += 1
    names = [*(grid.zone_id for grid in grids), *([""] if hits.get("") or km.get("") else [])]
    rates = [
        _rate(name, kind, hits[name], seen[name], km[name])
        for name in names
        for kind in (None, *Kind)
        if kind is None or any(hits[other][kind, outcome] for other in names for outcome in Outcome)
    ]
    return Audit(tuple(_tested(rates)), *left_out, tuple(_overlaps(grids)))


def _sorted_out(accusations: Iterable[Accusation], patrols: set[str]) -> tuple[list[Accusation], tuple[int, int, int]]:
    counted: list[Accusation] = []
    unplaced = standing = unlogged = 0
    for accusation in accusations:
        if accusation.place is None:
            unplaced += 1
        elif accusation.observed_by == "fixed":
            standing += 1
        elif patrol_name(accusation.patrol_id) not in patrols:
            unlogged += 1
        else:
            counted.append(accusation)
    return counted, (unplaced, standing, unlogged)


def _grid_ids(grids: Sequence[Zone], points: Sequence[tuple[float, float]]) -> list[str]:
    """The grid that holds each point, "" for none."""
    tree = shapely.STRtree([grid.polygon for grid in grids])
    found = [""] * len(points)
    if points:
        of_point, of_grid = tree.query(shapely.points(np.array(points)), predicate="intersects")
        for point, grid in sorted(zip(of_point.tolist(), of_grid.tolist(), strict=True), reverse=True):
            found[point] = grids[grid].zone_id
    return found


def _rate(grid_id: str, kind: Kind | None, hits: Counter[tuple[Kind, Outcome]], looks: int, km: float) -> Rate:
    def count(outcome: Outcome) -> int:
        return sum(number for (of, told), number in hits.items() if told is outcome and kind in (None, of))

    violations, unsure = count(Outcome.VIOLATION), count(Outcome.UNSURE)
    if km <= 0.0:
        return Rate(grid_id, kind, violations, unsure, looks, km, None, None, None, None)
    low, high = poisson_interval(violations + unsure)
    per_km = (violations + unsure) / km
    return Rate(grid_id, kind, violations, unsure, looks, km, per_km, low / km, high / km, None)


def _tested(rates: Sequence[Rate]) -> list[Rate]:
    """With p-values: each grid against all others of the kind."""
    tested = [rate for rate in rates if rate.km > 0.0]
    p_values: list[float] = []
    for rate in tested:
        peers = [other for other in tested if other.kind is rate.kind]
        reports, km = sum(other.reports for other in peers), sum(other.km for other in peers)
        p_values.append(binomial_p(rate.reports, reports, rate.km / km))
    corrected = dict(zip(((r.grid_id, r.kind) for r in tested), holm(p_values), strict=True))
    return [replace(rate, p=corrected.get((rate.grid_id, rate.kind))) for rate in rates]


def _overlaps(grids: Sequence[Zone]) -> list[tuple[str, str]]:
    polygons = [grid.polygon for grid in grids]
    a, b = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    pairs = [(i, j) for i, j in zip(a.tolist(), b.tolist(), strict=True) if i < j]
    return sorted(
        (grids[i].zone_id, grids[j].zone_id)
        for i, j in pairs
        if polygons[i].intersection(polygons[j]).area > 1e-3 * min(polygons[i].area, polygons[j].area)
    )
