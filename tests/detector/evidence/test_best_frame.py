"""The kept picture is the sharp, large, whole, unhidden one; memory is bounded; the choice is always the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detector.errors import InputError
from detector.evidence.best_frame import BestFrames
from tests.detector.moving_pictures import Row, detections, frame, street

SHARP = street()[:, :640]
BLURRED = cv2.GaussianBlur(SHARP, (0, 0), 6)
BOX = (200.0, 100.0, 360.0, 260.0)
ONE = (("t", 0),)


def best_of(*looks: tuple[np.ndarray, list[Row]]) -> int:
    """Which of the looks at track ``t``, whose box comes first, was kept."""
    frames = BestFrames()
    for seq, (image, rows) in enumerate(looks):
        frames.offer(frame(seq, seq * 0.1, image), detections(*rows), ONE)
    best = frames.take("t")
    assert best is not None
    return best.frame.seq


def bike(box: tuple = BOX, confidence: float = 0.8) -> list[Row]:
    return [("bicycle", box, confidence)]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ((BLURRED, bike()), (SHARP, bike())),
        ((SHARP, bike((200, 100, 240, 140))), (SHARP, bike())),  # small, large
        ((SHARP, bike((0, 100, 160, 260))), (SHARP, bike())),  # cut by the left edge
        ((SHARP, bike((480, 100, 640, 260))), (SHARP, bike())),  # by the right one
        ((SHARP, bike(confidence=0.3)), (SHARP, bike(confidence=0.9))),
        ((SHARP, [*bike(), ("person", (220, 80, 340, 300), 0.9)]), (SHARP, bike())),  # someone stands in front
    ],
)
def test_the_better_picture_is_kept(worse: tuple, better: tuple) -> None:
    assert best_of(worse, better) == 1
    assert best_of(better, worse) == 0


def test_someone_behind_hides_nothing() -> None:
    behind = [*bike(), ("person", (220, 40, 340, 200), 0.9)]
    assert best_of((SHARP, behind), (SHARP, bike())) == 0  # no better, so the first stays


def test_what_is_taken_is_the_frame_itself() -> None:
    frames, rows = BestFrames(), detections(*bike(), ("person", (10, 10, 50, 90), 0.9))
    shot = frame(3, 0.3, SHARP, scene=2)
    frames.offer(shot, rows, ONE)
    best = frames.take("t")
    assert best is not None
    assert (best.frame.frame_id, best.frame.seq, best.frame.captured_at) == (shot.frame_id, 3, shot.captured_at)
    assert best.xyxy == BOX
    assert best.detections is rows
    assert cv2.PSNR(best.frame.image, SHARP) > 35
    assert frames.take("t") is None
    assert frames.kept_bytes == 0


def test_tracks_share_one_picture() -> None:
    frames = BestFrames()
    frames.offer(frame(0, 0.0, SHARP), detections(*bike(), *bike((400, 100, 560, 260))), (("a", 0), ("b", 1)))
    shared = frames.kept_bytes
    frames.forget(["a"])
    assert frames.kept_bytes == shared > 0
    frames.forget(["b", "never seen"])
    assert frames.kept_bytes == 0


def test_the_cap_takes_the_picture_of_what_was_not_seen_for_longest() -> None:
    one = BestFrames()
    one.offer(frame(0, 0.0, SHARP), detections(*bike()), (("t", 0),))
    frames = BestFrames(max_bytes=one.kept_bytes * 5 // 2)
    for seq, name in enumerate("abcd"):
        frames.offer(frame(seq, seq * 0.1, SHARP), detections(*bike()), ((name, 0),))
    assert frames.kept_bytes <= one.kept_bytes * 5 // 2
    assert [name for name in "abcd" if frames.take(name) is not None] == ["c", "d"]


def test_a_cap_without_room_is_refused() -> None:
    with pytest.raises(InputError, match="max_bytes is 0"):
        BestFrames(max_bytes=0)


def test_a_box_outside_the_picture_is_survived() -> None:
    assert best_of((SHARP, bike((700, 400, 720, 420))), (SHARP, bike())) == 1
