"""Looks: where one ends, what it holds, and how much way it stands for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from detector.geo.camera import Camera
from edge.coverage.looks import HOLE, LOOK_MAX, STEP_M, SURVEYED, Look, LookLog
from edge.coverage.totals import Looked
from tests.edge.coverage.rides import PLANE, RIDING, STANDING, fix, frame, picture


def _looks(camera: Camera, *frames: object) -> list[Look]:
    kept: list[Look] = []
    log = LookLog(camera, camera.observed_by, kept.append)
    for one in frames:
        log.saw(one)  # type: ignore[arg-type]
    log.end()
    return kept


def _drive(seconds: float, *, speed_m_s: float = 5.0, every_s: float = 0.2) -> list[object]:
    return [frame(at_s, fix(speed_m_s * at_s)) for at_s in np.arange(0.0, seconds, every_s).tolist()]


def test_a_straight_drive() -> None:
    looks = _looks(RIDING, *_drive(20.0))
    way_m = sum(look.way_m for look in looks)
    assert way_m == pytest.approx(5.0 * 19.8, abs=2.5)
    assert len(looks) == pytest.approx(way_m / STEP_M, abs=1)
    assert sum(look.pictures for look in looks) == 100
    assert all(look.good and look.speed_m_s == pytest.approx(5.0) and look.sigma_m == 2.0 for look in looks)


def test_no_ground_is_left_out_between_two_looks() -> None:
    seen = shapely.unary_union([shapely.Polygon(PLANE.east_north_m(list(k.ring))) for k in _looks(RIDING, *_drive(20))])
    assert isinstance(seen, shapely.Polygon)  # one piece
    assert seen.contains(shapely.LineString([(5.0, 0.0), (100.0, 0.0)]))


def test_a_turn_begins_a_new_look() -> None:
    turn = [frame(i * 0.5, fix(0.0, 0.0, heading_deg=(350.0 + 10.0 * i) % 360.0)) for i in range(7)]
    looks = _looks(RIDING, *turn)
    assert [look.pictures for look in looks] == [3, 3, 1]


def test_an_outage_leaves_a_gap() -> None:
    before, after = _drive(4.0), [frame(30.0 + s, fix(150.0 + 5.0 * s)) for s in (0.0, 0.2, 0.4)]
    lost = [frame(4.0 + s, None) for s in range(26)]
    looks = _looks(RIDING, *before, *lost, *after)
    # The 130 m without a position were not looked at as far as anybody knows.
    assert sum(look.way_m for look in looks) < 5.0 * 4.0 + 5.0
    assert looks[-1].pictures == 3


def test_a_parked_vehicle_drives_no_kilometres_on_its_receivers_noise() -> None:
    wander = np.random.default_rng(7).normal(0.0, 2.5, (7200, 2)).tolist()
    looks = _looks(RIDING, *[frame(float(i), fix(*where, speed_m_s=0.1)) for i, where in enumerate(wander)])
    assert sum(look.way_m for look in looks) == 0.0
    assert (looks[-1].ends_at - looks[0].begins_at).total_seconds() == 7199.0
    # A receiver that tells no speed says nothing else: there the noise counts.
    silent = [frame(float(i), replace(fix(*where), speed_m_s=None)) for i, where in enumerate(wander[:60])]
    assert sum(look.way_m for look in _looks(RIDING, *silent)) > 0.0


def test_a_position_that_jumps_drives_no_kilometres() -> None:
    jumps = [frame(float(i), fix(5e5 * (i % 2) + 5.0 * i)) for i in range(10)]
    looks = _looks(RIDING, *jumps)
    assert len(looks) == 10
    assert sum(look.way_m for look in looks) == 0.0


def test_without_a_position_there_is_no_look() -> None:
    assert _looks(RIDING, *[frame(s, None) for s in range(30)]) == []
    assert _looks(RIDING) == []


def test_a_vehicle_that_stops_goes_on_looking_where_it_looked() -> None:
    stop = [frame(4.0 + s, fix(18.0 + 0.3 * (s % 2), heading_deg=None, speed_m_s=0.0)) for s in range(300)]
    looks = _looks(RIDING, *_drive(3.6), *stop)
    assert sum(look.way_m for look in looks) < 20.0  # the jitter of the fix is no way
    assert max((look.ends_at - look.begins_at).total_seconds() for look in looks) > 290


def test_a_standing_camera_is_one_look_with_a_duration() -> None:
    looks = _looks(STANDING, *[frame(2.0 * s, None) for s in range(200)])
    (look,) = looks
    assert (look.ends_at - look.begins_at).total_seconds() == 398.0
    assert (look.fix, look.observed_by, look.way_m, look.speed_m_s) == (SURVEYED, "fixed", 0.0, None)
    looked = Looked().plus(look)
    assert looked.standing_h == pytest.approx(398 / 3600)
    assert (looked.way_km, looked.good_km) == (0.0, 0.0)


def test_it_begins_anew_now_and_then_and_after_a_hole() -> None:
    hour = [frame(5.0 * s, None) for s in range(720)]
    assert len(_looks(STANDING, *hour)) == 3600 / LOOK_MAX.total_seconds()
    gap_s = HOLE.total_seconds() + 1
    assert len(_looks(STANDING, frame(0.0, None), frame(gap_s, None), frame(gap_s + 1, None))) == 2


def test_what_is_badly_seen_is_not_counted_as_seen() -> None:
    covered = [replace(f, image=picture(grey=3)) for f in _drive(4.0)]  # type: ignore[type-var]
    smeared = [replace(f, image=picture(grey=120)) for f in _drive(4.0)]  # type: ignore[type-var]
    lost = [replace(f, fix=replace(f.fix, sigma_m=15.0)) for f in _drive(4.0)]  # type: ignore[attr-defined]
    for drive in (covered, smeared, lost):
        looked = Looked()
        for look in _looks(RIDING, *drive):
            looked = looked.plus(look)
        assert looked.way_km > 0.015
        assert looked.good_km == 0.0
