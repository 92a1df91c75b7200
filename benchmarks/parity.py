"""Do our boxes match the trainer library's own `predict` on the same ONNX file and input size?

Run it with the `[train]` extra installed::

    python -m benchmarks.parity [BUNDLE] --images 60

It draws pictures evenly from the real image folders, runs both on each, and matches boxes one to one by cue and
overlap. It fails (exit code 1) unless every picture has the same number of boxes, every pair overlaps by IoU >= 0.99
and every confidence agrees within 0.01. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.paths import BUNDLE, SHARED_DATA
from detector.boxes import iou_matrix
from detector.detections import Detections
from detector.model.yolo import Detector, open_detector

FOLDERS = ("bikes_nerve", "coco256", "facade_ads")
IOU_MIN = 0.99
CONFIDENCE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Agreement:
    """How two sets of detections of one picture agree; `iou_min` is 1 and `confidence_max` 0 without boxes."""

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


def pick_images(data: Path, per_folder: int) -> list[Path]:
    """`per_folder` pictures spread evenly over each real folder."""
    picked: list[Path] = []
    for name in FOLDERS:
        paths = sorted((data / "detect" / name / "images").iterdir())
        picked += [paths[i] for i in np.linspace(0, len(paths) - 1, per_folder).round().astype(int).tolist()]
    return picked


def theirs_on(images: Iterable[np.ndarray], detector: Detector) -> Iterable[Detections]:
    """The trainer library's detections on each picture, above the same thresholds as ours."""
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(1)
    spec = detector.bundle.card.model
    thresholds = np.array([cue.min_confidence for cue in detector.bundle.card.cues], np.float32)
    network = YOLO(str(detector.bundle.dir / spec.file), task="detect")
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


def run(bundle: Path, paths: list[Path]) -> list[Agreement]:
    """Both detectors on every picture."""
    detector = open_detector(bundle)
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths]
    pairs = zip(images, theirs_on(images, detector), strict=True)
    return [compare(detector.detect(image), theirs) for image, theirs in pairs]


def main() -> int:
    """Print the table; 0 when every picture agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", default=BUNDLE)
    parser.add_argument("--images", type=int, default=60, help="pictures in all, spread over the folders")
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    args = parser.parse_args()
    paths = pick_images(args.data, -(-args.images // len(FOLDERS)))
    agreements = run(args.bundle, paths)
    print("| folder | pictures | boxes ours | boxes theirs | lowest IoU | largest confidence difference | agree |")
    print("|---|---|---|---|---|---|---|")
    for name in FOLDERS:
        rows = [a for a, path in zip(agreements, paths, strict=True) if path.parent.parent.name == name]
        print(
            f"| {name} | {len(rows)} | {sum(a.ours for a in rows)} | {sum(a.theirs for a in rows)} | "
            f"{min(a.iou_min for a in rows):.5f} | {max(a.confidence_max for a in rows):.6f} | "
            f"{sum(a.holds for a in rows)}/{len(rows)} |"
        )
    for agreement, path in zip(agreements, paths, strict=True):
        if not agreement.holds:
            print(f"differs: {path.name}: {agreement}")
    return 0 if all(a.holds for a in agreements) else 1


if __name__ == "__main__":
    sys.exit(main())
