"""Networks that find faces: YuNet and CenterFace, both read by OpenCV from an ONNX file.

Which of the two a file holds is told from the file itself. Large pictures are reduced, because the time grows with
the area. CenterFace sees a small picture enlarged, which finds more small faces; YuNet does not, because enlarged it
takes far more of bare walls and roads for faces and finds hardly more.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.frame import Image

YUNET: Final = "yunet"
CENTERFACE: Final = "centerface"

_YUNET_CONFIDENCE = 0.3
_CENTERFACE_CONFIDENCE = 0.2
_OVERLAP_MAX = 0.3
_YUNET_SIDE_PX = 1280
_YUNET_ENLARGED_MAX = 1.0
_CENTERFACE_SIDE_PX = 960
_CENTERFACE_ENLARGED_MAX = 1.5
_STEP_PX = 32
_CELL_PX = 4
_CENTERFACE_OUTPUTS = ("537", "538", "539", "540")
"""Heat, log size, offset, landmarks. They carry no better names; by them CenterFace is told from other networks."""


class FaceFinder(Protocol):
    """Finds faces in a picture."""

    @property
    def name(self) -> str:
        """What a report says was looked with."""
        ...

    def find(self, image: Image) -> NDArray[np.float64]:
        """Faces (N, 4) left, top, right, bottom, px of the picture (BGR uint8 (H, W, 3))."""
        ...


class YunetFinder:
    """YuNet (S. Yu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023) through `cv2.FaceDetectorYN`.

    Args:
        path: the ONNX file.
        confidence: lower finds more faces and blurs more that is none; a missed face costs more.

    Raises:
        InputError: the file is missing, or is no YuNet.
    """

    name = YUNET

    def __init__(self, path: Path, confidence: float = _YUNET_CONFIDENCE) -> None:
        _check_there(path)
        self._path = path
        self._one_at_a_time = Lock()
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), confidence)
        except cv2.error as error:
            raise _unusable(path, error) from error
        self.find(np.zeros((64, 64, 3), np.uint8))

    def find(self, image: Image) -> NDArray[np.float64]:
        """Faces (N, 4), px.

        Raises:
            InputError: the network gives something else than YuNet does.
        """
        small, scale = _sized(image, _YUNET_SIDE_PX, _YUNET_ENLARGED_MAX)
        try:
            # The network keeps the size of its input between calls, so threads must not share it.
            with self._one_at_a_time:
                self._network.setInputSize((small.shape[1], small.shape[0]))
                _, faces = self._network.detect(small)
        except cv2.error as error:
            raise _unusable(self._path, error) from error
        # OpenCV gives None where it finds no face, though its types do not say so.
        if faces is None:  # pyright: ignore[reportUnnecessaryComparison]
            return np.zeros((0, 4))
        boxes = np.asarray(faces, np.float64)[:, :4]
        boxes[:, 2:] += boxes[:, :2]
        return boxes / scale


class CenterFaceFinder:
    """CenterFace (Y. Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019).

    A heat map of face centres, 4 px to a cell, with the logarithm of each face's size and the centre's offset.

    Args:
        path: the ONNX file.
        confidence: lower finds more faces and blurs more that is none; a missed face costs more.

    Raises:
        InputError: the file is missing, or is no CenterFace.
    """

    name = CENTERFACE

    def __init__(self, path: Path, confidence: float = _CENTERFACE_CONFIDENCE) -> None:
        _check_there(path)
        self._path = path
        self._confidence = confidence
        self._one_at_a_time = Lock()
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise _unusable(path, error) from error
        self.find(np.zeros((64, 64, 3), np.uint8))

    def find(self, image: Image) -> NDArray[np.float64]:
        """Faces (N, 4), px.

        Raises:
            InputError: the network gives something else than CenterFace does.
        """
        small, _ = _sized(image, _CENTERFACE_SIDE_PX, _CENTERFACE_ENLARGED_MAX)
        size = (_up_to_step(small.shape[1]), _up_to_step(small.shape[0]))
        blob = cv2.dnn.blobFromImage(small, 1.0, size, (0, 0, 0), swapRB=True, crop=False)
        try:
            with self._one_at_a_time:
                self._network.setInput(blob)
                # OpenCV 5 gives all outputs or none, so the landmarks are asked for too.
                heat, log_size, offset, _ = self._network.forward(list(_CENTERFACE_OUTPUTS))
        except cv2.error as error:
            raise _unusable(self._path, error) from error
        maps = [np.asarray(output, np.float32) for output in (heat, log_size, offset)]
        boxes = _decode_centers(maps[0], maps[1], maps[2], self._confidence)
        per_px = np.array([image.shape[1] / size[0], image.shape[0] / size[1]] * 2)
        return boxes * per_px


def open_face_finder(path: Path) -> FaceFinder:
    """The finder for the network in `path`.

    Raises:
        InputError: the file is missing, or holds neither YuNet nor CenterFace.
    """
    _check_there(path)
    try:
        outputs = set(cv2.dnn.readNetFromONNX(str(path)).getUnconnectedOutLayersNames())
    except cv2.error as error:
        raise _unusable(path, error) from error
    return CenterFaceFinder(path) if outputs >= set(_CENTERFACE_OUTPUTS) else YunetFinder(path)


def _decode_centers(
    heat: NDArray[np.float32], log_size: NDArray[np.float32], offset: NDArray[np.float32], confidence: float
) -> NDArray[np.float64]:
    """Boxes (N, 4), px of the network's input, from maps (1, 1 or 2, H, W) whose two channels are y and x."""
    rows, columns = np.nonzero(heat[0, 0] > confidence)
    score = heat[0, 0, rows, columns].astype(np.float64)
    size = np.exp(log_size[0][:, rows, columns].astype(np.float64)) * _CELL_PX
    centre = (np.stack((rows, columns)) + offset[0][:, rows, columns] + 0.5) * _CELL_PX
    top_left, bottom_right = centre - size / 2, centre + size / 2
    boxes = np.stack((top_left[1], top_left[0], bottom_right[1], bottom_right[0]), axis=1)
    sides = np.column_stack((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]))
    keep = cv2.dnn.NMSBoxes(sides.tolist(), score.tolist(), 0.0, _OVERLAP_MAX)
    return boxes[np.asarray(keep, np.int64).reshape(-1)]


def _sized(image: Image, side_px: int, enlarged_max: float) -> tuple[Image, float]:
    """The picture with its longer side at `side_px`, enlarged at most so much; and the scale used."""
    scale = min(enlarged_max, side_px / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return (image if scale == 1.0 else cv2.resize(image, size, interpolation=way).astype(np.uint8, copy=False)), scale


def _up_to_step(side_px: int) -> int:
    return -(-side_px // _STEP_PX) * _STEP_PX


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"face model {path} is missing: give a YuNet or CenterFace ONNX file, or none")


def _unusable(path: Path, error: cv2.error) -> InputError:
    why = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
    return InputError(f"face model {path} cannot be used: {why}; give a YuNet or CenterFace ONNX file, or none")
