"""Nothing of a face is left, and nothing else of the picture is touched."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import InputError
from detector.evidence.privacy import blur_people, find_faces
from tests.detector.moving_pictures import detections, street

WALL = street()[:, :640]
NOISE = np.random.default_rng(5).integers(0, 256, (360, 640, 3), dtype=np.uint8)


@pytest.fixture
def yunet(shared_data: Path) -> Path:
    return shared_data / "weights" / "yunet_n_dynamic.onnx"


@pytest.fixture
def portrait(shared_data: Path) -> np.ndarray:
    """A real picture with one face, which YuNet finds."""
    image = cv2.imread(str(shared_data / "detect" / "coco256" / "images" / "coco256_0c3c859be8.jpg"))
    assert image is not None
    return image


def fine_detail(image: np.ndarray) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var())


def changed(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all that differs."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    ("box", "head"),
    [
        # Standing: the head end, a margin at the sides and above.
        ((200, 50, 300, 350), (185, 35, 315, 116)),
        # Seated or cut off below: the width tells how large the head is.
        ((200, 50, 400, 250), (170, 40, 430, 170)),
        # Much wider than high: all of it.
        ((100, 100, 300, 160), (70, 97, 330, 160)),
        # Cut by the picture's corner.
        ((-20, -10, 60, 200), (0, 0, 72, 38)),
    ],
)
def test_the_head_end_of_a_person_is_blurred(box: tuple, head: tuple[int, int, int, int]) -> None:
    original = NOISE.copy()
    blurred, method = blur_people(original, detections(("person", box, 0.9)))
    assert method == "person_head"
    assert changed(NOISE, blurred) == pytest.approx(head, abs=2)
    assert (original == NOISE).all()  # the original is never changed
    left, top, right, bottom = head
    assert fine_detail(blurred[top:bottom, left:right]) < 0.001 * fine_detail(NOISE[top:bottom, left:right])


def test_only_people_are_blurred() -> None:
    blurred = blur_people(WALL, detections(("bicycle", (100, 100, 200, 200), 0.9), ("car", (300, 50, 600, 200), 0.9)))
    assert (blurred.image == WALL).all()
    assert blurred.image is not WALL


def test_faint_people_are_blurred_too() -> None:
    faint = np.array([[200, 50, 300, 350]], np.float32)
    none = detections()
    seen = Detections(none.xyxy, none.confidence, none.cue, none.cue_names, faint_people_xyxy=faint)
    assert changed(WALL, blur_people(WALL, seen).image) == pytest.approx((185, 35, 315, 116), abs=2)


def test_a_person_outside_the_picture_is_survived() -> None:
    assert (blur_people(WALL, detections(("person", (900, 900, 950, 990), 0.9))).image == WALL).all()


def test_a_face_is_gone_for_the_face_finder(portrait: np.ndarray, yunet: Path) -> None:
    assert len(find_faces(portrait, yunet)) >= 1
    blurred = blur_people(portrait, Detections.empty(("person",)), yunet)
    assert blurred.method == "person_head+yunet"
    assert len(find_faces(blurred.image, yunet)) == 0


def test_the_head_blur_alone_hides_the_face(portrait: np.ndarray, yunet: Path) -> None:
    height, width = portrait.shape[:2]
    person = Detections(
        np.array([[0, 0, width, height]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64), ("person",)
    )
    assert len(find_faces(blur_people(portrait, person).image, yunet)) == 0


def test_a_model_without_people_needs_a_face_model(portrait: np.ndarray, yunet: Path) -> None:
    bikes_only = Detections.empty(("bicycle",))
    with pytest.raises(InputError, match="no person cue and no face model"):
        blur_people(portrait, bikes_only)
    assert blur_people(portrait, bikes_only, yunet).method == "yunet"


@pytest.mark.parametrize(("content", "message"), [(None, "is missing"), (b"no network", "cannot be used")])
def test_a_bad_face_model_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "face.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"face\.onnx {message}"):
        blur_people(WALL, detections(), path)
