"""Registration in the patrol: stretch by stretch, from the same pass only, and never for a standing camera."""

from __future__ import annotations

import numpy as np
import pytest

from detector.geo.localise import Unplaced
from detector.hit import Place
from edge.gnss import FixTrack
from edge.registered import PassRegister, Registered, Shifts
from tests.detector.geo.test_registration import MARKET, PITCHES_M, Pass, vendors
from tests.detector.rules.test_judge import PLANE

ERROR_M = (3.0, -2.0)


def stretches(drive: Pass, parts: int):
    """The tracks of a pass in so many parts, each by id."""
    for rows in np.array_split(np.arange(len(drive.tracks)), parts):
        yield {drive.tracks[row].track_id: drive.tracks[row] for row in rows}


def where(place: Place | Unplaced) -> np.ndarray:
    assert isinstance(place, Place)
    return PLANE.east_north_m((place.lon_deg, place.lat_deg))[0]


def test_a_later_stretch_stands_on_the_earlier_ones():
    drive, shifts = vendors(ERROR_M), Shifts()
    register = PassRegister(MARKET, "vehicle", shifts)
    *_, (last_ids, last) = [(s, register.registered(s, drive.places)) for s in stretches(drive, 4)]
    for name in last_ids:
        truth = PITCHES_M[drive.tracks.index(last_ids[name])]
        assert where(last[name]) == pytest.approx(truth, abs=0.6)
    told = shifts.result()
    assert told.of == len(PITCHES_M)
    assert 4 <= told.places < told.of
    assert told.median_shift_m == pytest.approx(np.hypot(*ERROR_M), abs=0.6)


def test_the_next_pass_begins_anew():
    drive, register = vendors(ERROR_M), PassRegister(MARKET, "vehicle", Shifts())
    first, second = stretches(drive, 2)
    register.registered(first, drive.places)
    register.end_pass()
    alone = dict(list(second.items())[:1])
    assert register.registered(alone, drive.places) == drive.places


def test_what_was_seen_long_ago_is_forgotten():
    register = PassRegister(MARKET, "vehicle", Shifts())
    drive = vendors(ERROR_M)
    name = drive.see(*PITCHES_M[-1], at_s=400.0)
    tracks = {track.track_id: track for track in drive.tracks}
    late = {name: tracks.pop(name)}
    register.registered(tracks, drive.places)
    assert register.registered(late, drive.places)[name] == drive.places[name]


def test_a_standing_camera_is_never_moved():
    drive, shifts = vendors(ERROR_M), Shifts()
    register = PassRegister(MARKET, "fixed", shifts)
    (everything,) = stretches(drive, 1)
    assert register.registered(everything, drive.places) == drive.places
    assert shifts.result() == Registered()
    assert not any(register.may_move(place) for place in drive.places.values())


def test_unplaced_things_stay_unplaced():
    drive, shifts = vendors(ERROR_M), Shifts()
    register = PassRegister(MARKET, "drone", shifts)
    name = drive.tracks[2].track_id
    drive.places[name] = Unplaced("cut_off")
    (everything,) = stretches(drive, 1)
    moved = register.registered(everything, drive.places)
    assert moved[name] == Unplaced("cut_off")
    assert set(moved) == set(drive.places)
    assert shifts.result().of == len(PITCHES_M) - 1
    assert not register.may_move(moved[name])


def test_the_log_between_things_is_used_and_nothing_later():
    """The same places come of the whole log and of what a live patrol has of it."""
    drive = vendors(ERROR_M)
    (everything,) = stretches(drive, 1)
    last = max(track.last_seen_at for track in drive.tracks)
    live = [fix for fix in drive.fixes if fix.at <= last]
    assert len(live) < len(drive.fixes)
    told, live_told, untold = (
        PassRegister(MARKET, "vehicle", Shifts(), FixTrack(tuple(fixes))).registered(everything, drive.places)
        for fixes in (drive.fixes, live, ())
    )
    assert told == live_told != untold
