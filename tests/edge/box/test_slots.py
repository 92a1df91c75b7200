"""One slot for each camera, served in turn."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from detector.frame import Frame
from edge.box.slots import Slots, Waiting

_IMAGE = np.zeros((4, 4, 3), np.uint8)
_AT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)


def _waiting(camera: int, seq: int = 0) -> Waiting:
    return Waiting(camera, Frame(_IMAGE, seq, _AT, float(seq), f"camera-{camera}"), 0.0)


def test_a_slot_holds_one_picture() -> None:
    slots = Slots(1)
    assert slots.free(0, 0.0)
    assert slots.put(_waiting(0), 0.0)
    assert not slots.free(0, 0.01)
    assert not slots.put(_waiting(0, 1), 0.01)
    taken = slots.take(0.0)
    assert taken is not None
    assert taken.frame.seq == 0
    assert slots.take(0.01) is None


def test_a_busy_camera_does_not_starve_the_others() -> None:
    slots = Slots(3)
    served = []
    for seq in range(6):
        for camera in (0, 1, 2):
            slots.put(_waiting(camera, seq), 0.0)
        taken = slots.take(0.0)
        assert taken is not None
        served.append(taken.camera)
    assert served == [0, 1, 2, 0, 1, 2]
