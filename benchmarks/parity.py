"""Do our boxes match the trainer library's own `predict` on the same ONNX file and input size?

Run it with the `[train]` extra installed::

    python -m benchmarks.parity [BUNDLE] --images 60

It draws pictures evenly from the real image folders, runs both on each, and matches boxes one to one by cue and
overlap. It fails (exit code 1) unless every picture has the same number of boxes, every pair overlaps by IoU >= 0.99
and every confidence agrees within 0.01. The table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.paths import BUNDLE, SHARED_DATA
from detector.model.yolo import open_detector
from models.parity import Agreement, parity
from models.signing import workshop_trust

FOLDERS = ("bikes_nerve", "coco256", "facade_ads")


def pick_images(data: Path, per_folder: int) -> list[Path]:
    """`per_folder` pictures spread evenly over each real folder."""
    picked: list[Path] = []
    for name in FOLDERS:
        paths = sorted((data / "detect" / name / "images").iterdir())
        picked += [paths[i] for i in np.linspace(0, len(paths) - 1, per_folder).round().astype(int).tolist()]
    return picked


def run(bundle: Path, paths: list[Path]) -> list[Agreement]:
    """Both detectors on every picture."""
    return list(parity(open_detector(bundle, trust=workshop_trust()), paths))


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
