"""A rule as data: what a violation kind looks like, where it is forbidden and what excuses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from detector.geo.zones import ZoneKind
from detector.vocabulary import Kind, Text

When = Literal["always", "ridden", "moving", "unattended", "with_companion"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A zone kind that permits.

    Attributes:
        needs_permit: besides lying in the zone, a permit bound to it must be in force.
        look_alike: name of the legal look-alike when it permits.
        closed_prior: P(violation) in the zone while it does not permit (out of hours, permit run out).
    """

    needs_permit: bool
    look_alike: str
    closed_prior: float


@dataclass(frozen=True, slots=True)
class Group:
    """Things that together are one: a lead cue, and from each list of `with_any` at least one near it."""

    lead: tuple[str, ...]
    with_any: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Exemption:
    """A legal look-alike known without a map.

    Attributes:
        when: ``ridden`` (a rider on it), ``moving``, ``unattended`` (its group lacks only the person),
            ``with_companion`` (one of `companions` beside it), ``always``.
        cues: cues it holds for; empty for all of the rule's.
    """

    when: When
    look_alike: str
    cues: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long a thing must have been there before it counts. What the box remembers of earlier passes counts too.

    Attributes:
        fixed_min_s: seconds before a standing camera, and before a vehicle or drone that stops and watches.
        vehicle_min_s: seconds from the first sighting, on an earlier pass or on this one, to the last.
        vehicle_min_observations: frames of this pass that show it, at five a second; fewer of looks further apart.
        min_passes: passes that saw it, this one included. More is slower and accuses fewer who only stopped briefly.
    """

    fixed_min_s: float
    vehicle_min_s: float
    vehicle_min_observations: int
    min_passes: int = 1


@dataclass(frozen=True, slots=True)
class Gather:
    """How hits become one: ``row`` counts the things (bikes), ``parts`` are one thing (umbrella, table, seller).

    Attributes:
        within_m, gap_s: how near in place and time neighbours are.
        row_within_m: things made of parts stand in one row when this near; `None` leaves each a hit of its own.
    """

    gather_as: Literal["row", "parts"]
    within_m: float
    gap_s: float
    row_within_m: float | None = None


@dataclass(frozen=True, slots=True)
class OnWalls:
    """Things of a rule that may hang on a wall: they get their place there.

    Attributes:
        cues: which.
        prior: P(violation) of one that is not filed; below `violation_min`, so that a person decides.
    """

    cues: tuple[str, ...]
    prior: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One violation kind as data.

    Attributes:
        cues: any of these alone makes the rule speak.
        groups: or any of these groups.
        bystanders: things that look like the kind to a person and are none (a passer-by, a car driving past).
        priors: P(violation) of such a thing standing in a zone of a kind. Never by neighbourhood.
        unzoned_prior: the same inside the patrolled area where no zone speaks.
        unplaced_prior: the same when the place is unknown.
        grants: zone kinds that permit.
        granted_prior: P(violation) of a thing whose best estimate lies where it is permitted: maps have mistakes, and
            places errors. No ground has less.
        density: how much likelier such a thing stands on a square metre of ground of a kind than on one of any other
            ground; 1 for kinds not named. A kind in `grants` has at least 1 and at least that of every kind in
            `priors`: so more tolerance for a permit never raises P(violation). Never by neighbourhood.
        nearest: kinds whose distance is worth a sentence ("2.1 m outside the nearest bay").
        shop_reach_m: `priors` hold only this near to a shop front (out-of-store); `None` for anywhere.
        touches_ground: a thing known not to stand on the ground in view (up a wall) is none of the rule's.
        violation_min, unsure_min: thresholds of the outcome.
        reasons: sentences by code.
        on_walls: which of its things may hang on walls; `None` for none.
    """

    rule_id: str
    kind: Kind
    cues: tuple[str, ...]
    groups: tuple[Group, ...]
    exemptions: tuple[Exemption, ...]
    bystanders: tuple[Exemption, ...]
    priors: Mapping[ZoneKind, float]
    unzoned_prior: float
    unplaced_prior: float
    grants: Mapping[ZoneKind, Grant]
    granted_prior: float
    density: Mapping[ZoneKind, float]
    nearest: tuple[ZoneKind, ...]
    shop_reach_m: float | None
    touches_ground: bool
    dwell: Dwell
    violation_min: float
    unsure_min: float
    gather: Gather | None
    reasons: Mapping[str, Text]
    on_walls: OnWalls | None = None

    def density_of(self, kind: ZoneKind) -> float:
        """`density` of a kind, 1 when it is not named."""
        return self.density.get(kind, 1.0)
