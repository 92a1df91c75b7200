"""Does a bundle find, as devices run it, what the trainer library's own ``predict`` finds with the same ONNX file?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detector.boxes import iou_matrix
from detector.detections import Detections
from detector.frame import Image
from detector.model.yolo import Detector
from models.errors import DatasetError
from models.pseudo_labels import load_network
from models.trainer_env import set_threads

IOU_MIN = 0.99
CONFIDENCE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Agreement:
    """How two sets of detections of one picture agree; ``iou_min`` is 1 and ``confidence_max`` 0 without boxes."""

    ours: int
    theirs: int
    iou_min: float
    confidence_max: float

    @property
    def holds(self) -> bool:
        """Same count, every pair at IoU >= 0.99 and within 0.01 of confidence."""
        return self.ours == self.theirs and self.iou_min >= IOU_MIN and self.confidence_max <= CONFIDENCE_TOLERANCE


def compare(ours: Detections, theirs: Detections) -> Agreement:
    """Match boxes one to one within a cue, best overlap first."""
    iou = iou_matrix(ours.xyxy, theirs.xyxy) * (ours.cue[:, None] == theirs.cue)
    iou_min, confidence_max = 1.0, 0.0
    for _ in range(min(iou.shape)):
        i, j = np.unravel_index(int(iou.argmax()), iou.shape)
        iou_min = min(iou_min, float(iou[i, j]))
        confidence_max = max(confidence_max, abs(float(ours.confidence[i] - theirs.confidence[j])))
        iou[i, :] = iou[:, j] = -1.0
    return Agreement(len(ours), len(theirs), iou_min, confidence_max)


def parity(detector: Detector, pictures: Sequence[Path]) -> Iterator[Agreement]:
    """Compare picture by picture.

    Raises:
        DatasetError: a picture does not decode.
        TrainExtraMissing: torch or ultralytics is not installed.
    """
    images = [_read(path) for path in pictures]
    for image, theirs in zip(images, trainer_detections(images, detector), strict=True):
        yield compare(detector.detect(image), theirs)


def trainer_detections(images: Iterable[Image], detector: Detector) -> Iterator[Detections]:
    """The trainer library's detections on each picture, with the bundle's ONNX file and above the same thresholds."""
    spec = detector.bundle.card.model
    thresholds = np.array([cue.min_confidence for cue in detector.bundle.card.cues], np.float32)
    network = load_network(detector.bundle.dir / spec.file)
    set_threads(1)
    for image in images:
        (result,) = network.predict(
            image,
            imgsz=(spec.input.height_px, spec.input.width_px),
            conf=float(thresholds.min()),
            iou=spec.nms_iou,
            max_det=spec.max_detections,
            device="cpu",
            verbose=False,
        )
        boxes = result.boxes
        found = Detections(
            boxes.xyxy.numpy().astype(np.float32),
            boxes.conf.numpy().astype(np.float32),
            boxes.cls.numpy().astype(np.int64),
            detector.cue_names,
        )
        yield found.select(found.confidence >= thresholds[found.cue])


def _read(path: Path) -> Image:
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"cannot read the picture {path}: give JPEG or PNG files")
    return image
