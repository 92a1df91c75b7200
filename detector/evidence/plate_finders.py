"""A network that finds number plates inside vehicles: HyperLPR3's YOLOv5-style detector, an ONNX file the user gives.

It is shown one vehicle at a time: on a whole street picture it takes shop signs and house numbers for plates, and a
plate of 20 px is too small for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError, InputError
from detector.frame import Image
from detector.model.session import OnnxSession, model_ports

YOLOV5_PLATE: Final = "yolov5_plate"

_SIDE_PX = 640
_COLUMNS = 15
"""Box (4), objectness, four corners (8), and a score for plates of one and of two lines."""
_ROWS_MAX = 100_000
_CONFIDENCE = 0.2
_OVERLAP_MAX = 0.5
_MARGIN = 0.1
_VEHICLE_MIN_PX = 40.0
_PAD_VALUE = 114


class PlateFinder:
    """Finds number plates in the vehicles of a picture.

    Args:
        path: ONNX file: input (1, 3, 640, 640) RGB 0..1, output (1, N, 15).
        threads: CPU threads of the network.

    Raises:
        InputError: the file is missing, or holds another network.
    """

    name = YOLOV5_PLATE

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise InputError(f"plate model {path} is missing: give a YOLOv5-style plate detector as ONNX, or none")
        model = path.read_bytes()
        try:
            inputs, outputs = model_ports(model)
            self._session = OnnxSession(model, threads=threads)
        except BundleError as error:
            raise InputError(
                f"plate model {path} cannot be used: {error}; give a YOLOv5-style plate detector as ONNX, or none"
            ) from error
        if inputs[0].shape != (1, 3, _SIDE_PX, _SIDE_PX) or outputs[0].shape[-1:] != (_COLUMNS,):
            raise InputError(
                f"plate model {path} has input {inputs[0].shape} and output {outputs[0].shape}; needed are "
                f"(1, 3, {_SIDE_PX}, {_SIDE_PX}) and (1, N, {_COLUMNS}): give a YOLOv5-style plate detector, or none"
            )

    def find(self, image: Image, vehicles_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Plates (N, 4), px of the picture (BGR uint8 (H, W, 3)), in the vehicles (M, 4) of 40 px width or more."""
        wide = vehicles_xyxy[vehicles_xyxy[:, 2] - vehicles_xyxy[:, 0] >= _VEHICLE_MIN_PX]
        found = [self._in_vehicle(image, box) for box in wide]
        return np.concatenate([np.zeros((0, 4)), *found])

    def _in_vehicle(self, image: Image, xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        margin = _MARGIN * (xyxy[2:] - xyxy[:2])
        left, top = (max(0, int(v)) for v in xyxy[:2] - margin)
        right, bottom = (int(v) for v in xyxy[2:] + margin)
        crop = image[top:bottom, left:right]
        if crop.size == 0:
            return np.zeros((0, 4))
        scale = _SIDE_PX / max(crop.shape[:2])
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        canvas = np.full((_SIDE_PX, _SIDE_PX, 3), _PAD_VALUE, np.uint8)
        canvas[: size[1], : size[0]] = cv2.resize(crop, size)
        nchw = np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1)[None], np.float32)
        nchw *= 1 / 255
        return _decode(self._session.run(nchw)) / scale + np.array([left, top, left, top])


def _decode(output: NDArray[np.float32]) -> NDArray[np.float64]:
    """Boxes (N, 4), px of the network's input, from (1, N, 15)."""
    rows = output[0, :_ROWS_MAX].astype(np.float64)
    score = rows[:, 4] * rows[:, 13:].max(axis=1)
    rows, score = rows[score > _CONFIDENCE], score[score > _CONFIDENCE]
    half = rows[:, 2:4] / 2
    sides = np.column_stack((rows[:, :2] - half, rows[:, 2:4]))
    keep = np.asarray(cv2.dnn.NMSBoxes(sides.tolist(), score.tolist(), 0.0, _OVERLAP_MAX), np.int64).reshape(-1)
    return np.column_stack((rows[:, :2] - half, rows[:, :2] + half))[keep]
