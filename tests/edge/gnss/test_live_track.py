"""Fixes judged as they come are those of the whole log judged at once; the odometer never goes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.frame import Fix
from edge.gnss import FixTrack, read_nmea
from edge.gnss.live_odometer import LiveOdometer
from edge.gnss.live_track import LiveTrack
from edge.gnss.motion import check_motion
from edge.gnss.nmea import NmeaReader
from edge.gnss.reader import Heard
from tests.edge.gnss.test_motion import NOON, drive, fix
from tests.edge.nmea import gga, rmc


def judged_live(fixes: list[Fix]) -> LiveTrack:
    track = LiveTrack()
    for one in fixes:
        track.add(one)
    return track


@st.composite
def drives(draw: st.DrawFn) -> list[Fix]:
    """Drives with jumps, steps, lone fixes, gaps and missing speeds."""
    steps = draw(st.lists(st.tuples(
        st.sampled_from([0.2, 1.0, 1.0, 2.0, 7.0]),
        st.sampled_from([0.0, 0.0, 0.0, 6.0, 900.0, 20.0]),
        st.sampled_from([5.0, 5.0, None, 0.1, 12.0]),
        st.sampled_from([0.02, 3.0]),
    ), max_size=40))  # fmt: skip
    second = east_m = 0.0
    fixes: list[Fix] = []
    for seconds, off_m, speed, sigma_m in steps:
        second += seconds
        east_m += (speed or 5.0) * seconds
        fixes.append(fix(second, east_m + off_m, speed=speed, sigma_m=sigma_m))
    return fixes


@settings(max_examples=150, deadline=None)
@given(drives())
def test_live_and_recorded_are_judged_alike(fixes: list[Fix]) -> None:
    checked = check_motion(fixes)
    live = judged_live(fixes)
    if checked.odd or live.odd:
        return  # a log is judged by its whole; live, the speeds are believed until they have proved wrong
    # The last fixes may still wait for others to agree with them.
    assert live.fixes == checked.fixes[: len(live.fixes)]
    assert len(checked.fixes) - len(live.fixes) <= 1
    recorded = FixTrack(checked.fixes, checked.breaks)
    for a, b in pairwise(live.fixes):
        middle = a.at + (b.at - a.at) / 2
        assert live.at(middle) == recorded.at(middle)
        assert live.at(a.at) == a


@pytest.mark.parametrize("name", ["bundg_zeus_9.log", "quectel-eg25-g.log", "quectel-l76k-dual.log", "beidou-bd.log"])
def test_real_logs_are_judged_alike(shared_data: Path, name: str) -> None:
    log = shared_data / "gnss" / name
    with log.open("rb") as lines:
        live = judged_live(list(NmeaReader().fixes(lines)))
    track = read_nmea(log)
    waits = len(track.fixes) - len(live.fixes)  # the last may stand off alone: nobody knows yet
    assert waits in (0, 1)
    assert live.fixes == track.fixes[: len(live.fixes)]
    assert (live.jumps, live.steps + waits) == (track.counts.jumps, track.counts.steps)


def test_nothing_is_interpolated_over_a_step() -> None:
    live = judged_live(drive(s4=(0.0, 6.0)))
    assert live.at(NOON + timedelta(seconds=3.5)) is None
    assert live.at(NOON + timedelta(seconds=2.5)) is not None
    assert (live.steps, live.jumps) == (1, 0)


def test_a_fix_that_steps_waits_for_the_next() -> None:
    live = judged_live(drive(s4=(0.0, 6.0))[:5])
    assert live.newest is not None
    assert live.newest.at == NOON + timedelta(seconds=3)


def test_speeds_in_another_unit_are_noticed_on_the_way() -> None:
    live = judged_live([fix(i, 5.0 * i, speed=18.0) for i in range(120)])
    assert "positions move 0.28 times as fast" in live.odd
    assert live.at(NOON + timedelta(seconds=100.5)) is not None


def test_old_fixes_are_forgotten_and_breaks_keep_their_places() -> None:
    live = LiveTrack(keep_s=100.0)
    for second in range(1000):
        live.add(fix(second, 5.0 * second, 6.0 * (second >= 950)))
    assert 100 <= len(live.fixes) <= 161
    assert live.at(NOON + timedelta(seconds=949.5)) is None
    assert live.at(NOON + timedelta(seconds=950.5)) is not None
    assert live.at(NOON + timedelta(seconds=500.5)) is None


def test_a_clock_set_back_is_followed_after_ten() -> None:
    live = judged_live(drive())
    for second in range(9):
        live.add(fix(second - 100, 5.0 * second))
    assert (len(live.fixes), live.out_of_order) == (10, 9)
    for second in range(9, 12):
        live.add(fix(second - 100, 5.0 * second))
    assert [f.at for f in live.fixes] == [NOON + timedelta(seconds=s - 100) for s in range(9, 12)]


def heard(fixes: list[Fix], late_s: float = 0.3) -> Iterator[Heard]:
    for one in fixes:
        yield Heard(one, (one.at - NOON).total_seconds() + late_s)


@settings(max_examples=150, deadline=None)
@given(drives(), st.floats(0.0, 2.0))
def test_the_odometer_never_goes_back_nor_far_ahead(fixes: list[Fix], asked_after_s: float) -> None:
    odometer = LiveOdometer()
    told_m = odometer.way_m(0.0)
    assert told_m == 0.0
    for one in heard(fixes):
        odometer.add_speed(one)
        for after_s in (0.0, asked_after_s):
            now_m = odometer.way_m(one.heard_s + after_s)
            assert now_m >= told_m
            told_m = now_m
    seconds = (fixes[-1].at - fixes[0].at).total_seconds() if fixes else 0.0
    fastest_m_s = max((f.speed_m_s or 0.0 for f in fixes), default=0.0)
    # Reckoned on after each fix by at most a second and a half.
    assert told_m <= fastest_m_s * (seconds + 1.5 * (1 + sum(_gaps(fixes))) + 1e-6)


def _gaps(fixes: list[Fix]) -> Iterator[bool]:
    for a, b in pairwise(fixes):
        yield (b.at - a.at).total_seconds() > 5.0


def test_the_odometer_adds_up_speed_and_not_noise() -> None:
    driven, standing = LiveOdometer(), LiveOdometer()
    for one in heard([fix(i, 5.0 * i, 3.0 * (-1) ** i) for i in range(61)]):
        driven.add_speed(one)
    assert driven.way_m(60.3) == pytest.approx(300.0)
    assert driven.way_m(60.8) == pytest.approx(302.5)
    assert driven.way_m(1e6) == pytest.approx(307.5)
    for one in heard([fix(i, 2.0 * (-1) ** i, speed=0.1) for i in range(61)]):
        standing.add_speed(one)
    assert standing.way_m(60.3) == 0.0


def test_a_gap_adds_nothing_but_what_was_reckoned() -> None:
    odometer = LiveOdometer()
    before, after = heard([fix(0, 0.0), fix(60, 300.0)])
    odometer.add_speed(before)
    assert odometer.way_m(30.0) == pytest.approx(7.5)
    odometer.add_speed(after)
    assert odometer.way_m(after.heard_s) == pytest.approx(7.5)


def test_without_speeds_places_are_counted_once_they_leave_their_noise() -> None:
    odometer = LiveOdometer()
    for second in range(61):
        one = fix(second, 5.0 * second + 2.0 * (-1) ** second, speed=None, sigma_m=2.0)
        odometer.add_speed(Heard(one, float(second)))
        odometer.add_place(one, begins=second == 30)
    assert odometer.way_m(60.0) == pytest.approx(300.0, rel=0.1)
    standing = LiveOdometer()
    for second in range(61):
        standing.add_place(fix(second, 3.0 * (-1) ** second, speed=None), begins=False)
    assert standing.way_m(60.0) == 0.0


def test_a_wire_that_ends_within_a_moment_gives_its_fix_once() -> None:
    reader = NmeaReader()
    at = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
    assert reader.feed(rmc(at, 117.2, 34.26).encode(), 5.0) == []
    assert reader.feed(gga(at, 117.2, 34.26, hdop="1.8").encode(), 5.1) == []
    (one,) = reader.flush()
    assert (one.fix.at, one.heard_s) == (at, 5.0)
    assert one.fix.sigma_m == pytest.approx(6.36, abs=0.01)
    assert reader.flush() == []
    # What comes late of that moment is passed over, and noted.
    assert reader.feed(gga(at, 117.2, 34.26).encode(), 5.5) == []
    assert (reader.late, reader.tally["out_of_order"]) == ({"GGA"}, 0)
