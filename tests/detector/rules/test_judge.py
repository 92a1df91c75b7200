"""Verdicts: each kind, each look-alike, each way a place is unsure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from shapely import Polygon

from detector.geo.dates import Holidays
from detector.geo.localise import Unplaced
from detector.geo.plane import LocalPlane
from detector.geo.schedule import Validity, parse_schedule
from detector.geo.zones import Permit, Zone, ZoneIndex, ZoneKind
from detector.hit import Place, SeenBefore
from detector.rules import judge, judge_tracks
from detector.site.model import Site
from detector.site.rulebook import RuleIn, default_rules
from detector.tracks import Companion
from detector.vocabulary import Kind, Outcome, Text
from tests.detector.things import MONDAY_10_LOCAL, make_track

PLANE = LocalPlane(117.19, 34.26)
LONG = {"step_s": 60.0}
"""Ten observations over nine minutes: long enough for every rule."""
BIKE_BOX = (260.0, 60.0, 460.0, 180.0)
EVENING = parse_schedule({"mon-fri": ["17:00-02:00"]})


def zone(zone_id: str, kind: ZoneKind, box: tuple[float, float, float, float], **fields) -> Zone:
    west, south, east, north = box
    corners = [(west, south), (east, south), (east, north), (west, north)]
    return Zone(zone_id, kind, Text(f"{zone_id}区", zone_id), Polygon(PLANE.lon_lat_deg(corners)), **fields)


STREET = [
    zone("footway", ZoneKind.PUBLIC_GROUND, (-100, 0, 100, 10)),
    zone("bay", ZoneKind.BIKE_BAY, (20, 2, 30, 8), capacity=2, tolerance_m=0.3),
    zone("pitch", ZoneKind.VENDING_PITCH, (-40, 2, -34, 8), validity=Validity(schedule=EVENING)),
    zone("shop", ZoneKind.SHOP_FRONTAGE, (-10, 10, 0, 30), tolerance_m=0.3),
    zone("sign-1", ZoneKind.SIGN_REGISTRY, (40, 2, 43, 5)),
    zone("yard", ZoneKind.PRIVACY_EXCLUSION, (60, 0, 70, 10)),
    zone("clear", ZoneKind.NO_SIGNAGE, (80, 0, 90, 10)),
]
PERMIT = Permit("vend-1", "vending", "王", "pitch", validity=Validity(date(2026, 1, 1), date(2026, 12, 31)))


def site(zones=tuple(STREET), permits=(PERMIT,), patrol_area=None) -> Site:
    bound = {p.zone_id: (p,) for p in permits}
    rules = {kind: RuleIn.model_validate(raw).rule() for kind, raw in default_rules().items()}
    return Site(
        Text("街", "street"),
        ZoneInfo("Asia/Shanghai"),
        (117, 34, 118, 35),
        patrol_area,
        ZoneIndex.build(zones),
        tuple(permits),
        bound,
        rules,
        {},
        {},
        None,
        Holidays(),
        False,
        "0" * 64,
    )


SITE = site()


def place(east: float, north: float, sigma_m: float = 0.3, shared_m: float = 0.0) -> Place:
    ((lon, lat),) = PLANE.lon_lat_deg((east, north)).tolist()
    own = ((sigma_m**2, 0.0), (0.0, sigma_m**2))
    shared = ((shared_m**2, 0.0), (0.0, shared_m**2))
    return Place(lon, lat, own, shared, shared, (0.0, 0.0), 0.0, 5.0, "fixed_ground")


def bike(cue="bicycle", ordinal=0, **fields):
    return make_track(cue, [BIKE_BOX] * 10, ordinal=ordinal, **{**LONG, **fields})


def person(box, track_id="s/0/9") -> Companion:
    return Companion("person", box, 0.9, track_id)


def beside(*cues: str):
    return [tuple(Companion(cue, (250, 50, 300, 180), 0.8, f"s/0/{7 + i}") for i, cue in enumerate(cues))] * 10


def thing(cue, *companions: str, **fields):
    return make_track(cue, [BIKE_BOX] * 10, companions=beside(*companions), **{**LONG, **fields})


EVENING_TIME = {"start": datetime(2026, 5, 18, 12, 0, tzinfo=UTC)}  # Monday 20:00 in Shanghai


@pytest.mark.parametrize(
    ("track", "where", "kind", "outcome", "detail"),
    [
        # bikes
        (bike(), place(10, 5), "disorderly_bike", "violation", "beside"),
        (bike("motorcycle"), place(10, 5), "disorderly_bike", "violation", "beside"),
        (bike(), place(25, 5), "disorderly_bike", "allowed", "bike_in_bay"),
        (bike(), place(19.8, 5), "disorderly_bike", "allowed", "bike_in_bay"),  # within the bay's tolerance
        (bike(), place(-90, 5), "disorderly_bike", "violation", "no_grant_near"),
        (bike(), place(18.2, 5, 1.5), "disorderly_bike", "unsure", "beside"),  # perhaps in the bay
        (bike(), place(0, -50), "disorderly_bike", "allowed", "outside_patrol_area"),
        (bike(moving=True), place(10, 5), "disorderly_bike", "allowed", "ridden_bike"),
        (bike(moving=True), None, "disorderly_bike", "allowed", "ridden_bike"),
        (bike(step_s=1.0), place(10, 5), "disorderly_bike", "allowed", "too_brief"),
        (bike(step_s=1.0), place(25, 5), "disorderly_bike", "allowed", "bike_in_bay"),
        (bike(), None, "disorderly_bike", "unsure", "place_unknown"),
        (bike(), Unplaced("no_fix"), "disorderly_bike", "unsure", "place_unknown"),
        (bike(), Unplaced("too_far"), "disorderly_bike", "allowed", "outside_patrol_area"),
        # stalls
        (thing("umbrella", "table", "person"), place(-60, 5), "street_stall", "violation", "forbidden_here"),
        (thing("tricycle", "goods", "person"), place(-60, 5), "street_stall", "violation", "forbidden_here"),
        (thing("umbrella", "table", "person", **EVENING_TIME), place(-37, 5), "street_stall", "allowed",
         "permitted_vendor"),
        (thing("umbrella", "table", "person"), place(-37, 5), "street_stall", "violation", "not_granted_now"),
        (thing("umbrella", "table"), place(-60, 5), "street_stall", "allowed", "abandoned_stall"),
        (thing("cart", "goods", "person", moving=True), place(-60, 5), "street_stall", "allowed", "vendor_moving_on"),
        (thing("stall", "person", step_s=10.0), place(-60, 5), "street_stall", "allowed", "too_brief"),
        # a shop's things
        (thing("table"), place(-5, 8), "out_of_store", "violation", "beside"),
        (thing("chair", "person"), place(-5, 12), "out_of_store", "allowed", "inside_shop"),
        (thing("chair"), place(-5, 9.9), "out_of_store", "allowed", "inside_shop"),  # on the line, within tolerance
        (thing("potted_plant"), place(-5, 8), "out_of_store", "allowed", "potted_plants"),
        (thing("goods", "truck"), place(-5, 8), "out_of_store", "allowed", "delivery"),
        # signs
        (thing("signboard"), place(10, 5), "illegal_signage", "unsure", "beside"),
        (thing("banner"), place(85, 5), "illegal_signage", "violation", "forbidden_here"),
        (thing("a_board"), place(85, 5), "illegal_signage", "violation", "forbidden_here"),
        (thing("signboard"), place(41, 3), "illegal_signage", "allowed", "filed_sign"),
        (thing("signboard"), None, "illegal_signage", "unsure", "place_unknown"),
        # bystanders
        (thing("person"), None, "street_stall", "allowed", "passer_by"),
        (thing("car", moving=True), place(10, 5), "street_stall", "allowed", "moving_vehicle"),
        (thing("umbrella", "person", moving=True), place(10, 5), "out_of_store", "allowed", "passer_by"),
    ],
)  # fmt: skip
def test_verdicts(track, where, kind, outcome, detail):
    hit = judge(track, where, SITE, "fixed")
    assert hit is not None
    assert (hit.kind, hit.outcome) == (kind, outcome), hit.reasons
    assert hit.look_alike == (detail if outcome == "allowed" else None)
    assert detail in [reason.code for reason in hit.reasons]
    assert all(reason.text.zh and reason.text.en and "{" not in reason.text.both() for reason in hit.reasons)
    assert hit.place == (where if isinstance(where, Place) else None)


@pytest.mark.parametrize(
    ("track", "where", "outcome", "look_alike"),
    [
        (thing("stall"), place(-60, 5), "violation", None),
        (thing("umbrella", "table"), place(-60, 5), "violation", None),
        (thing("stall", **EVENING_TIME), place(-37, 5), "allowed", "permitted_vendor"),
        (thing("stall", moving=True), place(-60, 5), "allowed", "vendor_moving_on"),
    ],
)
def test_from_the_air_nobody_sees_the_seller_under_the_parasol(track, where, outcome, look_alike):
    hit = judge(track, where, SITE, "drone")
    assert hit is not None
    assert (hit.kind, hit.outcome, hit.look_alike) == ("street_stall", outcome, look_alike)
    from_the_street = judge(track, where, SITE, "fixed")
    assert from_the_street is not None
    assert from_the_street.look_alike in ("abandoned_stall", "vendor_moving_on")


@pytest.mark.parametrize(
    ("track", "where"),
    [
        (thing("car"), place(10, 5)),  # a parked car is nobody's rule
        (thing("bench"), place(10, 5)),
        (thing("chair"), place(-60, 5)),  # far from any shop
        (thing("signboard"), Unplaced("above_horizon")),  # up on the wall
        (thing("signboard"), place(-5, 40)),  # seems to stand behind the wall
        (bike(), place(65, 5)),  # in a privacy exclusion nothing is said at all
    ],
)
def test_no_word(track, where):
    assert judge(track, where, SITE, "fixed") is None


def test_reasons_are_sentences_a_shopkeeper_understands():
    hit = judge(bike(), place(17.6, 5), SITE, "fixed")
    assert hit is not None
    assert [reason.text for reason in hit.reasons] == [
        Text(
            "自行车停在最近的划线停车区“bay区”外约2.1米处",
            "The bicycle stands about 2.1 m outside the nearest bay, “bay”",
        ),
        Text("自行车停在“footway区”上，这里不是停车区", "The bicycle stands on “footway”, which is no parking bay"),
        Text("位置误差约±0.6米（95%）", "Position good to about ±0.6 m (95 %)"),
    ]
    assert hit.zone_ids == ("footway",)


@pytest.mark.parametrize(
    ("permits", "start", "look_alike"),
    [
        ((PERMIT,), datetime(2026, 5, 18, 17, 59, tzinfo=UTC), "permitted_vendor"),  # 01:59 on Tuesday
        ((PERMIT,), datetime(2026, 5, 18, 18, 0, tzinfo=UTC), None),  # 02:00: closed
        ((PERMIT,), datetime(2027, 5, 17, 12, 0, tzinfo=UTC), None),  # the permit ran out
        ((), datetime(2026, 5, 18, 12, 0, tzinfo=UTC), None),  # nobody has one
    ],
)
def test_a_pitch_needs_its_hours_and_its_permit(permits, start, look_alike):
    track = thing("stall", "person", start=start)
    hit = judge(track, place(-37, 5), site(permits=permits), "fixed")
    assert hit is not None
    assert hit.look_alike == look_alike
    assert hit.outcome == ("allowed" if look_alike else "violation")
    assert hit.zone_ids == (("pitch", "vend-1") if look_alike else ("footway", "pitch"))


def test_inside_the_patrolled_area_unzoned_ground_is_for_a_person():
    area = Polygon(PLANE.lon_lat_deg([(-100, -100), (100, -100), (100, 100), (-100, 100)]))
    hit = judge(bike(), place(0, -50), site(patrol_area=area), "fixed")
    assert hit is not None
    assert hit.outcome is Outcome.UNSURE
    assert "unzoned" in [reason.code for reason in hit.reasons]


@pytest.mark.parametrize("east", [20.0, 21.0, 25.0, 29.9])
def test_a_wider_error_never_raises_the_accusation_inside_a_permit(east):
    hits = [judge(bike(), place(east, 5, sigma, shared), SITE, "fixed") for sigma in (0.1, 1.0, 3.0, 10.0, 30.0)
            for shared in (0.0, 5.0)]  # fmt: skip
    probabilities = [hit.probability for hit in hits if hit is not None]
    assert len(probabilities) == 10
    assert max(probabilities) <= probabilities[0] + 1e-12


def test_the_prior_does_not_know_the_neighbourhood():
    there = [zone("footway-2", ZoneKind.PUBLIC_GROUND, (4900, 0, 5100, 10)), *STREET]
    here, far = (judge(bike(), place(e, 5), site(there), "fixed") for e in (-90, 5000))
    assert here is not None
    assert far is not None
    assert here.probability == pytest.approx(far.probability, abs=1e-9)


def test_a_vehicle_counts_frames_and_a_camera_time():
    brief = bike(step_s=0.1)
    assert (hit := judge(brief, place(10, 5), SITE, "vehicle")) is not None
    assert hit.outcome is Outcome.VIOLATION
    assert (hit := judge(brief, place(10, 5), SITE, "fixed")) is not None
    assert hit.look_alike == "too_brief"
    once = make_track("bicycle", [BIKE_BOX] * 2)
    assert (hit := judge(once, place(10, 5), SITE, "vehicle")) is not None
    assert hit.look_alike == "too_brief"


# Boxes of the street clip: a stopped cyclist astride (frames 106-136), and a man walking past a bike at a wall.
CYCLIST = [((376.0, 141.0, 520.0, 272.0), (351.0, 5.0, 485.0, 267.0))] * 8
WALKS_PAST = [((289.0, 6.0, 610.0, 216.0), (89.0 + 42 * i, 0.0, 238.0 + 42 * i, 250.0)) for i in range(8)]
IN_FRONT = [((289.0, 6.0, 610.0, 216.0), (400.0, 0.0, 520.0, 266.0))] * 8


@pytest.mark.parametrize(
    ("pairs", "ridden"),
    [
        (CYCLIST, True),
        (WALKS_PAST, False),
        (IN_FRONT, False),  # his feet are nearer to the camera than the bike
        ([(b, (p[0] - 160, p[1], p[2] - 160, p[3])) for b, p in CYCLIST], False),  # stands clear of it
        (CYCLIST[:3] + [(b, (0.0, 0.0, 5.0, 9.0)) for b, _ in CYCLIST[:5]], False),  # there for less than half the time
    ],
    ids=["astride", "walks past", "in front", "beside", "a moment"],
)
def test_ridden(pairs, ridden):
    track = make_track("bicycle", [b for b, _ in pairs], companions=[(person(p),) for _, p in pairs], step_s=60.0)
    hit = judge(track, place(10, 5), SITE, "fixed")
    assert hit is not None
    assert (hit.look_alike == "ridden_bike") is ridden
    assert (hit.outcome is Outcome.VIOLATION) is not ridden


def test_riders_and_sellers_are_no_passers_by():
    rider = make_track("bicycle", [b for b, _ in CYCLIST], companions=[(person(p, "s/0/1"),) for _, p in CYCLIST])
    stall = thing("umbrella", "table", "person", ordinal=5)  # its person is s/0/8
    people = [make_track("person", [BIKE_BOX] * 8, ordinal=i) for i in (1, 8, 3)]
    hits = judge_tracks([rider, stall, *people], {"s/0/5": place(-60, 5)}, SITE, "fixed")
    assert [(h.track.track_id, h.look_alike) for h in hits] == [
        ("s/0/0", "ridden_bike"), ("s/0/3", "passer_by"), ("s/0/5", None)]  # fmt: skip


def test_a_row_of_bikes_is_one_hit_with_its_count():
    tracks = [bike(ordinal=i, seen_with=tuple(f"s/0/{j}" for j in range(5) if j != i)) for i in range(5)]
    places = {f"s/0/{i}": place(e, 5) for i, e in enumerate((0, 0.7, 1.4, 2.1, 12.0))}
    row, alone = judge_tracks(tracks, places, SITE, "fixed")
    assert (row.count, row.member_track_ids) == (4, ("s/0/0", "s/0/1", "s/0/2", "s/0/3"))
    assert (alone.count, alone.member_track_ids) == (1, ("s/0/4",))


def test_a_bike_lost_and_found_again_counts_once():
    tracks = [
        bike(ordinal=0, step_s=20.0),
        bike(ordinal=1, step_s=20.0, start=MONDAY_10_LOCAL.replace(minute=3, second=10)),
    ]
    (hit,) = judge_tracks(tracks, {"s/0/0": place(0, 5), "s/0/1": place(0.3, 5)}, SITE, "fixed")
    assert (hit.count, len(hit.member_track_ids)) == (1, 2)


def test_bikes_hours_apart_are_no_row():
    tracks = [bike(ordinal=0), bike(ordinal=1, start=MONDAY_10_LOCAL.replace(hour=8))]
    hits = judge_tracks(tracks, {"s/0/0": place(0, 5), "s/0/1": place(1, 5)}, SITE, "fixed")
    assert [hit.count for hit in hits] == [1, 1]


def test_umbrella_and_table_and_seller_are_one_stall():
    umbrella = thing("umbrella", "table", "person")
    table = replace(thing("table", "umbrella", "person", ordinal=7), track_id="s/0/7")
    hits = judge_tracks([umbrella, table], {"s/0/0": place(-60, 5), "s/0/7": place(-59, 5)}, SITE, "fixed")
    (stall,) = [hit for hit in hits if hit.kind is Kind.STREET_STALL]
    assert (stall.count, stall.member_track_ids) == (1, ("s/0/0", "s/0/7"))
    assert len(hits) == 1


def test_a_bay_with_too_many_bikes_reaches_a_person():
    tracks = [bike(ordinal=i, seen_with=tuple(f"s/0/{j}" for j in range(4) if j != i)) for i in range(4)]
    places = {f"s/0/{i}": place(22 + 2 * i, 5) for i in range(4)}
    hits = judge_tracks(tracks, places, SITE, "fixed")
    assert [hit.look_alike for hit in hits] == ["bike_in_bay", "bike_in_bay", None]
    over = hits[-1]
    assert (over.outcome, over.count, over.member_track_ids) == (Outcome.UNSURE, 2, ("s/0/2", "s/0/3"))
    assert over.reasons[0].text == Text("停车区“bay区”可停2辆，现有4辆", "The bay “bay” holds 2, and 4 stand in it")


def test_places_unknown_stay_single():
    hits = judge_tracks([bike(ordinal=0), bike(ordinal=1)], {}, SITE, "vehicle")
    assert [(hit.outcome, hit.place, hit.count) for hit in hits] == [(Outcome.UNSURE, None, 1)] * 2


def test_faint_things_are_less_sure():
    sure, faint = (judge(bike(confidence=c), place(10, 5), SITE, "fixed") for c in (0.8, 0.25))
    assert sure is not None
    assert faint is not None
    assert sure.outcome is Outcome.VIOLATION
    assert faint.outcome is Outcome.UNSURE


def test_a_vehicle_sees_a_stall_twice_before_it_says_so():
    stall = thing("stall", "person", step_s=0.2)
    once = judge(stall, place(-60, 5), SITE, "vehicle")
    assert once is not None
    assert (once.outcome, once.look_alike) == (Outcome.ALLOWED, "too_brief")
    assert once.reasons[0].text == Text(
        "只在10:00看到一次；规则要求先后2次看到，且相隔至少5分钟",
        "Seen once, at 10:00; the rule asks for 2 sightings at least 5 minutes apart",
    )
    first = stall.first_seen_at - timedelta(minutes=29)
    hits = judge_tracks([stall], {"s/0/0": place(-60, 5)}, SITE, "vehicle",
                        earlier={"s/0/0": SeenBefore(first, first, 1)})  # fmt: skip
    assert [hit.outcome for hit in hits] == [Outcome.VIOLATION]
    assert Text("09:31看到，10:00又看到，前后共2次", "Seen at 09:31 and again at 10:00, on 2 passes") in [
        reason.text for reason in hits[0].reasons
    ]
