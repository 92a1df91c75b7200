"""Things counted once, rows, stalls and their parts, and zones that hold too many: hits in, hits out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.geo.zones import ZoneIndex, ZoneKind
from detector.hit import Hit, Place
from detector.rules import judge_tracks
from detector.rules.capacity import over_capacity
from detector.rules.distinct import ABSENT_S, most_at_once, relative_cov_m2, things
from detector.rules.rows import gather_hits, single_things
from detector.site.rulebook import Gather
from detector.tracks import Companion
from detector.vocabulary import Kind, Outcome
from tests.detector.rules.test_judge import SITE, place, zone
from tests.detector.things import MONDAY_10_LOCAL, make_track

BIKES, STALLS = Gather("row", 2.0, 60.0), Gather("parts", 2.5, 60.0, 4.0)
BOX = (100.0, 100.0, 140.0, 160.0)


def hit(
    ordinal: int,
    where: Place,
    *,
    cue: str = "bicycle",
    kind: Kind = Kind.DISORDERLY_BIKE,
    outcome: Outcome = Outcome.VIOLATION,
    at_s: float = 0.0,
    for_s: float = 2.0,
    seen_with: Sequence[int] = (),
    beside: Sequence[tuple[str, int]] = (),
    zones: tuple[str, ...] = (),
    probability: float = 0.8,
) -> Hit:
    companions = tuple(Companion(cue, BOX, 0.8, f"s/0/{number}") for cue, number in beside)
    track = make_track(
        cue,
        [BOX] * 3,
        ordinal=ordinal,
        start=MONDAY_10_LOCAL + timedelta(seconds=at_s),
        step_s=for_s / 2,
        companions=[companions] * 3,
        seen_with=tuple(f"s/0/{number}" for number in seen_with),
    )
    return Hit(track, kind, outcome, probability, where, (), zones, "r", member_track_ids=(track.track_id,))


def stall(ordinal: int, where: Place, cue: str = "stall", **fields) -> Hit:
    return hit(ordinal, where, cue=cue, kind=Kind.STREET_STALL, **fields)


def members(found: Sequence[Hit]) -> list[list[int]]:
    return [[int(name.rsplit("/")[-1]) for name in one.member_track_ids] for one in found]


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        ([hit(0, place(0, 5)), hit(1, place(0.5, 5), at_s=10)], 1),  # lost and found again
        ([hit(0, place(0, 5), seen_with=[1]), hit(1, place(0.5, 5), at_s=1)], 2),  # one frame shows both
        ([hit(0, place(0, 5)), hit(1, place(1.2, 5), at_s=10)], 2),  # sigma 0.3 each: 1.2 m is too far
        ([hit(0, place(0, 5, 0.5)), hit(1, place(1.2, 5, 0.5), at_s=10)], 1),  # sigma 0.5: it is not
        ([hit(0, place(0, 5, 3.0)), hit(1, place(1.6, 5, 3.0), at_s=10)], 2),  # however unsure, not over 1.5 m
        (
            [hit(0, place(0, 5, 0.3, 5.0)), hit(1, place(1.2, 5, 0.3, 5.0), at_s=10)],
            2,
        ),  # a shared shift excuses nothing
        ([hit(0, place(0, 5)), hit(1, place(0, 5), at_s=2 + ABSENT_S)], 1),  # away for as long as it may be
        ([hit(0, place(0, 5)), hit(1, place(0, 5), at_s=3 + ABSENT_S)], 2),  # one left, another came
        ([hit(0, place(0, 5)), replace(hit(1, place(0, 5), at_s=10), place=None)], 2),  # place unknown
        # Two bikes seen together, then one of them again: three tracks, two things.
        (
            [hit(0, place(0, 5), seen_with=[1]), hit(1, place(0.6, 5), seen_with=[0]), hit(2, place(0.7, 5), at_s=20)],
            2,
        ),
    ],
)
def test_how_many_things(hits, expected):
    found = things(hits)
    assert len(found) == expected
    assert sorted(one.track.ordinal for thing in found for one in thing) == [one.track.ordinal for one in hits]
    shuffled = hits[:]
    random.Random(3).shuffle(shuffled)
    assert things(shuffled) == found


def test_a_heading_error_leaves_the_difference_of_the_levers():
    turned = [replace(place(0, 5), heading_lever_m=(north, 0.0), sigma_heading_rad=0.1) for north in (20.0, 17.0)]
    (ee, en), (ne, nn) = relative_cov_m2(*turned)
    assert (ee, nn) == pytest.approx((0.18 + (3 * 0.1) ** 2, 0.18))
    assert en == ne == 0.0


@pytest.mark.parametrize(
    ("spans", "linger_s", "expected"),
    [
        ([(0, 2), (1, 2), (10, 2)], 0.0, [0, 1]),
        ([(0, 2), (1, 2), (10, 2)], ABSENT_S, [0, 1, 2]),  # the vehicle has driven past them
        ([(0, 2), (300, 2)], ABSENT_S, [0]),  # five minutes later: the first may have left
    ],
)
def test_things_there_at_one_moment(spans, linger_s, expected):
    hits = [hit(i, place(3 * i, 5), at_s=start, for_s=long) for i, (start, long) in enumerate(spans)]
    assert [thing[0].track.ordinal for thing in most_at_once(things(hits), linger_s)] == expected


def test_a_row_counts_a_bike_found_again_once_and_lists_all_its_tracks():
    row = [hit(i, place(0.7 * i, 5), seen_with=[j for j in range(4) if j != i], probability=0.7 + i / 100)
           for i in range(4)]  # fmt: skip
    again = hit(4, place(2.15, 5), at_s=30.0)
    (found,) = gather_hits([*row, again], BIKES, 0.0)
    assert (found.count, members([found])) == (4, [[0, 1, 2, 3, 4]])
    assert found.track.ordinal == 4  # the most telling: probability 0.8


def test_bikes_that_come_and_go_before_a_standing_camera_are_as_many_as_stand_at_once():
    hits = [hit(i, place(1.9 * i, 5), at_s=40.0 * i, for_s=30.0) for i in range(6)]
    (standing,) = gather_hits(hits, BIKES, 0.0)
    (passed,) = gather_hits(hits[:2], BIKES, ABSENT_S)
    assert (standing.count, passed.count) == (1, 2)


def test_violations_and_unsure_ones_are_two_rows():
    hits = [hit(i, place(0.8 * i, 5), seen_with=range(4), outcome=o) for i, o in
            enumerate([Outcome.VIOLATION, Outcome.VIOLATION, Outcome.UNSURE, Outcome.ALLOWED])]  # fmt: skip
    found = gather_hits(hits, BIKES, 0.0)
    assert sorted((one.outcome, one.count) for one in found) == [
        (Outcome.ALLOWED, 1), (Outcome.UNSURE, 1), (Outcome.VIOLATION, 2)]  # fmt: skip


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        # A stall seen with its umbrella and table is one.
        ([stall(0, place(0, 5)), stall(1, place(0.5, 5), "umbrella"), stall(2, place(1, 5), "table")], [[0, 1, 2]]),
        # A tricycle with a stall on it is one, whatever it is called.
        ([stall(0, place(0, 5)), stall(1, place(0.8, 5), "tricycle", seen_with=[0])], [[0, 1]]),
        # Two stalls side by side are two; each table goes to the nearer.
        (
            [stall(0, place(0, 5), seen_with=[1]), stall(1, place(2.4, 5)), stall(2, place(0.9, 5), "table"),
             stall(3, place(1.9, 5), "table")],
            [[0, 2], [1, 3]],
        ),
        # A table belongs to the stall it is seen beside, though the other is nearer.
        (
            [stall(0, place(0, 5), seen_with=[1]), stall(1, place(2.4, 5)),
             stall(2, place(1.4, 5), "table", beside=[("stall", 0)])],
            [[0, 2], [1]],
        ),
        # Umbrellas with a seller each are stalls; a second umbrella of the same seller is not.
        (
            [stall(0, place(0, 5), "umbrella", beside=[("person", 7)], seen_with=[1]),
             stall(1, place(2.2, 5), "umbrella", beside=[("person", 8)])],
            [[0], [1]],
        ),
        (
            [stall(0, place(0, 5), "umbrella", beside=[("person", 7)], seen_with=[1]),
             stall(1, place(2.2, 5), "umbrella", beside=[("person", 7)])],
            [[0, 1]],
        ),
        # A stall lost and found again is one.
        ([stall(0, place(0, 5)), stall(1, place(0.2, 5), at_s=20)], [[0, 1]]),
        # Two far apart.
        ([stall(0, place(0, 5)), stall(1, place(6, 5))], [[0], [1]]),
    ],
)  # fmt: skip
def test_parts_make_single_stalls(hits, expected):
    found = single_things(hits, STALLS)
    assert [[one.track.ordinal for one in thing] for thing in found] == expected


def test_stalls_two_and_a_half_metres_apart_are_one_row_with_a_count():
    row = [stall(i, place(2.5 * i, 5), seen_with=[j for j in range(5) if j != i]) for i in range(5)]
    table = stall(5, place(0.8, 5), "table")
    alone = stall(6, place(40, 5))
    found = gather_hits([*row, table, alone], STALLS, ABSENT_S)
    assert [(one.count, *members([one])) for one in found] == [(5, [0, 1, 2, 3, 4, 5]), (1, [6])]
    single = gather_hits(row, replace(STALLS, row_within_m=None), ABSENT_S)
    assert [one.count for one in single] == [1] * 5


MARKET = zone("market", ZoneKind.MARKET, (-20, 2, -10, 8), capacity=3)
PITCH = zone("pitch", ZoneKind.VENDING_PITCH, (-40, 2, -34, 8), capacity=1)
ROOMY = replace(SITE, zones=ZoneIndex.build([PITCH, MARKET, *(z for z in SITE.zones.zones if z.zone_id == "bay")]))


def allowed(ordinal: int, where: Place, zone_id: str, **fields) -> Hit:
    return stall(ordinal, where, outcome=Outcome.ALLOWED, zones=(zone_id, "vend-1"), **fields)


def test_two_stalls_on_one_pitch_the_farther_goes_to_a_person():
    near, far = allowed(0, place(-37, 5), "pitch"), allowed(1, place(-34.6, 5), "pitch", seen_with=[0])
    parasol = allowed(2, place(-34.9, 5.2), "pitch", cue="umbrella")
    kept, (over,) = over_capacity([near, far, parasol], ROOMY, ABSENT_S)
    assert kept == [near]
    assert (over.outcome, over.look_alike, over.count, *members([over])) == (Outcome.UNSURE, None, 1, [1, 2])
    assert over.reasons[0].text.en == (
        "“pitch” holds 1, and 2 stalls claim it: this one about 2.3 m from its middle, the nearest about 0.0 m"
    )
    assert "“pitch区”可容1个摊点，现有2个" in over.reasons[0].text.zh


def test_one_stall_with_all_its_parts_is_not_too_many():
    hits = [allowed(0, place(-37, 5), "pitch"), allowed(1, place(-36.5, 5), "pitch", cue="umbrella"),
            allowed(2, place(-37.5, 5), "pitch", cue="tricycle"),
            allowed(3, place(-37.1, 5), "pitch", at_s=30)]  # fmt: skip
    assert over_capacity(hits, ROOMY, ABSENT_S) == (hits, [])


def test_a_market_counts_its_stalls():
    hits = [allowed(i, place(-19 + 2 * i, 5), "market", seen_with=range(5)) for i in range(5)]
    kept, (over,) = over_capacity(hits, ROOMY, ABSENT_S)
    assert (len(kept), over.count) == (3, 2)
    assert over_capacity(hits[:3], ROOMY, ABSENT_S) == (hits[:3], [])


@pytest.mark.parametrize(
    ("apart_s", "linger_s", "too_many"),
    [
        (5.0, ABSENT_S, 1),  # an e-bike drives past three bikes in a bay for two, never two in one picture
        (5.0, 0.0, 0),  # a standing camera sees one leave before the next comes
        (200.0, ABSENT_S, 0),  # three passes of the bay minutes apart
    ],
)
def test_a_bay_is_counted_over_the_whole_pass(apart_s, linger_s, too_many):
    hits = [hit(i, place(22 + 2 * i, 5), at_s=apart_s * i, outcome=Outcome.ALLOWED, zones=("bay",)) for i in range(3)]
    kept, over = over_capacity(hits, ROOMY, linger_s)
    assert (len(kept), len(over)) == (3 - too_many, too_many)
    assert members(over) == [[2]] * too_many


def test_a_bike_found_again_fills_no_second_place_in_the_bay():
    hits = [hit(i, place(east, 5), at_s=10.0 * i, outcome=Outcome.ALLOWED, zones=("bay",))
            for i, east in enumerate((22.0, 24.0, 24.1))]  # fmt: skip
    assert over_capacity(hits, ROOMY, ABSENT_S) == (hits, [])


def test_two_stalls_on_one_pitch_through_the_whole_judgement():
    """Both are permitted vendors alone; together the farther one goes to a person, and its table with it."""
    evening = MONDAY_10_LOCAL + timedelta(hours=9)  # the pitch opens at 17:00
    ours = replace(SITE, zones=ZoneIndex.build([PITCH, *(z for z in SITE.zones.zones if z.zone_id == "footway")]))
    seller = (Companion("person", BOX, 0.8, None),)
    tracks = [
        make_track("stall", [BOX] * 10, ordinal=i, start=evening, step_s=60.0, companions=[seller] * 10,
                   seen_with=(f"s/0/{1 - i}",))
        for i in range(2)
    ]  # fmt: skip
    places = {"s/0/0": place(-37, 5), "s/0/1": place(-35.2, 5)}
    hits = judge_tracks(tracks, places, ours, "fixed")
    assert [(hit.outcome, hit.look_alike) for hit in hits] == [
        (Outcome.ALLOWED, "permitted_vendor"), (Outcome.UNSURE, None)]  # fmt: skip
    assert hits[1].reasons[0].code == "over_capacity"


def test_beside_a_pitch_that_has_its_stall_a_second_one_is_surer_to_be_outside():
    evening = MONDAY_10_LOCAL + timedelta(hours=9)
    ours = replace(SITE, zones=ZoneIndex.build([PITCH, *(z for z in SITE.zones.zones if z.zone_id == "footway")]))
    seller = (Companion("person", BOX, 0.8, None),)
    tracks = [
        make_track("stall", [BOX] * 10, ordinal=i, start=evening, step_s=60.0, companions=[seller] * 10)
        for i in range(2)
    ]
    places = {"s/0/0": place(-37, 5, 0.8), "s/0/1": place(-33.2, 5, 0.8)}
    (alone,) = judge_tracks(tracks[1:], places, ours, "fixed")
    vendor, second = judge_tracks(tracks, places, ours, "fixed")
    assert vendor.look_alike == "permitted_vendor"
    assert second.probability > alone.probability + 0.1
    assert "Another stall stands in “pitch” already" in [reason.text.en for reason in second.reasons]
    assert "taken" not in [reason.code for reason in alone.reasons]


@st.composite
def passes(draw: st.DrawFn) -> list[Hit]:
    """Some stalls, tables and umbrellas on a few metres of street, some of them seen together."""
    hits: list[Hit] = []
    for ordinal in range(draw(st.integers(1, 9))):
        where = place(draw(st.floats(-20, -8)), draw(st.floats(2, 8)), draw(st.floats(0.05, 2.0)))
        hits.append(
            stall(
                ordinal,
                where,
                draw(st.sampled_from(["stall", "cart", "umbrella", "table"])),
                at_s=draw(st.floats(0, 300)),
                seen_with=draw(st.lists(st.integers(0, 8).filter(lambda n, own=ordinal: n != own), max_size=4)),
                outcome=draw(st.sampled_from(list(Outcome))),
                zones=("market", "vend-1"),
            )
        )
    return hits


@settings(max_examples=60, deadline=None)
@given(passes(), st.sampled_from([BIKES, STALLS]), st.sampled_from([0.0, ABSENT_S]), st.randoms(use_true_random=False))
def test_every_track_is_in_one_hit_and_no_thing_counts_twice(hits, gather, linger_s, order):
    found = gather_hits(hits, gather, linger_s)
    names = [name for one in found for name in one.member_track_ids]
    assert sorted(names) == sorted(one.track.track_id for one in hits)
    assert all(1 <= one.count <= len(one.member_track_ids) for one in found)
    shuffled = hits[:]
    order.shuffle(shuffled)
    again = gather_hits(shuffled, gather, linger_s)
    assert sorted((one.count, one.member_track_ids) for one in again) == sorted(
        (one.count, one.member_track_ids) for one in found
    )


@settings(max_examples=60, deadline=None)
@given(passes(), st.sampled_from([0.0, ABSENT_S]))
def test_no_more_are_too_many_than_stand_there(hits, linger_s):
    kept, over = over_capacity(hits, ROOMY, linger_s)
    names = [one.track.track_id for one in kept] + [name for one in over for name in one.member_track_ids]
    assert sorted(names) == sorted(one.track.track_id for one in hits)
    held = [one for one in hits if one.outcome is Outcome.ALLOWED]
    assert len(over) <= 1
    for one in over:
        assert one.count <= len(held) - (MARKET.capacity or 0)
