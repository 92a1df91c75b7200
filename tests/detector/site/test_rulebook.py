"""Rule files: what is refused, and why."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from detector.geo.zones import ZoneKind
from detector.site.rulebook import RuleIn, default_rules, overlay
from detector.vocabulary import Kind

STALL = default_rules()[Kind.STREET_STALL]


def read(**override: object) -> RuleIn:
    return RuleIn.model_validate(overlay(STALL, override))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"density": {"vending_pitch": 0.5}},
         "density of vending_pitch is 0.5, below the 1 of other ground: a kind that permits must draw at least as "
         "much, or more tolerance could raise P(violation)"),
        ({"density": {"no_vending": 30}}, "density of vending_pitch is 8, below the 30 of no_vending"),
        ({"granted_prior": 0.2},
         "granted_prior 0.2 reaches unsure_min 0.2: what is permitted would go to a person; lower it"),
        ({"density": {"vending_pitch": 0}}, "greater than 0"),
        ({"density": {"vending_pitch": float("inf")}}, "finite number"),
        ({"density": {"bike_bay": 3}},
         "density names bike_bay, which has no effect: neither priors nor grants hold it"),
        ({"dwell": {"vehicle_min_s": 0}},
         "min_passes 2 asks for vehicle_min_s of at least 60, got 0: looks less than a minute apart are one look"),
        ({"dwell": {"min_passes": 0}}, "greater than or equal to 1"),
        ({"reasons": {"seen_once": {"zh": "{when}", "en": "x"}}}, "reason 'seen_once' uses {when}; known fields: "),
    ],
)  # fmt: skip
def test_what_is_refused(override, message):
    with pytest.raises(ValidationError) as refused:
        read(**override)
    assert message in str(refused.value)


def test_density_is_one_where_nothing_is_said():
    rule = read(density={"no_vending": 0.5}).rule()
    assert rule.density_of(ZoneKind.NO_VENDING) == 0.5
    assert rule.density_of(ZoneKind.PUBLIC_GROUND) == 1.0
    assert rule.density_of(ZoneKind.VENDING_PITCH) >= 1.0


@pytest.mark.parametrize("kind", list(Kind))
def test_shipped_rules_are_whole(kind):
    rule = RuleIn.model_validate(default_rules()[kind]).rule()
    assert rule.kind is kind
    assert all(rule.density_of(granting) >= rule.density_of(other) for granting in rule.grants for other in rule.priors)
