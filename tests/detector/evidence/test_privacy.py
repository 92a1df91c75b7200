"""Nothing of a face or a plate is left, and nothing else of the picture is touched."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.detections import Detections
from detector.errors import InputError
from detector.evidence.face_finders import YunetFinder
from detector.evidence.plate_finders import PlateFinder
from detector.evidence.privacy import NO_MODELS, PrivacyModels, blur_people, open_privacy_models, private_regions
from tests.detector.moving_pictures import detections, street

WALL = street()[:, :640]
NOISE = np.random.default_rng(5).integers(0, 256, (360, 640, 3), dtype=np.uint8)


@pytest.fixture
def yunet(shared_data: Path) -> Path:
    return shared_data / "weights" / "yunet_n_dynamic.onnx"


@pytest.fixture
def plate_model(shared_data: Path) -> Path:
    return shared_data / "weights" / "y5fu_640x_sim.onnx"


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
        ((200, 50, 300, 350), (180, 20, 320, 149)),
        # Seated or cut off below: the width tells how large the head is.
        ((200, 50, 400, 250), (160, 30, 440, 230)),
        # Much wider than high: all of it.
        ((100, 100, 300, 160), (60, 94, 340, 160)),
        # Cut by the picture's corner.
        ((-20, -10, 60, 200), (0, 0, 76, 62)),
    ],
)
def test_the_head_end_of_a_person_is_blurred(box: tuple, head: tuple[int, int, int, int]) -> None:
    original = NOISE.copy()
    blurred, method = blur_people(original, detections(("person", box, 0.9)))
    assert method == "person_head+vehicle_band"
    assert changed(NOISE, blurred) == pytest.approx(head, abs=2)
    assert (original == NOISE).all()  # the original is never changed
    left, top, right, bottom = head
    assert fine_detail(blurred[top:bottom, left:right]) < 0.001 * fine_detail(NOISE[top:bottom, left:right])


@pytest.mark.parametrize(
    ("cue", "band"),
    [("car", (185, 112, 515, 255)), ("motorcycle", (185, 116, 515, 225))],
)
def test_the_band_where_plates_hang_is_blurred(cue: str, band: tuple[int, int, int, int]) -> None:
    blurred = blur_people(NOISE, detections((cue, (200, 56, 500, 255), 0.9)))
    assert changed(NOISE, blurred.image) == pytest.approx(band, abs=2)
    left, top, right, bottom = band
    assert fine_detail(blurred.image[top:bottom, left:right]) < 0.002 * fine_detail(NOISE[top:bottom, left:right])


def test_the_characters_of_a_plate_cannot_be_read_in_the_band() -> None:
    """Two plates that differ in every character give the same band, to a reader: the strokes are gone."""
    pictures = []
    for text in ("JH01AU5711", "KB88ZE0246"):
        picture = np.full((360, 640, 3), 90, np.uint8)
        cv2.rectangle(picture, (250, 220), (390, 248), (255, 255, 255), -1)
        cv2.putText(picture, text, (254, 242), cv2.FONT_HERSHEY_SIMPLEX, 0.72, (0, 0, 0), 2)
        pictures.append(picture)
    apart = [blur_people(p, detections(("car", (150, 40, 490, 310), 0.9))).image.astype(int) for p in pictures]
    before = np.abs(pictures[0].astype(int) - pictures[1].astype(int)).max()
    assert before > 200
    assert np.abs(apart[0] - apart[1]).max() < 0.15 * before


def test_a_bicycle_is_left_alone() -> None:
    blurred = blur_people(WALL, detections(("bicycle", (100, 100, 200, 200), 0.9)))
    assert (blurred.image == WALL).all()
    assert blurred.image is not WALL


def test_faint_people_are_blurred_too() -> None:
    faint = np.array([[200, 50, 300, 350]], np.float32)
    none = detections()
    seen = Detections(none.xyxy, none.confidence, none.cue, none.cue_names, faint_people_xyxy=faint)
    assert changed(WALL, blur_people(WALL, seen).image) == pytest.approx((180, 20, 320, 149), abs=2)


def test_a_person_outside_the_picture_is_survived() -> None:
    assert (blur_people(WALL, detections(("person", (900, 900, 950, 990), 0.9))).image == WALL).all()


def test_a_face_is_gone_for_the_face_finder(portrait: np.ndarray, yunet: Path) -> None:
    finder = YunetFinder(yunet, confidence=0.6)
    assert len(finder.find(portrait)) >= 1
    blurred = blur_people(portrait, Detections.empty(("person",)), PrivacyModels((YunetFinder(yunet),)))
    assert blurred.method == "person_head+yunet"
    assert len(finder.find(blurred.image)) == 0


def test_the_head_blur_alone_hides_the_face(portrait: np.ndarray, yunet: Path) -> None:
    height, width = portrait.shape[:2]
    person = Detections(
        np.array([[0, 0, width, height]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64), ("person",)
    )
    assert len(YunetFinder(yunet, confidence=0.6).find(blur_people(portrait, person).image)) == 0


def test_a_detector_without_people_needs_a_face_model(portrait: np.ndarray, yunet: Path) -> None:
    bikes_only = Detections.empty(("bicycle",))
    with pytest.raises(InputError, match="no person cue and no face model"):
        blur_people(portrait, bikes_only)
    assert blur_people(portrait, bikes_only, PrivacyModels((YunetFinder(yunet),))).method == "yunet"


def test_a_plate_model_looks_inside_the_vehicles(shared_data: Path, plate_model: Path) -> None:
    image = cv2.imread(str(shared_data / "detect" / "bikes_nerve" / "images" / "bikes_nerve_8c82cfdce4.jpg"))
    plate = (429.0, 458.0, 539.0, 493.0)  # hand label of datasets/privacy
    car = Detections(
        np.array([[310, 178, 576, 542]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64), ("car",)
    )
    models = PrivacyModels((_NoFaces(),), PlateFinder(plate_model))
    boxes = private_regions(image, car, models)["yolov5_plate"]
    assert any(b[0] <= plate[0] + 3 and b[1] <= plate[1] + 3 and b[2] >= plate[2] - 3 for b in boxes.tolist())
    assert len(private_regions(image, Detections.empty(("car",)), models)["yolov5_plate"]) == 0


class _NoFaces:
    """Looks for no faces, so that a detector without people is allowed."""

    name = "no_faces"

    def find(self, image: np.ndarray) -> np.ndarray:
        return np.zeros((0, 4))


def test_models_are_opened_by_what_the_file_holds(yunet: Path, plate_model: Path) -> None:
    models = open_privacy_models(yunet, plate_model)
    assert "yunet" in [finder.name for finder in models.faces]
    assert models.plates is not None
    assert NO_MODELS.plates is None


@pytest.mark.parametrize("kind", ["face", "plate"])
@pytest.mark.parametrize(("content", "message"), [(None, "is missing"), (b"no network", "cannot be used")])
def test_a_bad_model_file_is_refused(tmp_path: Path, kind: str, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{kind} model .*model\.onnx {message}"):
        open_privacy_models(path) if kind == "face" else open_privacy_models(None, path)


def test_a_network_of_another_kind_is_refused(shared_data: Path, yunet: Path, plate_model: Path) -> None:
    with pytest.raises(InputError, match=r"plate model .* has input .* needed are \(1, 3, 640, 640\)"):
        open_privacy_models(None, yunet)
    with pytest.raises(InputError, match=r"face model .*y5fu.* cannot be used"):
        open_privacy_models(plate_model)
