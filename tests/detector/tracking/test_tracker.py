"""Identity over time: occlusion by the clock, cue groups, cuts, bounds, and the same input gives the same tracks."""

from __future__ import annotations

import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import InputError
from detector.tracking import Tracker, TrackerLimits
from detector.tracking.live import MAX_OBSERVATIONS
from detector.tracks import Track
from tests.detector.moving_pictures import CUES, Row, detections, frame, street

WALL = street()[:, :640]
BIKE = (100.0, 150.0, 200.0, 250.0)


def follow(rows_at: dict[float, list[Row]], limits: TrackerLimits | None = None) -> list[Track]:
    """Tracks of a film whose frames show `rows_at` by time in seconds."""
    tracker = Tracker("film", CUES, limits, standing_camera=True)
    tracks: list[Track] = []
    for seq, (at_s, rows) in enumerate(rows_at.items()):
        tracks += tracker.update(frame(seq, at_s, WALL), detections(*rows)).finished
    return tracks + list(tracker.flush().finished)


def seen(
    times: list[float], cue: str = "bicycle", box: tuple = BIKE, confidence: float = 0.8
) -> dict[float, list[Row]]:
    return {at_s: [(cue, box, confidence)] for at_s in times}


def steps(begin_s: float, end_s: float, rate_hz: float) -> list[float]:
    return np.arange(begin_s, end_s, 1 / rate_hz).round(3).tolist()


@pytest.mark.parametrize("rate_hz", [5, 25])
@pytest.mark.parametrize(("gap_s", "tracks"), [(1.0, 1), (1.9, 1), (2.6, 2)])
def test_occlusion_is_judged_by_the_clock(rate_hz: float, gap_s: float, tracks: int) -> None:
    film = seen(steps(0, 1, rate_hz)) | {at_s: [] for at_s in steps(1, 1 + gap_s, rate_hz)}
    film |= seen(steps(1 + gap_s, 2 + gap_s, rate_hz))
    assert len(follow(film)) == tracks


@pytest.mark.parametrize(
    ("first", "then", "tracks"),
    [
        ("bicycle", "motorcycle", 1),  # a model takes one for the other
        ("bicycle", "person", 2),  # never
        ("car", "motorcycle", 2),
    ],
)
def test_cue_groups(first: str, then: str, tracks: int) -> None:
    assert len(follow(seen(steps(0, 1, 10), first) | seen(steps(1, 2, 10), then))) == tracks


def test_the_cue_is_the_one_with_most_confidence() -> None:
    (track,) = follow(seen([0.0, 0.1, 0.2], "bicycle", confidence=0.4) | seen([0.3, 0.4], "motorcycle", confidence=0.9))
    assert track.cue == "motorcycle"
    assert track.frame_count == 5


@pytest.mark.parametrize(
    ("times", "confidence", "confirmed"),
    [
        ([0.0], 0.9, False),  # once is chance
        ([0.0, 0.1], 0.5, True),
        ([0.0, 0.1], 0.3, False),  # faint things need more frames
        ([0.0, 0.1, 0.2], 0.3, True),
    ],
)
def test_confirmation(times: list[float], confidence: float, confirmed: bool) -> None:
    assert len(follow(seen(times, confidence=confidence))) == confirmed


def test_single_pictures_confirm_at_once() -> None:
    assert len(follow(seen([0.0], confidence=0.3), TrackerLimits(confirm_hits=1))) == 1


def test_a_cut_ends_every_track() -> None:
    tracker = Tracker("film", CUES)
    for seq in range(3):
        tracker.update(frame(seq, seq * 0.1, WALL), detections(("bicycle", BIKE, 0.8)))
    update = tracker.update(frame(3, 0.3, WALL, scene=1), detections(("bicycle", BIKE, 0.8)))
    assert [track.track_id for track in update.finished] == ["film/0/0"]
    assert update.assignments == (("film/1/1", 0),)


def test_a_track_that_was_never_confirmed_is_dropped_by_name() -> None:
    tracker = Tracker("film", CUES, standing_camera=True)
    tracker.update(frame(0, 0.0, WALL), detections(("bicycle", BIKE, 0.3)))
    update = tracker.update(frame(1, 1.0, WALL), detections())
    assert (update.finished, update.dropped) == ((), ("film/0/0",))


def test_two_boxes_on_one_thing_are_one_track() -> None:
    both: list[Row] = [("bicycle", BIKE, 0.8), ("motorcycle", (102, 150, 202, 252), 0.5)]
    assert len(follow(dict.fromkeys(steps(0, 1, 10), both))) == 1


def test_a_row_of_bikes_keeps_its_ids_when_one_flickers() -> None:
    row: list[Row] = [("bicycle", (60.0 * i, 150, 60.0 * i + 90, 250), 0.8) for i in range(8)]
    film = {at_s: [r for i, r in enumerate(row) if i != n % 8] for n, at_s in enumerate(steps(0, 4, 10))}
    tracks = follow(film)
    assert len(tracks) == 8
    assert {round(t.observations[-1].xyxy[0]) for t in tracks} == {60 * i for i in range(8)}
    assert all({round(o.xyxy[0]) for o in t.observations} == {round(t.observations[0].xyxy[0])} for t in tracks)


def test_a_lonely_fast_thing_is_followed_before_its_speed_is_known() -> None:
    film: dict[float, list[Row]] = {
        n / 10: [("bicycle", (20 + 70.0 * n, 150, 80 + 70.0 * n, 250), 0.8)] for n in range(6)
    }
    assert [track.frame_count for track in follow(film)] == [6]


def test_seen_with_names_what_was_in_the_same_frame() -> None:
    other = (400.0, 150.0, 500.0, 250.0)
    film: dict[float, list[Row]] = {at: [("bicycle", BIKE, 0.8), ("bicycle", other, 0.8)] for at in (0.0, 0.1)}
    film[0.2] = [("car", (300, 20, 350, 60), 0.3)]  # once and faint: noise, and no company
    tracks = follow(film)
    assert [(t.track_id, t.seen_with) for t in tracks] == [("film/0/0", ("film/0/1",)), ("film/0/1", ("film/0/0",))]


def test_observations_are_bounded_and_keep_both_ends() -> None:
    (track,) = follow(seen(steps(0, 60, 25)))
    assert track.frame_count == 1500
    assert MAX_OBSERVATIONS // 4 < len(track.observations) <= MAX_OBSERVATIONS
    seqs = [o.seq for o in track.observations]
    assert (seqs[0], seqs[-1]) == (0, 1499)
    assert seqs == sorted(set(seqs))
    assert track.dwell_s == pytest.approx(1499 / 25, abs=0.01)


def test_companions_carry_the_rider_and_their_track() -> None:
    rider, far = (120.0, 60.0, 180.0, 220.0), (500.0, 60.0, 560.0, 220.0)
    rows: list[Row] = [("person", rider, 0.9), ("person", far, 0.9), ("bicycle", BIKE, 0.8)]
    tracks = follow(dict.fromkeys((0.0, 0.1, 0.2), rows))
    (bike,) = (t for t in tracks if t.cue == "bicycle")
    assert [(c.cue, c.xyxy, c.track_id) for c in bike.observations[-1].companions] == [("person", rider, "film/0/0")]


def test_the_same_film_gives_the_same_tracks() -> None:
    rng = np.random.default_rng(3)
    film: dict[float, list[Row]] = {}
    for at_s in steps(0, 6, 10):
        jitter = rng.normal(0, 4, (6, 4))
        rows = [("bicycle", tuple(np.array([90 * i, 150, 90 * i + 80, 250]) + jitter[i]), 0.7) for i in range(6)]
        film[at_s] = [row for row in rows if rng.random() > 0.2]
    assert follow(film) == follow(film)


def test_a_clock_that_goes_back_is_refused() -> None:
    tracker = Tracker("film", CUES)
    tracker.update(frame(0, 5.0, WALL), detections())
    with pytest.raises(InputError, match=r"film:1 is at 4\.9 s, the one before at 5\.0 s"):
        tracker.update(frame(1, 4.9, WALL), detections())


def test_detections_of_another_model_are_refused() -> None:
    with pytest.raises(InputError, match="detections name cues"):
        Tracker("film", CUES).update(frame(0, 0.0, WALL), Detections.empty(("person",)))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"lost_s": 0.1}, "lost_s is 0.1"),
        ({"tentative_s": -1.0}, r"tentative_s -1\.0; give lost_s >= tentative_s >= 0"),
        ({"confirm_hits": 0}, "confirm_hits is 0"),
        ({"iou_min": 0.0}, "iou_min is 0.0"),
        ({"same_iou": 1.1}, "same_iou is 1.1"),
    ],
)
def test_bad_limits(limits: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrackerLimits(**limits)
