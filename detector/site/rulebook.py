"""Rule files as a city writes them: checked, and laid over the shipped ones."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from detector.geo.zones import ZoneKind
from detector.site.rule import Dwell, Exemption, Gather, Grant, Group, OnWalls, Rule, When
from detector.vocabulary import Kind, Text, vocabulary

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Density = Annotated[float, Field(gt=0.0, le=1000.0, allow_inf_nan=False)]

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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """A text without what cannot be seen: control characters, line breaks, marks that turn the writing direction.

    Raises:
        ValueError: it holds one of them.
    """
    found = _UNSEEN.search(text)
    if found:
        raise ValueError(f"holds the unseen character U+{ord(found[0]):04X}; write it as one plain line")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line)]


class TextIn(_Strict):
    """A text in both languages."""

    zh: Line
    en: Line

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
        return self

    @model_validator(mode="after")
    def _permits_draw(self) -> RuleIn:
        if self.granted_prior >= self.unsure_min:
            raise ValueError(
                f"granted_prior {self.granted_prior} reaches unsure_min {self.unsure_min}: what is permitted would go "
                "to a person; lower it"
            )
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
