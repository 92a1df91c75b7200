"""What moves over the ground, from a standing and from a moving camera, on made-up and on real film."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.model.yolo import open_detector
from detector.scene import SceneCutter
from detector.tracking import Tracker
from detector.tracking.background import BackgroundMotion
from detector.tracks import Track
from tests.detector.moving_pictures import CUES, detections, frame, street

STREET = street()
RATE_HZ = 10.0


def film(camera_px_s: float, thing_x: Callable[[float], float], seconds: float = 4.0) -> Track:
    """One bicycle 80 px wide at `thing_x` px of the street, seen by a camera that pans at `camera_px_s`."""
    tracker = Tracker("film", CUES)
    for seq in range(int(seconds * RATE_HZ)):
        at_s = seq / RATE_HZ
        camera_x = 200 + camera_px_s * at_s
        image = STREET[:, round(camera_x) : round(camera_x) + 640].copy()
        left = thing_x(at_s) - round(camera_x)
        image[150:250, max(0, round(left)) : max(0, round(left) + 80)] = (40, 40, 200)
        tracker.update(frame(seq, at_s, image), detections(("bicycle", (left, 150, left + 80, 250), 0.8)))
    (track,) = tracker.flush().finished
    return track


@pytest.mark.parametrize(
    ("camera_px_s", "thing_x", "moving"),
    [
        (0, lambda t: 400.0, False),
        (0, lambda t: 400.0 + 3 * np.sin(7 * t), False),  # a box jitters
        (0, lambda t: 300.0 + 60 * t, True),
        (0, lambda t: 300.0 + 10 * t, False),  # half its width in four seconds: not told
        # A parked bike runs through the picture of a moving camera and still stands.
        (100, lambda t: 600.0, False),
        # A ridden one keeps its place in the picture and moves.
        (100, lambda t: 400.0 + 100 * t, True),
        (-40, lambda t: 400.0 - 150 * t, True),
        # It came, and then stood most of the time.
        (0, lambda t: 200.0 + 200 * min(t, 1.0), False),
    ],
)
def test_moving(camera_px_s: float, thing_x: Callable[[float], float], moving: bool) -> None:
    assert film(camera_px_s, thing_x).moving is moving


def test_something_passing_in_front_moves_nothing() -> None:
    """A passer-by covers the bike's left half, then all of it, then its right half."""
    tracker = Tracker("film", CUES, standing_camera=True)
    boxes = [(400, 480)] * 10 + [(425, 480)] * 3 + [None] * 5 + [(400, 455)] * 3 + [(400, 480)] * 10
    for seq, edges in enumerate(boxes):
        rows = [] if edges is None else [("bicycle", (edges[0], 150, edges[1], 250), 0.8)]
        tracker.update(frame(seq, seq / RATE_HZ, STREET[:, :640]), detections(*rows))
    (track,) = tracker.flush().finished
    assert not track.moving


@pytest.mark.parametrize(("step_px", "expected"), [(0, 0.0), (7, -7.0), (-23, 23.0)])
def test_background(step_px: int, expected: float) -> None:
    motion = BackgroundMotion()
    nothing = np.zeros((0, 4), np.float32)
    motion.update(STREET[:, 300:940], nothing, 0.0)
    measured = motion.update(STREET[:, 300 + step_px : 940 + step_px], nothing, 0.1)
    assert measured.known
    assert measured.moved is (step_px != 0)
    assert measured.affine[0, 2] == pytest.approx(expected, abs=0.5)


def test_a_blank_picture_tells_nothing() -> None:
    motion = BackgroundMotion()
    for at_s in (0.0, 0.1):
        measured = motion.update(np.full((360, 640, 3), 90, np.uint8), np.zeros((0, 4), np.float32), at_s)
    assert not measured.known


def test_creeping_motion_adds_up() -> None:
    """A fifth of a small pixel per frame is under what one step can tell; over forty steps it is all there."""
    motion = BackgroundMotion()
    nothing = np.zeros((0, 4), np.float32)
    went_px = 0.0
    for step in range(40):
        shift = np.array([[1, 0, -200 - 0.4 * step], [0, 1, 0]])
        view = cv2.warpAffine(STREET[:, :1000], shift, (640, 360), flags=cv2.INTER_LINEAR)
        went_px += motion.update(view, nothing, step / 25).affine[0, 2]
    assert went_px == pytest.approx(-0.4 * 39, abs=1.5)


@cache
def tracks_of(clip: Path, bundle: Path, every: int = 1, begin: int = 0, end: int = 10**6) -> list[Track]:
    """Tracks over a real clip with a real model."""
    cv2.setNumThreads(1)
    detector, cutter = open_detector(bundle), SceneCutter()
    tracker = Tracker("clip", detector.cue_names)
    film = cv2.VideoCapture(str(clip))
    rate_hz = film.get(cv2.CAP_PROP_FPS)
    tracks: list[Track] = []
    for seq in count():
        ok, image = film.read()
        if not ok or seq >= end:
            break
        if seq >= begin and seq % every == 0:
            shot = frame(seq, seq / rate_hz, image, scene=cutter.update(image))
            tracks += tracker.update(shot, detector.detect(image)).finished
    return tracks + list(tracker.flush().finished)


def test_the_parked_motorcycle_and_the_bicycle_at_the_wall_stand(zoo_street: Path, bikes_clip: Path) -> None:
    tracks = tracks_of(bikes_clip, zoo_street, every=3, begin=105, end=240)
    (motorcycle,) = (t for t in tracks if t.cue == "motorcycle" and t.frame_count >= 8)
    wall = [t for t in tracks if t.cue in ("bicycle", "motorcycle") and t.observations[0].seq >= 187]
    # A pedestrian walks right in front of the bicycle, and it stays one bicycle.
    assert [t.frame_count >= 10 for t in wall] == [True]
    assert not motorcycle.moving
    assert not wall[0].moving


@pytest.mark.parametrize(
    ("clip", "cues"),
    [
        ("otc_Cars-Cyclist.mp4", {"bicycle", "motorcycle"}),
        ("otc_Cars-Cyclist.mp4", {"car"}),
        ("intel_person-bicycle-car-detection.gif", {"car"}),
    ],
)
def test_what_drives_by_moves(zoo_street: Path, shared_data: Path, clip: str, cues: set[str]) -> None:
    tracks = [
        t for t in tracks_of(shared_data / "video" / clip, zoo_street, every=2) if t.cue in cues and t.dwell_s > 1.0
    ]
    assert tracks
    assert all(t.moving for t in tracks)
