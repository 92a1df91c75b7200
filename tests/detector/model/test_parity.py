"""Our boxes are the trainer library's boxes: same count, IoU >= 0.99, confidence within 0.01."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.parity import pick_images, run
from detector.detections import Detections
from models.parity import compare


def detections(*rows: tuple[float, ...]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), ("person", "bicycle"))


BOX = (0, 0, 10, 10, 0.9, 0)


@pytest.mark.parametrize(
    ("ours", "theirs", "holds"),
    [
        (detections(), detections(), True),
        (detections(BOX), detections(BOX), True),
        (detections(BOX), detections(), False),
        (detections(BOX), detections((0, 0, 10, 9.8, 0.9, 0)), False),  # IoU 0.98
        (detections(BOX), detections((0, 0, 10, 10, 0.88, 0)), False),
        (detections(BOX), detections((0, 0, 10, 10, 0.9, 1)), False),  # another cue
    ],
)
def test_the_comparison_itself(ours: Detections, theirs: Detections, holds: bool) -> None:
    assert compare(ours, theirs).holds is holds


@pytest.mark.train
def test_parity_on_real_pictures(shared_data: Path, zoo_street: Path) -> None:
    pytest.importorskip("ultralytics", reason="needs the trainer library: pip install 'kerbwatch[train]'")
    paths = pick_images(shared_data, per_folder=17)
    differing = {p.name: a for p, a in zip(paths, run(zoo_street, paths), strict=True) if not a.holds}
    assert len(paths) > 50
    assert differing == {}
