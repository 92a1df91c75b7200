"""Blurs people in the copies of pictures that leave the device.

Two ways that add up: the head end of every person box, faint ones included, and faces that a YuNet model finds
(a file the operator names, because not every deployment may ship one). What is blurred is first averaged to a few
cells, so nothing of the face is left to bring back, then smoothed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.errors import InputError
from detector.frame import Image

PERSON = "person"
_CELLS = 4
_FACE_CONFIDENCE = 0.5
_FACE_MAX_SIDE_PX = 1920

_one_at_a_time = Lock()
"""A face network keeps the size of its input between calls, so threads must not share it."""


class Blurred(NamedTuple):
    """A copy in which people cannot be told.

    Attributes:
        image: BGR uint8 (H, W, 3).
        method: ``person_head``, ``yunet``, or both joined by +: what was looked for, whether or not it was found.
    """

    image: Image
    method: str


def blur_people(image: Image, detections: Detections, face_model: Path | None = None) -> Blurred:
    """A copy of `image` with heads and faces blurred; the given array is never changed.

    Args:
        image: BGR uint8 (H, W, 3).
        detections: boxes of this very picture; `Detections.faint_people_xyxy` is blurred too.
        face_model: YuNet ONNX file for `cv2.FaceDetectorYN`.

    Raises:
        InputError: the face model cannot be read; or the detector knows no person cue and there is no face model
            either, so that nothing could be blurred and the picture must not be called blurred.
    """
    methods: list[str] = []
    regions: list[NDArray[np.float64]] = []
    if PERSON in detections.cue_names:
        people = detections.xyxy[detections.cue == detections.cue_names.index(PERSON)]
        methods.append("person_head")
        regions += [
            _head(box) for box in (*people.astype(np.float64), *detections.faint_people_xyxy.astype(np.float64))
        ]
    if face_model is not None:
        methods.append("yunet")
        regions += [_widen(box, 0.3) for box in find_faces(image, face_model)]
    if not methods:
        raise InputError(
            "the model has no person cue and no face model was given, so people cannot be blurred: "
            "give a face model, or a bundle with the cue 'person'"
        )
    blurred = image.copy()
    for left, top, right, bottom in (_inside(region, image) for region in regions):
        if left < right and top < bottom:
            blurred[top:bottom, left:right] = _unrecognisable(blurred[top:bottom, left:right])
    return Blurred(blurred, "+".join(methods))


def find_faces(image: Image, face_model: Path) -> NDArray[np.float64]:
    """Faces that YuNet finds, (N, 4) left, top, right, bottom, px.

    Raises:
        InputError: the model file is missing or is no YuNet.
    """
    if not face_model.is_file():
        raise InputError(f"face model {face_model} is missing: give a YuNet ONNX file, or none")
    scale = min(1.0, _FACE_MAX_SIDE_PX / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    try:
        with _one_at_a_time:
            network = _face_network(face_model)
            network.setInputSize(size)
            _, faces = network.detect(small)
    except cv2.error as error:
        raise InputError(f"face model {face_model} cannot be used: {error}; give a YuNet ONNX file, or none") from error
    # OpenCV gives None where it finds no face, though its types do not say so.
    if faces is None:  # pyright: ignore[reportUnnecessaryComparison]
        return np.zeros((0, 4))
    boxes = np.asarray(faces, np.float64)[:, :4] / scale
    boxes[:, 2:] += boxes[:, :2]
    return boxes


@lru_cache(maxsize=1)
def _face_network(face_model: Path) -> cv2.FaceDetectorYN:
    return cv2.FaceDetectorYN.create(str(face_model), "", (320, 320), _FACE_CONFIDENCE)


def _head(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the head is in a person box, with room for a box that sits badly.

    A standing person is 7 to 8 heads high, so 0.22 of the height holds the head. A box that is wide for its height
    is someone bent, seated or cut off: there the width tells the head's size, up to the whole box.
    """
    left, top, right, bottom = xyxy.tolist()
    wide, high = right - left, bottom - top
    head = min(max(0.22 * high, 0.6 * wide), high)
    margin_x, margin_y = 0.15 * wide, 0.05 * high
    return np.array([left - margin_x, top - margin_y, right + margin_x, top + head])


def _widen(xyxy: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    margin = part * (xyxy[2:] - xyxy[:2])
    return np.concatenate((xyxy[:2] - margin, xyxy[2:] + margin))


def _inside(xyxy: NDArray[np.float64], image: Image) -> tuple[int, int, int, int]:
    """The box in whole pixels of the picture, rounded outwards."""
    height_px, width_px = image.shape[:2]
    left, top = (max(0, int(v)) for v in np.floor(xyxy[:2]))
    right, bottom = (int(v) for v in np.ceil(xyxy[2:]))
    return left, top, min(width_px, right), min(height_px, bottom)


def _unrecognisable(region: Image) -> Image:
    """The region averaged to `_CELLS` cells on its short side, and smoothed over their edges."""
    height_px, width_px = region.shape[:2]
    cell_px = max(1.0, min(height_px, width_px) / _CELLS)
    cells = (max(1, round(width_px / cell_px)), max(1, round(height_px / cell_px)))
    coarse = cv2.resize(region, cells, interpolation=cv2.INTER_AREA)
    pixelated = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(pixelated, (0, 0), sigmaX=cell_px / 2).astype(np.uint8, copy=False)
