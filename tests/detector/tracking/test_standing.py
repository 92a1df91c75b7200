"""What stands is expected where the vehicle's motion puts it, however far apart the looks are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detections import Detections
from detector.frame import Fix, Frame
from detector.geo.camera import Lens, VehicleCamera, profile_sigmas
from detector.geo.plane import LocalPlane
from detector.geo.view import moving_views
from detector.tracking import Tracker, TrackerLimits
from detector.tracking.align import turn_between, turned
from detector.tracking.reckoning import GAP_MAX_S, Reckoner
from detector.tracks import Track

START = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
PLANE = LocalPlane(117.2, 34.26)
CAMERA = VehicleCamera(
    camera_id="cam",
    height_m=1.5,
    yaw_deg=20.0,
    pitch_deg=-5.0,
    roll_deg=0.0,
    lever_right_m=0.0,
    lever_forward_m=0.5,
    lens=Lens.from_fov(1280, 720, 78.0),
    sigmas=profile_sigmas("car"),
)
SPEED_M_S = 5.5
CUES = ("bicycle", "person")
ROW = tuple((5.0, 14.0 + 0.9 * i) for i in range(8))
"""Bikes side by side (right and ahead of where the drive begins), nearer to each other than a look's way."""
BLACK = np.zeros((720, 1280, 3), np.uint8)


def fix(at_s: float, *, ahead_m: float | None = None, heading_deg: float | None = 0.0) -> Fix:
    """Northwards at an even speed."""
    lon, lat = PLANE.lon_lat_deg((0.0, SPEED_M_S * at_s if ahead_m is None else ahead_m))[0].tolist()
    at = START + timedelta(seconds=at_s)
    return Fix(lon, lat, 3.0, at, heading_deg=heading_deg, sigma_heading_deg=1.0, speed_m_s=SPEED_M_S)


def boxes(things: tuple[tuple[float, float], ...], truth: Fix, *, foot_m: float = 0.0) -> np.ndarray:
    """Boxes 0.6 m wide and 1.1 m high as the camera sees them."""
    view = moving_views(CAMERA, [truth], PLANE)[0]
    found = []
    for east, north in things:
        top, foot = view.to_camera(np.array([(east, north, foot_m + 1.1), (east, north, foot_m)]))
        (u, v_top), (_, v_foot) = CAMERA.lens.pixels([top, foot]).tolist()
        half = 0.3 * CAMERA.lens.fx_px / float(foot[1])
        found.append((u - half, v_top, u + half, v_foot))
    return np.nan_to_num(np.array(found, np.float32), nan=-1.0)


def drive(
    things: tuple[tuple[float, float], ...],
    *,
    every_s: float = 0.45,
    known: bool = True,
    sway_deg: float = 0.0,
    foot_m: float = 0.0,
    seed: int = 0,
) -> list[Track]:
    """Tracks of ten looks that are `every_s` apart; the camera truly nods and weaves by `sway_deg`."""
    rng = np.random.default_rng(seed)
    tracker = Tracker("drive", CUES, TrackerLimits(lost_looks=2), camera=CAMERA)
    tracks: list[Track] = []
    for seq in range(10):
        at_s = seq * every_s
        said = fix(at_s)
        pitch, heading = rng.normal(0.0, sway_deg, 2).tolist() if sway_deg else (0.0, 0.0)
        truth = replace(said, pitch_deg=pitch, heading_deg=heading)
        xyxy = boxes(things, truth, foot_m=foot_m)
        inside = (xyxy[:, 0] > 0) & (xyxy[:, 2] < 1280) & (xyxy[:, 3] < 720)
        cue = np.zeros(len(xyxy), np.int64)
        found = Detections(xyxy, np.full(len(xyxy), 0.8, np.float32), cue, CUES).select(inside)
        frame = Frame(BLACK, seq, said.at, at_s, "drive", fix=said if known else None)
        tracks += tracker.update(frame, found).finished
    return [*tracks, *tracker.flush().finished]


@pytest.mark.parametrize("sway_deg", [0.0, 0.4])
def test_a_row_of_bikes_keeps_its_tracks_from_look_to_look(sway_deg: float) -> None:
    """Every look is 2.5 m on, nearly three bikes: whoever goes by overlap takes each for its neighbour."""
    tracks = drive(ROW, sway_deg=sway_deg)
    assert len(tracks) == len(ROW)
    assert {track.look_count for track in tracks} == {track.frame_count for track in tracks}


def test_without_fixes_the_same_looks_fall_apart() -> None:
    tracks = drive(ROW, known=False)
    assert len(tracks) != len(ROW) or min(track.frame_count for track in tracks) < 4


def test_a_thing_off_the_ground_is_followed_too() -> None:
    (track,) = drive(((6.0, 16.0),), foot_m=2.0)
    assert track.frame_count >= 3


def test_dense_looks_do_not_ask_for_the_vehicle() -> None:
    """Pictures of 25 a second are linked as ever: with a camera and without one."""

    def follow(camera: VehicleCamera | None) -> list[tuple[str, int]]:
        tracker = Tracker("drive", CUES, camera=camera)
        finished: list[Track] = []
        for seq in range(50):
            said = fix(seq / 25)
            xyxy = boxes(ROW[:3], said)
            found = Detections(xyxy, np.full(3, 0.8, np.float32), np.zeros(3, np.int64), CUES)
            finished += tracker.update(Frame(BLACK, seq, said.at, seq / 25, "drive", fix=said), found).finished
        return [(track.track_id, track.frame_count) for track in (*finished, *tracker.flush().finished)]

    assert follow(CAMERA) == follow(None)


def test_reckoning_follows_speed_and_course_not_the_positions() -> None:
    reckoner = Reckoner(CAMERA)
    first = reckoner.look(fix(0.0), 0.0)
    second = reckoner.look(fix(1.0, ahead_m=30.0), 1.0)  # the position jumped
    assert first is not None
    assert second is not None
    assert second.epoch == first.epoch
    assert (second.view.centre_m - first.view.centre_m)[0].tolist() == pytest.approx([0.0, SPEED_M_S, 0.0])


def test_standing_keeps_the_course_of_before() -> None:
    reckoner = Reckoner(CAMERA)
    reckoner.look(fix(0.0, heading_deg=90.0), 0.0)
    still = replace(fix(1.0, heading_deg=None), speed_m_s=0.1)
    stand = reckoner.look(still, 1.0)
    assert stand is not None
    assert stand.view.attitude_deg[0, 0] == 90.0


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="no fix"),
        pytest.param(replace(fix(1.0), speed_m_s=None), id="no speed"),
        pytest.param(fix(1.0, heading_deg=None), id="fast without a course"),
    ],
)
def test_where_nobody_knows_the_motion_places_are_forgotten(given: Fix | None) -> None:
    reckoner = Reckoner(CAMERA)
    before = reckoner.look(fix(0.0), 0.0)
    assert reckoner.look(given, 1.0) is None
    after = reckoner.look(fix(2.0), 2.0)
    assert before is not None
    assert after is not None
    assert after.epoch > before.epoch


def test_after_a_long_gap_it_begins_anew() -> None:
    reckoner = Reckoner(CAMERA)
    before = reckoner.look(fix(0.0), 0.0)
    after = reckoner.look(fix(GAP_MAX_S + 1.0), GAP_MAX_S + 1.0)
    assert before is not None
    assert after is not None
    assert after.epoch > before.epoch


@given(st.floats(-0.02, 0.02), st.floats(-0.04, 0.04), st.floats(-0.02, 0.02))
def test_the_turn_is_found_without_knowing_which_is_which(pitch: float, roll: float, heading: float) -> None:
    rng = np.random.default_rng(3)
    rays = np.column_stack((rng.uniform(-0.7, 0.7, 12), np.ones(12), rng.uniform(-0.2, 0.1, 12)))
    truth = np.array([pitch, roll, heading])
    seen = turned(rays, truth)
    seen = (seen / seen[:, 1:2])[::-1]  # the boxes come in another order
    found = turn_between(rays[:, [0, 2]], seen[:, [0, 2]], np.ones((12, 12), bool))
    assert np.abs(found - truth).max() < 0.01


def test_nothing_to_compare_is_no_turn() -> None:
    assert turn_between(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 1), bool)).tolist() == [0.0, 0.0, 0.0]
