"""Pass registration: the offset found, what it is sure of, and when it says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import InputError
from detector.frame import Fix
from detector.geo.localise import Unplaced
from detector.geo.registration import FixErrors, Landmark, Registrar, Registration, apply, register
from detector.geo.schedule import Validity, parse_schedule
from detector.geo.zones import Permit, Zone, ZoneKind
from detector.hit import PassOffset, Place
from detector.site.model import Site
from detector.tracks import Companion, Track
from detector.vocabulary import Kind
from tests.detector.rules.test_judge import PLANE, site, zone
from tests.detector.things import MONDAY_10_LOCAL, make_track

FIX_SIGMA_M = 3.0
OWN_SIGMA_M = 0.5
SPEED_M_S = 4.0
PITCHES_M = (
    *((0.0, 6.0), (3.0, 6.0), (11.0, -6.0), (19.0, 6.0), (22.0, 6.0), (25.0, 6.0), (38.0, -6.0), (50.0, 6.0)),
    *((57.0, -6.0), (66.0, 6.0), (69.0, 6.0), (80.0, -6.0)),
)
"""Middles of the pitches, metres from the origin: no shift but none lays them all onto each other."""


def pitch(number: int, east: float, north: float, **fields) -> Zone:
    return zone(f"p{number}", ZoneKind.VENDING_PITCH, (east - 1.5, north - 1, east + 1.5, north + 1), **fields)


def market(middles=PITCHES_M, **fields) -> Site:
    footway = zone("footway", ZoneKind.PUBLIC_GROUND, (-100, -12, 100, 12))
    pitches = [pitch(number, *middle, **fields) for number, middle in enumerate(middles)]
    permits = [Permit(f"v{number}", "vending", "王", f"p{number}") for number in range(len(middles))]
    return site([footway, *pitches], permits)


MARKET = market()


class Pass:
    """Things seen on one pass along the street, eastward at 4 m/s, with the fix off by `error_m` (east, north).

    `step` makes the error another one from a time on: (seconds, (east, north)).
    """

    def __init__(
        self,
        error_m=(0.0, 0.0),
        sigma_m: float = FIX_SIGMA_M,
        own_m: float = OWN_SIGMA_M,
        step: tuple[float, tuple[float, float]] | None = None,
    ) -> None:
        self.error_m, self.sigma_m, self.own_m, self.step = np.array(error_m), sigma_m, own_m, step
        self.tracks: list[Track] = []
        self.places: dict[str, Place | Unplaced] = {}
        self.fixes = [self._fix(0.2 * number) for number in range(200)]

    def _error(self, at_s: float) -> np.ndarray:
        stepped = self.step is not None and at_s >= self.step[0]
        return self.error_m + (self.step[1] if self.step is not None and stepped else 0.0)

    def _fix(self, at_s: float) -> Fix:
        ((lon, lat),) = PLANE.lon_lat_deg(np.array([at_s * SPEED_M_S - 50.0, 0.0]) + self._error(at_s)).tolist()
        at = MONDAY_10_LOCAL + timedelta(seconds=at_s)
        return Fix(lon, lat, self.sigma_m, at, heading_deg=90.0, sigma_heading_deg=1.0, speed_m_s=SPEED_M_S)

    def see(self, east: float, north: float, cue: str = "stall", at_s: float | None = None, **fields) -> str:
        """One more thing, truly at (east, north), when the vehicle is beside it."""
        at_s = (east + 50) / SPEED_M_S if at_s is None else at_s
        start = MONDAY_10_LOCAL + timedelta(seconds=at_s)
        track = make_track(cue, [(260.0, 60.0, 460.0, 180.0)] * 3, ordinal=len(self.tracks), start=start, **fields)
        ((lon, lat),) = PLANE.lon_lat_deg(np.array([east, north]) + self._error(at_s)).tolist()
        own, shift = (((sigma**2, 0.0), (0.0, sigma**2)) for sigma in (self.own_m, self.sigma_m))
        self.tracks.append(track)
        self.places[track.track_id] = Place(lon, lat, own, shift, shift, (0.0, 0.0), 0.0, 8.0, "vehicle_ground")
        return track.track_id

    def register(self, where: Site = MARKET, **fields) -> Registration:
        return register(self.tracks, self.places, where, **{"fixes": self.fixes, **fields})


def vendors(error_m=(0.0, 0.0), count: int = len(PITCHES_M), seed: int | None = None) -> Pass:
    rng = np.random.default_rng(seed)
    drive = Pass(error_m)
    for middle in PITCHES_M[:count]:
        drive.see(*(np.array(middle) + (0.0 if seed is None else rng.normal(0, OWN_SIGMA_M, 2))))
    return drive


def shift(offset: PassOffset) -> np.ndarray:
    return np.array([offset.east_m, offset.north_m])


@pytest.mark.parametrize("error_m", [(0.0, 0.0), (3.0, -2.0), (-5.0, 4.0), (15.0, 3.0)])
def test_a_pass_is_laid_onto_the_pitches(error_m):
    """(15, 3) is a jump that the receiver did not declare, five sigmas of what it did."""
    found = vendors(error_m).register()
    assert not found.refused
    for offset in found.offsets.values():
        assert shift(offset) == pytest.approx(-np.array(error_m), abs=0.5)
        assert offset.anchors == len(PITCHES_M) - 1
        assert 0.2 < np.sqrt(offset.cov_m2[0][0]) < 1.0


def test_the_stated_error_is_the_real_one():
    """Normalised squared error over seeds: 2 on average for two dimensions; a little less is caution."""
    nees, errors_m, raw_m = [], [], []
    for seed in range(12):
        rng = np.random.default_rng(seed + 100)
        error_m = rng.normal(0, FIX_SIGMA_M, 2)
        for offset in vendors(error_m, seed=seed).register().offsets.values():
            left = shift(offset) + error_m
            nees.append(left @ np.linalg.solve(np.array(offset.cov_m2), left))
            errors_m.append(np.hypot(*left))
            raw_m.append(np.hypot(*error_m))
    assert len(nees) > 0.9 * 12 * len(PITCHES_M)
    assert np.median(errors_m) < 0.6 < 3.0 < np.median(raw_m)
    assert 0.2 < np.mean(nees) < 2.5


def test_an_unlicensed_stall_beside_an_empty_pitch_stays_beside_it():
    """Seven vendors show the offset; the eighth stall is 3 m from the empty eighth pitch and is not drawn in."""
    drive = vendors(error_m=(2.0, 1.0), count=7)
    beside = drive.see(53.0, 6.0)
    found = drive.register()
    place = drive.places[beside]
    moved = apply(place, found.offsets[beside])
    assert PLANE.east_north_m((moved.lon_deg, moved.lat_deg))[0] == pytest.approx((53.0, 6.0), abs=0.5)
    alone = Pass(error_m=(2.0, 1.0))
    single = alone.see(53.0, 6.0)
    assert alone.register().refused[single].code == "no_anchors"


def test_the_answer_for_a_thing_does_not_hang_on_where_it_stands():
    offsets = []
    for east in (47.0, 50.0, 52.0):
        drive = vendors(error_m=(2.0, 1.0), count=7)
        name = drive.see(east, 6.0, at_s=25.0)
        offsets.append(drive.register().offsets[name])
    assert offsets[0] == offsets[1] == offsets[2]


def test_parts_of_a_stall_do_not_draw_it():
    """Its umbrella, 1.9 m off and seen beside it, is the same thing; without anything else there are no anchors."""
    drive = Pass(error_m=(2.0, 0.0))
    companions = [(Companion("umbrella", (0.0, 0.0, 1.0, 1.0), 0.9, "s/0/1"),)] * 3
    stall = drive.see(53.0, 6.0, companions=companions)
    umbrella = drive.see(54.9, 6.0, cue="umbrella", at_s=25.0)
    assert {drive.register().refused[name].code for name in (stall, umbrella)} == {"no_anchors"}


def test_a_row_of_bikes_does_not_draw_itself():
    street = site([zone("bay", ZoneKind.BIKE_BAY, (0, 5, 10, 7))])
    drive = Pass()
    for number in range(12):
        drive.see(0.5 + 0.8 * number, 9.0, cue="bicycle", at_s=0.5 * number)
    found = drive.register(street)
    assert {refusal.code for refusal in found.refused.values()} == {"no_anchors"}
    assert not found.offsets


def test_a_row_of_equal_pitches_is_ambiguous():
    """Every second pitch of a long row is taken: it fits as well one pitch on, and nobody is moved."""
    street = market(tuple((5.0 * number, 6.0) for number in range(-12, 13)))
    drive = Pass(error_m=(1.0, 0.0), sigma_m=6.0)
    for number in range(-3, 4):
        drive.see(10.0 * number, 6.0, at_s=2.0 * number + 20.0)
    found = drive.register(street)
    assert not found.offsets
    codes = [refusal.code for refusal in found.refused.values()]
    assert set(codes) <= {"ambiguous", "not_tighter"}
    assert codes.count("ambiguous") >= 5


@pytest.mark.parametrize(
    ("drive", "where", "code"),
    [
        pytest.param(Pass(), MARKET, None, id="nothing seen"),
        pytest.param(vendors((300.0, 0.0)), MARKET, "no_anchors", id="everything outside the map"),
        pytest.param(vendors(), site([]), "no_anchors", id="an empty map"),
        pytest.param(
            vendors(),
            market(validity=Validity(schedule=parse_schedule({"daily": ["18:00-23:00"]}))),
            "no_anchors",
            id="closed pitches draw nobody",
        ),
    ],
)
def test_nothing_to_match_is_refused(drive, where, code):
    found = drive.register(where)
    assert not found.offsets
    assert {refusal.code for refusal in found.refused.values()} == ({code} if code else set())


def test_a_pitch_without_its_permit_draws_nobody():
    pitches = [pitch(number, *middle) for number, middle in enumerate(PITCHES_M)]
    assert {r.code for r in vendors().register(site(pitches, ())).refused.values()} == {"no_anchors"}


def test_a_good_fix_is_not_matched():
    drive = Pass(sigma_m=0.05)
    for middle in PITCHES_M:
        drive.see(*middle)
    found = drive.register()
    assert {refusal.code for refusal in found.refused.values()} == {"good_fix"}
    assert len(found.refused) == len(PITCHES_M)


def test_things_that_move_or_are_badly_placed_are_no_anchors():
    drive = vendors(count=3)
    for track in drive.tracks:
        drive.places[track.track_id] = replace(drive.places[track.track_id], cov_own_m2=((25.0, 0.0), (0.0, 25.0)))
    moving = vendors(count=3)
    moving.tracks = [replace(track, moving=True) for track in moving.tracks]
    for seen in (drive, moving):
        assert {refusal.code for refusal in seen.register().refused.values()} == {"no_anchors"}


def test_unplaced_tracks_are_in_neither_answer():
    drive = vendors()
    name = drive.see(60.0, 6.0)
    drive.places[name] = Unplaced("no_heading")
    found = drive.register()
    assert name not in found.offsets
    assert name not in found.refused


def test_only_wanted_tracks_are_answered_for():
    drive = vendors()
    name = drive.tracks[3].track_id
    assert set(drive.register(wanted=[name]).offsets) == {name}
    assert drive.register(wanted=[name]).offsets[name] == drive.register().offsets[name]


STEP = (17.7, (12.0, -4.0))
"""Between the fourth and the fifth vendor: a canyon jump that the receiver does not declare."""


def test_a_step_of_the_fixes_is_followed_by_the_speed():
    """Positions step by 12.6 m, the speed does not: anchors of either side serve the other."""
    drive = Pass((1.0, 1.0), step=STEP)
    for middle in PITCHES_M:
        drive.see(*middle)
    found = drive.register()
    assert len(found.offsets) == len(PITCHES_M)
    for number, track in enumerate(drive.tracks):
        expected = (-1.0, -1.0) if number < 4 else (-13.0, 3.0)
        assert shift(found.offsets[track.track_id]) == pytest.approx(expected, abs=0.6)


def test_without_a_speed_less_is_known():
    told, untold = vendors(), vendors()
    untold.fixes = [replace(fix, speed_m_s=None) for fix in untold.fixes]
    with_speed, without = told.register().offsets, untold.register().offsets
    for name, offset in without.items():
        assert np.trace(offset.cov_m2) > np.trace(with_speed[name].cov_m2)


def test_anchors_before_another_kind_of_fix_do_not_count():
    drive = vendors()
    for number, track in enumerate(drive.tracks):
        if number < 4:
            wide = ((100.0, 0.0), (0.0, 100.0))
            drive.places[track.track_id] = replace(drive.places[track.track_id], pass_shift_m2=wide, cov_pass_m2=wide)
    found = drive.register()
    assert {offset.anchors for offset in found.offsets.values()} <= {3, len(PITCHES_M) - 5}


def test_one_pitch_holds_one_stall():
    """Two stalls 1.8 m apart and seen together are in two pitches, or one of them is in none."""
    street = market(((0.0, 6.0), (3.6, 6.0)))
    drive = Pass(own_m=0.3)
    first = drive.see(0.9, 6.0, at_s=0.0)
    second = drive.see(2.7, 6.0, at_s=1.0, seen_with=(first,))
    target = drive.see(30.0, -6.0, at_s=2.0)
    both = drive.register(street).refused.get(target) or drive.register(street).offsets[target]
    apart = replace(drive.tracks[1], seen_with=())
    unaware = register([drive.tracks[0], apart, drive.tracks[2]], drive.places, street).offsets.get(target)
    assert second
    assert both != unaware


def test_a_known_thing_draws_its_kind():
    """Four open cases on an empty map, four boards seen there: registered. Tables are not drawn to boards."""
    street = site([])
    spots = ((0.0, 6.0), (7.0, 6.0), (20.0, -6.0), (31.0, 6.0))
    marks = [
        Landmark(Kind.ILLEGAL_SIGNAGE, *PLANE.lon_lat_deg(spot)[0].tolist(), ((0.3, 0.0), (0.0, 0.3))) for spot in spots
    ]

    def drive(cue: str) -> Pass:
        seen = Pass(error_m=(4.0, -2.0))
        for spot in spots:
            seen.see(*spot, cue=cue)
        return seen

    found = drive("a_board").register(street, landmarks=marks)
    assert len(found.offsets) == len(spots)
    for offset in found.offsets.values():
        assert shift(offset) == pytest.approx((-4.0, 2.0), abs=1.0)
    assert not drive("table").register(street, landmarks=marks).offsets


@pytest.mark.parametrize("beyond_m", [-0.8, 0.0, 1.2])
def test_goods_are_drawn_to_the_line_of_shops_and_not_over_it(beyond_m):
    """Shops on two sides of a corner; what stands consistently before the line keeps its distance from it."""
    shops = site(
        [
            zone("north", ZoneKind.SHOP_FRONTAGE, (-60, 8, 20, 16)),
            zone("east", ZoneKind.SHOP_FRONTAGE, (30, -40, 38, 2)),
        ]
    )
    drive = Pass((2.0, 3.0))
    for east in range(-30, 15, 5):
        drive.see(float(east), 8.0 - beyond_m, cue="goods")
    for north in range(-30, 0, 5):
        drive.see(30.0 - beyond_m, float(north), cue="table", at_s=18.0 + north / 5)
    for track in drive.tracks:
        toward = (8.0, 0.0) if track.cue == "goods" else (0.0, -30.0)
        drive.places[track.track_id] = replace(drive.places[track.track_id], heading_lever_m=toward)
    found = drive.register(shops)
    assert len(found.offsets) > 10
    for offset in found.offsets.values():
        left = shift(offset) + np.array((2.0, 3.0))
        assert np.hypot(*left) < 1.8
        assert left @ np.linalg.solve(np.array(offset.cov_m2), left) < 6.0


def test_filed_sign_points_draw_signs():
    points = ((0.0, 6.0), (8.0, 6.0), (21.0, -6.0), (33.0, 6.0))
    permits = [
        Permit(f"s{n}", "filed_sign", "店", point=tuple(PLANE.lon_lat_deg(point)[0].tolist()), radius_m=1.0)
        for n, point in enumerate(points)
    ]
    drive = Pass(error_m=(-3.0, 2.0))
    for point in points:
        drive.see(*point, cue="signboard")
    found = drive.register(site([], permits))
    assert len(found.offsets) == len(points)
    for offset in found.offsets.values():
        assert shift(offset) == pytest.approx((3.0, -2.0), abs=0.6)


def test_a_moved_place_says_so_and_is_not_moved_twice():
    drive = vendors((3.0, -2.0))
    name = drive.tracks[0].track_id
    place = replace(drive.places[name], heading_lever_m=(0.0, 10.0), sigma_heading_rad=0.05)
    offset = PassOffset(-3.0, 2.0, ((0.5, 0.1), (0.1, 0.4)), 6)
    moved = apply(place, offset)
    assert PLANE.east_north_m((moved.lon_deg, moved.lat_deg))[0] == pytest.approx(PITCHES_M[0], abs=1e-3)
    assert moved.offset == offset
    assert moved.pass_shift_m2 == offset.cov_m2
    assert moved.cov_pass_m2 == ((0.5, 0.1), (0.1, pytest.approx(0.4 + 0.25)))
    assert moved.cov_own_m2 == place.cov_own_m2
    with pytest.raises(InputError, match=r"already moved by -3.00, 2.00 m"):
        apply(moved, offset)


@settings(max_examples=12, deadline=None)
@given(
    east=st.floats(-6, 6),
    north=st.floats(-6, 6),
    count=st.integers(1, len(PITCHES_M)),
    sigma_m=st.floats(0.5, 8.0),
)
def test_every_answer_is_tighter_than_the_fix_and_a_covariance(east, north, count, sigma_m):
    drive = Pass((east, north), sigma_m=sigma_m)
    for middle in PITCHES_M[:count]:
        drive.see(*middle)
    found = drive.register()
    assert set(found.offsets) | set(found.refused) == set(drive.places)
    assert not set(found.offsets) & set(found.refused)
    for offset in found.offsets.values():
        cov = np.array(offset.cov_m2)
        assert np.linalg.eigvalsh(cov).min() > 0
        assert np.trace(cov) < 2 * sigma_m**2
        assert 1 <= offset.anchors < count


def test_the_same_pass_gives_the_same_answer():
    registrar = Registrar(MARKET)
    drive = vendors((1.0, 2.0), seed=5)
    assert registrar.register(drive.tracks, drive.places) == registrar.register(drive.tracks[::-1], drive.places)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixErrors(jump_share=1.0), "jump_share is 1.0; it is a share, 0 to below 1"),
        (lambda: FixErrors(memory_s=0.0), "memory_s is 0.0; it must be above 0"),
        (
            lambda: Landmark(Kind.STREET_STALL, 117.0, 34.0, ((1.0, 0.0), (0.0, 1.0)), presence=2.0),
            "landmark presence is 2.0; it is a probability, 0 to 1",
        ),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(InputError) as raised:
        make()
    assert str(raised.value) == message
