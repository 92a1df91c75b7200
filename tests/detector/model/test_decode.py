"""From the network's numbers to one box per thing."""

from __future__ import annotations

import numpy as np
import pytest

from detector.errors import BundleError
from detector.model.decode import Candidates, decode_cue, decode_nms_free, decode_raw, suppress


def raw(*anchors: tuple[float, ...]) -> np.ndarray:
    """(1, 4 + C, N) from rows of centre x, y, width, height and scores."""
    return np.ascontiguousarray(np.array(anchors, np.float32).T[None])


@pytest.mark.parametrize(
    ("anchors", "thresholds", "expected"),
    [
        # One anchor, its best cue, corners from centre and size.
        ([(50, 40, 20, 10, 0.1, 0.9)], (0.25, 0.25), [((40, 35, 60, 45), 0.9, 1)]),
        # Each cue has its own threshold; the threshold itself passes.
        ([(0, 0, 2, 2, 0.5, 0.1), (9, 9, 2, 2, 0.1, 0.5)], (0.6, 0.5), [((8, 8, 10, 10), 0.5, 1)]),
        # The best cue decides, even when only the second best would pass its threshold.
        ([(0, 0, 2, 2, 0.5, 0.4)], (0.6, 0.3), []),
        # Best first; equals keep the network's order.
        (
            [(1, 1, 2, 2, 0.5, 0), (5, 5, 2, 2, 0.7, 0), (9, 9, 2, 2, 0.5, 0)],
            (0.25, 0.25),
            [((4, 4, 6, 6), 0.7, 0), ((0, 0, 2, 2), 0.5, 0), ((8, 8, 10, 10), 0.5, 0)],
        ),
    ],
)
def test_raw(anchors: list[tuple[float, ...]], thresholds: tuple[float, ...], expected: list[tuple]) -> None:
    found = decode_raw(raw(*anchors), np.array(thresholds, np.float32))
    assert [(tuple(b), pytest.approx(s), c) for b, s, c in _rows(found)] == expected


def test_one_cue_is_found_beneath_a_stronger_one() -> None:
    found = decode_cue(raw((50, 40, 20, 10, 0.3, 0.9)), cue=0, threshold=0.1)
    assert [(tuple(b), c) for b, _, c in _rows(found)] == [((40, 35, 60, 45), 0)]


def test_nms_free() -> None:
    output = np.array([[[0, 0, 5, 5, 0.3, 0], [1, 1, 6, 6, 0.9, 1], [0, 0, 0, 0, 0, 0]]], np.float32)
    found = decode_nms_free(output, np.array([0.5, 0.5], np.float32))
    assert [(tuple(b), c) for b, _, c in _rows(found)] == [((1, 1, 6, 6), 1)]


def test_an_nms_free_cue_without_a_name_is_refused() -> None:
    with pytest.raises(BundleError, match="the model names cue 7, its card only 0 to 1"):
        decode_nms_free(np.array([[[0, 0, 5, 5, 0.9, 7]]], np.float32), np.array([0.5, 0.5], np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    thresholds = np.array([0.5, 0.5], np.float32)
    with pytest.raises(BundleError, match="scores that are not numbers"):
        decode_raw(raw((1, 1, 2, 2, bad, 0.1)), thresholds)
    with pytest.raises(BundleError, match="scores that are not numbers"):
        decode_nms_free(np.array([[[0, 0, 5, 5, bad, 0]]], np.float32), thresholds)


BASE = (0.0, 0.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("boxes", "cues", "iou_max", "kept"),
    [
        ([], [], 0.7, []),
        ([BASE, (0, 0, 10, 9)], [0, 0], 0.7, [0]),  # IoU 0.9: the same thing
        ([BASE, (0, 0, 10, 9)], [0, 1], 0.7, [0, 1]),  # another cue: another thing
        ([BASE, (0, 0, 10, 7)], [0, 0], 0.7, [0, 1]),  # IoU exactly 0.7 stays
        ([BASE, (0, 0, 10, 8), (0, 0, 10, 6.4)], [0, 0, 0], 0.7, [0, 2]),  # the suppressed suppresses nobody
        ([(3, 3, 3, 3), (3, 3, 3, 3)], [0, 0], 0.7, [0, 1]),  # boxes without area divide by nothing
    ],
)
def test_suppress(boxes: list[tuple], cues: list[int], iou_max: float, kept: list[int]) -> None:
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    confidence = np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)
    found = suppress(Candidates(xyxy, confidence, np.array(cues, np.int64)), iou_max, limit=300)
    assert found.confidence.tolist() == confidence[kept].tolist()


def test_the_limit_keeps_the_best() -> None:
    xyxy = np.array([[i * 20, 0, i * 20 + 10, 10] for i in range(60)], np.float32)
    many = Candidates(xyxy, np.linspace(0.9, 0.3, 60, dtype=np.float32), np.zeros(60, np.int64))
    assert len(suppress(many, 0.7, limit=300)) == 60  # a row of 60 bikes is not cut
    assert suppress(many, 0.7, limit=5).confidence.tolist() == many.confidence[:5].tolist()


def _rows(found: Candidates) -> list[tuple[list[float], float, int]]:
    return list(zip(found.xyxy.tolist(), found.confidence.tolist(), found.cue.tolist(), strict=True))
