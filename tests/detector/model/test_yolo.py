"""A whole detector: golden check, thresholds, faint people, real pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.errors import BundleError, InputError
from detector.model.yolo import open_detector
from tests.detector.model.conftest import GOLDEN, NMS_FREE, RAW, BundleFolder, card
from tests.detector.model.onnx_bytes import constant_network
from tests.signing import TRUST

ANY = np.full((64, 96, 3), 90, np.uint8)


@pytest.mark.parametrize(("layout", "answer"), [("raw", RAW), ("nms_free", NMS_FREE)])
def test_both_layouts_see_the_same(tiny: BundleFolder, layout: str, answer: np.ndarray) -> None:
    tiny.write("model.onnx", constant_network(answer))
    tiny.write_card(card(output={"name": "output0", "layout": layout}))
    found = open_detector(tiny.dir, trust=TRUST).detect(ANY)
    assert found.names() == ["bicycle"]
    assert found.xyxy.tolist() == [[38, 27, 58, 37]]
    # The person is under her cue's threshold: no detection, but known to the blur.
    assert found.faint_people_xyxy.tolist() == [[66, 20, 74, 40]]


def test_boxes_come_back_in_the_pictures_own_pixels(tiny: BundleFolder) -> None:
    found = open_detector(tiny.dir, trust=TRUST).detect(np.zeros((640, 960, 3), np.uint8))
    assert found.xyxy.tolist() == [[380, 270, 580, 370]]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_the_smallest_pictures_are_pictures(tiny: BundleFolder, size: tuple[int, int]) -> None:
    found = open_detector(tiny.dir, trust=TRUST).detect(np.zeros((*size, 3), np.uint8))
    assert (found.xyxy[:, [0, 2]] <= size[1]).all()
    assert (found.xyxy[:, [1, 3]] <= size[0]).all()


def test_nothing_seen_is_no_error(tiny: BundleFolder) -> None:
    tiny.write("model.onnx", constant_network(np.zeros((1, 6, 4), np.float32)))
    tiny.write_golden(xyxy=np.zeros((0, 4), np.float32), confidence=np.zeros(0, np.float32), cue=np.zeros(0, np.int64))
    assert len(open_detector(tiny.dir, trust=TRUST).detect(ANY)) == 0


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        (
            {"xyxy": np.array([[38, 27, 58, 47]], np.float32)},
            r"does not find bicycle at \[38\.0, 27\.0, 58\.0, 47\.0\]",
        ),
        ({"confidence": np.array([0.7], np.float32)}, r"with confidence 0\.700"),
        ({"cue": np.array([0], np.int64)}, r"does not find person"),
    ],
)
def test_a_backend_that_sees_otherwise_is_refused(
    tiny: BundleFolder, golden: dict[str, np.ndarray], message: str
) -> None:
    tiny.write_golden(**{**GOLDEN, **golden})
    with pytest.raises(BundleError, match=message):
        open_detector(tiny.dir, trust=TRUST)


def test_a_backend_that_sees_more_is_refused(tiny: BundleFolder) -> None:
    twice = np.array([[48, 20], [32, 20], [20, 8], [10, 8], [0, 0], [0.8, 0.9]], np.float32)[None]
    tiny.write("model.onnx", constant_network(twice))
    with pytest.raises(BundleError, match="finds 2 boxes, expected 1"):
        open_detector(tiny.dir, trust=TRUST)


def test_a_network_of_nans_is_refused(tiny: BundleFolder) -> None:
    tiny.write("model.onnx", constant_network(np.full((1, 6, 4), np.nan, np.float32)))
    with pytest.raises(BundleError, match="scores that are not numbers"):
        open_detector(tiny.dir, trust=TRUST)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"backend": "tpu"}, "backend 'tpu' is unknown"), ({"threads": 0}, "threads is 0")],
)
def test_bad_arguments(tiny: BundleFolder, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_detector(tiny.dir, trust=TRUST, **arguments)


def test_the_shipped_model_sees_the_parked_motorcycle(zoo_street: Path, bikes_clip: Path) -> None:
    clip = cv2.VideoCapture(str(bikes_clip))
    clip.set(cv2.CAP_PROP_POS_FRAMES, 120)
    _, image = clip.read()
    found = open_detector(zoo_street).detect(image)
    assert {"motorcycle", "person"} <= set(found.names())
    assert open_detector(zoo_street).detect(image).xyxy.tolist() == found.xyxy.tolist()
