"""The Bayesian verdict: what must hold for every map, place and error, and how right its integral is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detector.errors import InputError
from detector.geo.zones import ZoneIndex, ZoneKind
from detector.hit import Place
from detector.rules.law import Ruling, rule_at
from detector.rules.law_map import Role, law_map
from detector.site.model import Site
from detector.site.rulebook import Rule
from detector.vocabulary import Kind
from tests.detector.rules.test_judge import EVENING_TIME, MONDAY_10_LOCAL, PERMIT, PLANE, SITE, place, site, zone

EVENING = EVENING_TIME["start"]
RULES = [SITE.rules[kind] for kind in Kind]
EAST, NORTH = st.floats(-60.0, 60.0), st.floats(-5.0, 25.0)
SIGMA = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 8.0, 30.0])
TIME = st.sampled_from([MONDAY_10_LOCAL, EVENING])


def ruled(rule: Rule, here: Place, at=EVENING, where: Site = SITE, **shown: bool) -> Ruling:
    return rule_at(rule, here, where, at, at, shown)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RULES), EAST, NORTH, SIGMA, SIGMA, TIME)
def test_a_probability_is_one(rule, east, north, own, shared, at):
    ruling = ruled(rule, place(east, north, own, shared), at)
    highest = max(*rule.priors.values(), rule.unzoned_prior, *(grant.closed_prior for grant in rule.grants.values()))
    assert rule.granted_prior - 1e-12 <= ruling.probability <= highest + 1e-12


PERMITTED = st.sampled_from(
    [
        (Kind.DISORDERLY_BIKE, (20, 2, 30, 8)),
        (Kind.STREET_STALL, (-40, 2, -34, 8)),
        (Kind.OUT_OF_STORE, (-10, 10, 0, 30)),
        (Kind.ILLEGAL_SIGNAGE, (40, 2, 43, 5)),
    ]
)


@settings(max_examples=60, deadline=None)
@given(PERMITTED, st.floats(0.001, 0.999), st.floats(0.001, 0.999), SIGMA, SIGMA)
def test_inside_a_permit_no_error_raises_the_accusation(permitted, across, along, own, shared):
    kind, (west, south, east, north) = permitted
    here = place(west + across * (east - west), south + along * (north - south), own, shared)
    sure = ruled(SITE.rules[kind], replace(here, cov_own_m2=((0.0, 0.0), (0.0, 0.0)), cov_pass_m2=((0, 0), (0, 0))))
    doubtful = ruled(SITE.rules[kind], here)
    assert sure.probability == doubtful.probability == SITE.rules[kind].granted_prior
    assert sure.inside
    assert doubtful.inside


MAPS = st.lists(
    st.tuples(
        st.sampled_from([ZoneKind.PUBLIC_GROUND, ZoneKind.NO_VENDING, ZoneKind.VENDING_PITCH, ZoneKind.MARKET,
                         ZoneKind.SHOP_FRONTAGE]),
        st.floats(-8, 6), st.floats(-8, 6), st.floats(1, 9), st.floats(1, 9),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    MAPS,
    st.sampled_from([SITE.rules[Kind.STREET_STALL], SITE.rules[Kind.OUT_OF_STORE]]),
    st.floats(-6, 6),
    st.floats(-6, 6),
    st.floats(0.05, 4.0),
    st.floats(0.0, 1.0),
    st.floats(0.01, 1.5),
    st.booleans(),
)
def test_more_tolerance_never_raises_the_accusation(drawn, rule, east, north, sigma_m, tolerance_m, more_m, permitted):
    zones = [zone(f"z{row}", kind, (x, y, x + w, y + h)) for row, (kind, x, y, w, h) in enumerate(drawn)]
    permits = [replace(PERMIT, permit_id=z.zone_id, zone_id=z.zone_id) for z in zones if permitted]
    grantable = [row for row, z in enumerate(zones) if z.kind in rule.grants]
    assume(grantable)
    probabilities: list[float] = []
    for slack_m in (tolerance_m, tolerance_m + more_m):
        zones[grantable[0]] = replace(zones[grantable[0]], tolerance_m=slack_m)
        here = replace(site(zones, permits), patrol_area=zone("all", ZoneKind.GRID, (-50, -50, 50, 50)).polygon)
        first = law_map(here).law(rule, EVENING, EVENING).role[grantable[0]]
        probabilities.append(ruled(rule, place(east, north, sigma_m), where=here).probability)
        assume(first == Role.GRANTS)
    assert probabilities[1] <= probabilities[0] + 1e-4


def sampled(rule: Rule, here: Place, where: Site, at, count: int = 40_000) -> float:
    """The integral of `detector.rules.law`, by many random points and the zones themselves, one by one."""
    points = where.zones.to_plane(
        PLANE.lon_lat_deg(
            np.random.default_rng(7).multivariate_normal(
                PLANE.east_north_m((here.lon_deg, here.lat_deg))[0],
                np.array(here.cov_own_m2) + np.array(here.cov_pass_m2),
                count,
            )
        )
    )
    value = np.full(count, 0.0)
    density = np.ones(count)
    grants = np.zeros(count, np.bool_)
    for zone_, shape in zip(where.zones.zones, where.zones.shapes, strict=True):
        inside = shapely.contains_xy(shape, points[:, 0], points[:, 1])
        is_open = zone_.validity.is_valid(at, where.timezone, where.holidays)
        if zone_.kind in rule.grants:
            grant = rule.grants[zone_.kind]
            if is_open and (not grant.needs_permit or zone_.zone_id == PERMIT.zone_id):
                density = np.where(inside, np.where(grants, np.maximum(density, rule.density_of(zone_.kind)),
                                                    rule.density_of(zone_.kind)), density)  # fmt: skip
                grants |= inside
            else:
                value = np.where(inside, np.maximum(value, grant.closed_prior), value)
        elif is_open and zone_.kind in rule.priors:
            value = np.where(inside, np.maximum(value, rule.priors[zone_.kind]), value)
    value = np.where(grants, rule.granted_prior, np.maximum(value, rule.granted_prior))
    return float((value * density).sum() / density.sum())


@pytest.mark.parametrize("at", [MONDAY_10_LOCAL, EVENING], ids=["closed", "open"])
@pytest.mark.parametrize("sigma_m", [0.3, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("kind", [Kind.STREET_STALL, Kind.DISORDERLY_BIKE, Kind.ILLEGAL_SIGNAGE])
def test_the_sum_over_faces_is_the_integral(kind, sigma_m, at):
    """No worse than what 40,000 random points leave uncertain: 0.02, for a pitch draws 40 times."""
    rule = SITE.rules[kind]
    for east, north in ((-33.0, 1.5), (-30.0, 5.0), (19.0, 5.0), (32.0, 9.0), (39.0, 3.0), (-3.0, 9.0)):
        here = place(east, north, sigma_m, 0.2)
        ruling = ruled(rule, here, at)
        if not ruling.inside:
            assert ruling.probability == pytest.approx(sampled(rule, here, SITE, at), abs=0.02)


def test_an_open_pitch_draws_the_stall_and_a_closed_one_does_not():
    stall = SITE.rules[Kind.STREET_STALL]
    beside = place(-33.0, 5.0, 1.5)
    by_day, by_evening = (ruled(stall, beside, at) for at in (MONDAY_10_LOCAL, EVENING))
    assert by_day.probability > 0.9
    assert by_evening.probability < 0.4
    assert [zone_.zone_id for zone_ in by_evening.grants] == ["pitch"]
    plain = replace(SITE, rules={**SITE.rules, Kind.STREET_STALL: replace(stall, density={})})
    assert 0.7 < ruled(plain.rules[Kind.STREET_STALL], beside, where=plain).probability < 0.9


@pytest.mark.parametrize(
    ("east", "sigma_m", "shown", "expected"),
    [
        (-41.0, 1.0, {"pitch": True}, "granted"),  # the map says outside, the picture inside
        (-41.0, 0.001, {"pitch": True}, "granted"),  # the map is wrong by more than the error
        (-37.0, 1.0, {"pitch": False}, "forbidden"),  # inside on the map, in front of the line in the picture
        (-37.0, 0.001, {"pitch": False}, "forbidden"),
        (-37.0, 1.0, {"pitch": True, "bay": False}, "granted"),
    ],
)
def test_the_picture_decides_on_the_lines_it_shows(east, sigma_m, shown, expected):
    rule = SITE.rules[Kind.STREET_STALL]
    ruling = ruled(rule, place(east, 5.0, sigma_m), **shown)
    if expected == "granted":
        assert (ruling.granted, ruling.inside) == (SITE.zones.zone("pitch"), True)
        assert ruling.permit_ids == ("vend-1",)
        assert ruling.probability == rule.granted_prior
    else:
        assert ruling.granted is None
        assert ruling.probability == pytest.approx(rule.priors[ZoneKind.PUBLIC_GROUND], abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(EAST, NORTH, st.sampled_from(RULES), TIME)
def test_a_picture_that_agrees_with_a_sure_map_changes_nothing(east, north, rule, at):
    sure = place(east, north, 0.001)
    by_map = ruled(rule, sure, at)
    by_picture = ruled(rule, sure, at, **{granting.zone_id: True for granting in by_map.grants})
    assert by_picture.probability == pytest.approx(by_map.probability, abs=1e-3)


def test_a_zone_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"the picture shows a zone 'bay-9' that the site does not have"):
        ruled(RULES[0], place(0, 5), **{"bay-9": True})


def test_a_site_without_zones_says_nothing():
    empty = replace(SITE, zones=ZoneIndex.build([]))
    ruling = ruled(SITE.rules[Kind.DISORDERLY_BIKE], place(0, 5, 3.0), where=empty)
    assert (ruling.silent, ruling.outside, ruling.probability) == (
        True,
        True,
        SITE.rules[Kind.DISORDERLY_BIKE].granted_prior,
    )
