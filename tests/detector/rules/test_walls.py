"""Signs on walls: filed, forbidden, or for a person; and where the registration of a pass puts them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from detector.geo.localise import Unplaced
from detector.geo.schedule import Validity
from detector.geo.zones import ZoneKind
from detector.hit import PassOffset, Place
from detector.rules import judge
from detector.rules.placing import Placing
from detector.rules.walls import WALL, wall_ruling
from detector.site.rulebook import RuleIn, default_rules
from detector.vocabulary import Kind, Outcome, vocabulary
from tests.detector.geo.test_on_wall import CAR, POLE, box_of, drive, off, track
from tests.detector.rules.test_judge import BIKE_BOX, LONG, PLANE, place, site, zone
from tests.detector.things import make_track

# Houses north of a footway; the second shop has a house behind it.
STREET = [
    zone("footway", ZoneKind.PUBLIC_GROUND, (-100, 5, 100, 15)),
    zone("noodles", ZoneKind.SHOP_FRONTAGE, (-40, 15, -20, 30)),
    zone("house", ZoneKind.BUILDING, (-10, 15, 30, 30)),
    zone("sign-1", ZoneKind.SIGN_REGISTRY, (-2, 13, 2, 17)),
    zone("run-out", ZoneKind.SIGN_REGISTRY, (18, 13, 22, 17), validity=Validity(valid_to=date(2025, 12, 31))),
    zone("clear", ZoneKind.NO_SIGNAGE, (-36, 12, -28, 18)),
    zone("court", ZoneKind.PRIVACY_EXCLUSION, (26, 10, 30, 20)),
]
SITE = site(tuple(STREET))
RULE = SITE.rules[Kind.ILLEGAL_SIGNAGE]


def on_wall(east: float, sigma_m: float = 0.5, shared_m: float = 0.0) -> Place:
    """A sign on the line of the houses."""
    return replace(place(east, 15.0, sigma_m), method=WALL, cov_pass_m2=((shared_m**2, 0.0), (0.0, 0.0)))


def sign(cue: str = "signboard", **fields):
    return make_track(cue, [BIKE_BOX] * 10, **{**LONG, **fields})


@pytest.mark.parametrize(
    ("east", "outcome", "look_alike", "codes"),
    [
        (0.0, Outcome.ALLOWED, "filed_sign", ["granted", "filed_sign"]),
        (1.9, Outcome.ALLOWED, "filed_sign", ["granted", "filed_sign"]),  # at its edge: benefit of the doubt
        (8.0, Outcome.UNSURE, None, ["beside", "unfiled_on_wall", "position_error"]),
        (-23.0, Outcome.UNSURE, None, ["beside", "unfiled_on_wall", "position_error"]),  # a shop without a filing
        (20.0, Outcome.UNSURE, None, ["not_in_use", "unfiled_on_wall", "position_error"]),  # its filing has run out
        (-32.0, Outcome.VIOLATION, None, ["beside", "forbidden_here", "position_error"]),
    ],
)
def test_a_sign_on_a_wall(east, outcome, look_alike, codes):
    hit = judge(sign(), on_wall(east), SITE, "fixed")
    assert hit is not None
    assert (hit.kind, hit.outcome, hit.look_alike) == (Kind.ILLEGAL_SIGNAGE, outcome, look_alike)
    assert [reason.code for reason in hit.reasons] == codes


def test_the_wall_is_named_in_both_languages():
    hit = judge(sign(), on_wall(-23.0), SITE, "fixed")
    assert hit is not None
    assert hit.zone_ids == ("noodles",)
    (said,) = [reason.text for reason in hit.reasons if reason.code == "unfiled_on_wall"]
    assert said.en == "No filing was found for the signboard on the wall of “noodles”; a person decides"
    assert said.zh == "“noodles区”墙面上的招牌没有找到备案，请人工判断"


def test_a_wide_error_beside_a_filing_is_the_filed_sign():
    # the filing draws: that the sign seen 4 m off is the filed one is likelier than one that nobody filed
    near = judge(sign(), on_wall(5.0, 0.5), SITE, "fixed")
    wide = judge(sign(), on_wall(5.0, 0.5, shared_m=4.0), SITE, "fixed")
    assert near is not None
    assert wide is not None
    assert near.outcome is Outcome.UNSURE
    assert (wide.outcome, wide.look_alike) == (Outcome.ALLOWED, "filed_sign")


@pytest.mark.parametrize("sigma_m", [0.1, 1.0, 3.0, 8.0])
def test_a_wider_error_never_turns_against_a_filed_sign(sigma_m):
    ruling = wall_ruling(RULE, on_wall(0.0, sigma_m), SITE, sign().first_seen_at, sign().last_seen_at)
    assert ruling is not None
    assert ruling.probability == pytest.approx(RULE.granted_prior)
    assert ruling.filed is not None
    assert ruling.filed.zone_id == "sign-1"


def test_a_wall_alone_is_never_a_violation():
    for east in np.arange(-20.0, 25.0, 1.5):
        hit = judge(sign(confidence=0.99), on_wall(float(east)), SITE, "fixed")
        assert hit is None or hit.outcome is not Outcome.VIOLATION


def test_nothing_is_said_where_nothing_may_be_recorded():
    assert judge(sign(), on_wall(28.0), SITE, "fixed") is None


def test_a_sign_hardly_seen_troubles_nobody():
    assert judge(sign(confidence=0.26), on_wall(8.0), SITE, "fixed") is None


def test_a_sign_seen_for_a_moment_is_too_brief():
    hit = judge(sign(step_s=0.2), on_wall(8.0), SITE, "fixed")
    assert hit is not None
    assert hit.look_alike == "too_brief"


def test_other_things_have_no_word_for_walls():
    assert judge(make_track("bicycle", [BIKE_BOX] * 10, **LONG), on_wall(8.0), SITE, "fixed") is None


def test_a_free_standing_board_is_no_wall_sign():
    assert RULE.on_walls is not None
    assert "a_board" not in RULE.on_walls.cues
    assert set(RULE.on_walls.cues) <= set(vocabulary().cues)


@pytest.mark.parametrize(
    ("on_walls", "message"),
    [
        ({"cues": ["stall"], "prior": 0.5}, "on_walls names the cue 'stall', which is none of the rule's: signboard"),
        ({"cues": ["signboard"], "prior": 0.9}, "on_walls.prior 0.9 is not below violation_min 0.85"),
        ({"cues": [], "prior": 0.5}, "at least 1 item"),
        ({"cues": ["signboard"], "prior": 1.5}, "less than or equal to 1"),
    ],
)
def test_a_city_cannot_make_every_wall_a_violation(on_walls, message):
    raw = {**default_rules()[Kind.ILLEGAL_SIGNAGE], "on_walls": on_walls}
    with pytest.raises(ValidationError) as raised:
        RuleIn.model_validate(raw)
    assert message in str(raised.value)


def test_signs_get_their_place_on_the_wall_and_stalls_on_the_ground():
    placing = Placing(SITE, POLE)
    box = box_of(POLE, None, 8.0, 15.0, 3.5, 4.5)
    hanging = placing.place(track([box]))
    assert isinstance(hanging, Place)
    assert hanging.method == WALL
    assert off(hanging) == pytest.approx((8.0, 15.0), abs=0.05)
    assert placing.place(replace(track([box]), cue="stall")) == Unplaced("above_horizon")
    assert Placing(site(tuple(STREET[:1])), POLE).place(track([box])) == Unplaced("above_horizon")


@pytest.mark.parametrize(
    ("kept", "hangs"),
    [({ZoneKind.SIGN_REGISTRY}, True), ({ZoneKind.NO_SIGNAGE}, True), (set(), False)],
)
def test_without_a_register_no_sign_is_an_unfiled_one(kept, hangs):
    zones = [zone for zone in STREET if zone.kind in {ZoneKind.BUILDING, *kept}]
    found = Placing(site(tuple(zones)), POLE).place(track([box_of(POLE, None, 8.0, 15.0, 3.5, 4.5)]))
    assert isinstance(found, Place) == hangs


def test_a_city_may_leave_walls_alone():
    raw = {**default_rules()[Kind.ILLEGAL_SIGNAGE], "on_walls": None}
    rule = RuleIn.model_validate(raw).rule()
    assert wall_ruling(rule, on_wall(8.0), SITE, sign().first_seen_at, sign().last_seen_at) is None
    quiet = replace(SITE, rules={**SITE.rules, Kind.ILLEGAL_SIGNAGE: rule})
    assert Placing(quiet, POLE).place(track([box_of(POLE, None, 8.0, 15.0, 3.5, 4.5)])) == Unplaced("above_horizon")


def test_a_registered_pass_looks_at_its_walls_again():
    fixes = drive(sigma_m=3.0)
    hanging = replace(track([box_of(CAR, fix, 5.0, 15.0, 3.0, 4.0) for fix in fixes], fixes), track_id="sign")
    placing = Placing(SITE, CAR)
    before = placing.place(hanging)
    assert isinstance(before, Place)
    offset = PassOffset(2.0, 1.0, ((0.04, 0.0), (0.0, 0.04)), 7)
    late = replace(hanging, track_id="late", observations=sign().observations)
    anchored = replace(place(3.0, 8.0), offset=offset)
    other = replace(place(3.0, 8.0), offset=replace(offset, east_m=-9.0))
    tracks = {"sign": hanging, "bay": replace(hanging, track_id="bay"), "late": late}
    found = placing.registered(tracks, {"sign": before, "bay": anchored, "late": other})
    assert found["bay"] is anchored
    after = found["sign"]
    assert isinstance(after, Place)
    assert after.offset == offset  # of what was seen nearest in time
    assert off(after)[1] == pytest.approx(15.0, abs=0.01)
    assert off(after)[0] > off(before)[0] + 1.0
    assert np.trace(after.cov_pass_m2) < np.trace(before.cov_pass_m2)
    # nothing registered, or a sight line that no longer finds its wall: it stays
    assert placing.registered(tracks, {"sign": before})["sign"] is before
    lost = replace(anchored, offset=replace(offset, north_m=400.0))
    assert placing.registered(tracks, {"sign": before, "bay": lost})["sign"] is before


def test_the_street_is_where_the_tests_think_it_is():
    assert PLANE.east_north_m(PLANE.lon_lat_deg([(8.0, 15.0)]))[0] == pytest.approx((8.0, 15.0))
