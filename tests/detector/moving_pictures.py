"""Made-up film for tests of what runs over time: a textured street, a camera that may pan, boxes put on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from detector.detections import Detections
from detector.frame import Frame

CUES = ("person", "bicycle", "motorcycle", "car", "table")
START = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)

Row = tuple[str, tuple[float, float, float, float], float]
"""Cue, box, confidence."""


def street(width_px: int = 2000, height_px: int = 360, seed: int = 7) -> np.ndarray:
    """A long textured wall and ground, BGR uint8; a camera sees 640 px of it at a time."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height_px // 12, width_px // 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_LINEAR)


def detections(*rows: Row) -> Detections:
    """Boxes of one frame; the cues are `CUES`."""
    return Detections(
        np.array([box for _, box, _ in rows], np.float32).reshape(-1, 4),
        np.array([confidence for _, _, confidence in rows], np.float32),
        np.array([CUES.index(cue) for cue, _, _ in rows], np.int64),
        CUES,
    )


def frame(seq: int, at_s: float, image: np.ndarray, scene: int = 0) -> Frame:
    """A frame of the made-up source ``film`` at `at_s` seconds."""
    return Frame(image, seq, START + timedelta(seconds=at_s), at_s, "film", scene=scene)
