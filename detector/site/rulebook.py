"""Rules as data: what each violation kind looks like, where it is forbidden and what excuses it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from detector.geo.zones import ZoneKind
from detector.vocabulary import Kind, Text, vocabulary

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Density = Annotated[float, Field(gt=0.0, le=1000.0, allow_inf_nan=False)]
When = Literal["always", "ridden", "moving", "unattended", "with_companion"]

REASON_FIELDS = frozenset(
    {
        "thing",
        "zone",
        "distance_m",
        "hours",
        "count",
        "capacity",
        "dwell_s",
        "sigma_m",
        "shop",
        "at",
        "on",
        "why",
        "side",
        "first_at",
        "again_at",
        "passes",
        "wait_min",
    }
)
"""Names a reason sentence may hold in braces."""


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
        vehicle_min_observations: frames of this pass that show it.
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextIn(_Strict):
    """A text in both languages."""

    zh: Annotated[str, Field(min_length=1, max_length=200)]
    en: Annotated[str, Field(min_length=1, max_length=200)]

    def text(self) -> Text:
        """As used inside."""
        return Text(self.zh, self.en)


def _known(names: tuple[str, ...], known: Mapping[str, Text], what: str) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}; known: {', '.join(sorted(known))}")
    return names


class _GrantIn(_Strict):
    needs_permit: bool = False
    look_alike: str
    closed_prior: Share

    @field_validator("look_alike")
    @classmethod
    def _look_alike(cls, value: str) -> str:
        return _known((value,), vocabulary().look_alikes, "look-alike")[0]


class _GroupIn(_Strict):
    lead: Annotated[tuple[str, ...], Field(min_length=1)]
    with_any: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = ()

    @model_validator(mode="after")
    def _cues(self) -> _GroupIn:
        for names in (self.lead, *self.with_any):
            _known(names, vocabulary().cues, "cue")
        return self


class _ExemptionIn(_Strict):
    when: When
    look_alike: str
    cues: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> _ExemptionIn:
        _known((self.look_alike,), vocabulary().look_alikes, "look-alike")
        _known(self.cues, vocabulary().cues, "cue")
        _known(self.companions, vocabulary().cues, "cue")
        if (self.when == "with_companion") != bool(self.companions):
            raise ValueError("companions go with when: with_companion, and only with it")
        return self


class _DwellIn(_Strict):
    fixed_min_s: Annotated[float, Field(ge=0, le=86400)]
    vehicle_min_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    vehicle_min_observations: Annotated[int, Field(ge=1, le=1000)] = 3
    min_passes: Annotated[int, Field(ge=1, le=20)] = 1

    @model_validator(mode="after")
    def _apart(self) -> _DwellIn:
        if self.min_passes > 1 and self.vehicle_min_s < 60.0:
            raise ValueError(
                f"min_passes {self.min_passes} asks for vehicle_min_s of at least 60, got {self.vehicle_min_s:g}: "
                "looks less than a minute apart are one look"
            )
        return self

    def dwell(self) -> Dwell:
        """As used inside."""
        return Dwell(self.fixed_min_s, self.vehicle_min_s, self.vehicle_min_observations, self.min_passes)


class _GatherIn(_Strict):
    gather_as: Literal["row", "parts"] = Field(alias="as")
    within_m: Annotated[float, Field(gt=0, le=50)]
    gap_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    row_within_m: Annotated[float, Field(gt=0, le=50)] | None = None

    @model_validator(mode="after")
    def _row_of_parts(self) -> _GatherIn:
        if self.row_within_m is not None and self.gather_as == "row":
            raise ValueError("row_within_m goes with as: parts; a row has within_m")
        return self

    def gather(self) -> Gather:
        return Gather(self.gather_as, self.within_m, self.gap_s, self.row_within_m)


class _OnWallsIn(_Strict):
    cues: Annotated[tuple[str, ...], Field(min_length=1)]
    prior: Share


class RuleIn(_Strict):
    """A rule file as a city writes it."""

    schema_: Literal["kerbwatch-rule/1"] = Field(alias="schema")
    id: Annotated[str, Field(pattern=r"^[a-z0-9_./-]{1,80}$")]
    kind: Kind
    cues: tuple[str, ...] = ()
    groups: tuple[_GroupIn, ...] = ()
    exemptions: tuple[_ExemptionIn, ...] = ()
    bystanders: tuple[_ExemptionIn, ...] = ()
    priors: Mapping[ZoneKind, Share]
    unzoned_prior: Share
    unplaced_prior: Share
    grants: Mapping[ZoneKind, _GrantIn] = {}
    granted_prior: Share = 0.02
    density: Mapping[ZoneKind, Density] = {}
    nearest: tuple[ZoneKind, ...] = ()
    shop_reach_m: Annotated[float, Field(gt=0, le=50)] | None = None
    touches_ground: bool = False
    dwell: _DwellIn
    violation_min: Share
    unsure_min: Share
    gather: _GatherIn | None = None
    on_walls: _OnWallsIn | None = None
    reasons: Mapping[str, TextIn]

    @field_validator("cues")
    @classmethod
    def _cues(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _known(value, vocabulary().cues, "cue")

    @field_validator("reasons")
    @classmethod
    def _sentences(cls, value: Mapping[str, TextIn]) -> Mapping[str, TextIn]:
        for code in sorted(REASON_CODES - set(value)):
            raise ValueError(f"reason {code!r} is missing; give it in zh and en")
        for code, sentence in value.items():
            for text in (sentence.zh, sentence.en):
                unknown = _fields(code, text) - REASON_FIELDS
                if unknown:
                    raise ValueError(
                        f"reason {code!r} uses {{{min(unknown)}}}; known fields: {', '.join(sorted(REASON_FIELDS))}"
                    )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> RuleIn:
        if not self.cues and not self.groups:
            raise ValueError("a rule needs cues or groups, or it can never speak")
        if self.unsure_min > self.violation_min:
            raise ValueError(f"unsure_min {self.unsure_min} lies above violation_min {self.violation_min}")
        return self

    @model_validator(mode="after")
    def _a_person_decides(self) -> RuleIn:
        if self.on_walls is None:
            return self
        for cue in self.on_walls.cues:
            if cue not in self.cues:
                raise ValueError(f"on_walls names the cue {cue!r}, which is none of the rule's: {', '.join(self.cues)}")
        if self.on_walls.prior >= self.violation_min:
            raise ValueError(
                f"on_walls.prior {self.on_walls.prior} is not below violation_min {self.violation_min}: that a sign is "
                "not filed is for a person to judge; draw no_signage where signs are forbidden"
            )
        if self.granted_prior >= self.unsure_min:
            raise ValueError(
                f"granted_prior {self.granted_prior} reaches unsure_min {self.unsure_min}: what is permitted would go "
                "to a person; lower it"
            )
        return self

    @model_validator(mode="after")
    def _permits_draw(self) -> RuleIn:
        for kind in self.density:
            if kind not in self.grants and kind not in self.priors:
                raise ValueError(f"density names {kind}, which has no effect: neither priors nor grants hold it")
        floor, of = max(((self.density.get(kind, 1.0), kind.value) for kind in self.priors), default=(1.0, ""))
        if floor <= 1.0:
            floor, of = 1.0, "other ground"
        for kind in self.grants:
            density = self.density.get(kind, 1.0)
            if density < floor:
                raise ValueError(
                    f"density of {kind} is {density:g}, below the {floor:g} of {of}: a kind that permits must draw at "
                    "least as much, or more tolerance could raise P(violation)"
                )
        return self

    def rule(self) -> Rule:
        """As used inside."""

        def exempt(entry: _ExemptionIn) -> Exemption:
            return Exemption(entry.when, entry.look_alike, entry.cues, entry.companions)

        return Rule(
            rule_id=self.id,
            kind=self.kind,
            cues=self.cues,
            groups=tuple(Group(g.lead, g.with_any) for g in self.groups),
            exemptions=tuple(exempt(e) for e in self.exemptions),
            bystanders=tuple(exempt(e) for e in self.bystanders),
            priors=dict(self.priors),
            unzoned_prior=self.unzoned_prior,
            unplaced_prior=self.unplaced_prior,
            grants={k: Grant(g.needs_permit, g.look_alike, g.closed_prior) for k, g in self.grants.items()},
            granted_prior=self.granted_prior,
            density=dict(self.density),
            nearest=self.nearest,
            shop_reach_m=self.shop_reach_m,
            touches_ground=self.touches_ground,
            dwell=self.dwell.dwell(),
            violation_min=self.violation_min,
            unsure_min=self.unsure_min,
            gather=self.gather.gather() if self.gather else None,
            reasons={code: sentence.text() for code, sentence in self.reasons.items()},
            on_walls=OnWalls(self.on_walls.cues, self.on_walls.prior) if self.on_walls else None,
        )


REASON_CODES = frozenset(
    {
        "forbidden_here",
        "unzoned",
        "granted",
        "not_granted_now",
        "place_unknown",
        "too_brief",
    }
)
"""Sentences every rule must have; a rule may add others (``beside``, ``over_capacity`` ...)."""


def _fields(code: str, text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"reason {code!r}: {text!r} has an unmatched brace ({error})") from error


@cache
def default_rules() -> Mapping[Kind, Mapping[str, Any]]:
    """The shipped rule of each kind, as read from YAML, before a city's overrides. Shared: do not change it."""
    folder = files("detector").joinpath("rules", "defaults")
    return {kind: yaml.safe_load(folder.joinpath(f"{kind}.yaml").read_text(encoding="utf-8")) for kind in Kind}


def overlay(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`override` laid over `base`: mappings merge key by key, anything else is replaced."""
    merged = dict(base)
    for key, value in override.items():
        below = merged.get(key)
        merged[key] = overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]
    return merged
