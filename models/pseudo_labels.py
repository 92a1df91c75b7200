"""The teacher: the start weights label the cues that nobody labelled by hand.

A reviewer who looked at the bicycles of a picture said nothing about its cars. Where a cue is learnt that COCO knows
and nobody reviewed it, the start weights fill it in, at a larger input size than the student will have: an unlabelled
car must not be learnt as background. These boxes are *not* ground truth, and every box keeps its origin and confidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import CheckpointError
from models.label_box import LabelBox
from models.recipe import TeacherSpec
from models.trainer_env import ultralytics

__all__ = ["LabelBox", "load_network", "teacher_boxes"]


def teacher_boxes(
    images: Sequence[Path], weights: Path, cue_by_row: Mapping[int, str], spec: TeacherSpec
) -> Iterator[tuple[Path, tuple[LabelBox, ...]]]:
    """Label pictures with the start weights, one after the other.

    Args:
        images: Pictures to label.
        weights: A ``.pt`` file of the start weights.
        cue_by_row: The rows worth keeping and their cues (``models.slots.taught_cues``).
        spec: Input size and thresholds.

    Yields:
        The picture and its boxes, in the order of ``images``.

    Raises:
        CheckpointError: the weights cannot be read.
    """
    model = load_network(weights)
    for image in images:
        (result,) = model.predict(
            str(image),
            imgsz=spec.imgsz_px,
            conf=spec.min_confidence,
            iou=spec.nms_iou,
            classes=sorted(cue_by_row),
            device="cpu",
            verbose=False,
        )
        rows = result.boxes.cls.int().tolist()
        found = zip(rows, result.boxes.xywhn.tolist(), result.boxes.conf.tolist(), strict=True)
        boxes = [
            LabelBox(cue_by_row[row], *(round(part, 6) for part in xywh), origin="teacher", confidence=round(score, 4))
            for row, xywh, score in found
        ]
        yield image, tuple(boxes)


def load_network(weights: Path) -> Any:
    """An ``ultralytics.YOLO`` of a detection checkpoint.

    Raises:
        CheckpointError: no such file, or not a detection network.
    """
    if not weights.is_file():
        raise CheckpointError(f"no weights at {weights}: give --weights a .pt file (online: yolo26n.pt)")
    package = ultralytics()
    try:
        model = package.YOLO(str(weights), task="detect")
    except (RuntimeError, EOFError, KeyError, ModuleNotFoundError, TypeError) as error:
        raise CheckpointError(f"{weights} is not a readable checkpoint: {error}") from error
    return model
