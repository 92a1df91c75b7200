"""What a model saw in one frame: a struct of arrays, validated once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError


def _no_boxes() -> NDArray[np.float32]:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes of one frame, in pixels of the full frame.

    Attributes:
        xyxy: float32 (N, 4), left, top, right, bottom, px; x right, y down.
        confidence: float32 (N,), 0..1.
        cue: int64 (N,), index into `cue_names`.
        cue_names: the model's cues in index order.
        faint_people_xyxy: float32 (M, 4), people too faint to count as detections, px. Only what blurs people looks
            at them: privacy must not hang on the threshold of a cue.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    cue: NDArray[np.int64]
    cue_names: tuple[str, ...]
    faint_people_xyxy: NDArray[np.float32] = field(default_factory=_no_boxes)

    def __post_init__(self) -> None:
        n = len(self.xyxy)
        if self.xyxy.shape != (n, 4) or self.confidence.shape != (n,) or self.cue.shape != (n,):
            raise InputError(
                f"detections need xyxy (N, 4), confidence (N,), cue (N,); got {self.xyxy.shape}, "
                f"{self.confidence.shape}, {self.cue.shape}"
            )
        if n and not (int(self.cue.min()) >= 0 and int(self.cue.max()) < len(self.cue_names)):
            raise InputError(f"cue index {int(self.cue.max())} has no name; the model has {len(self.cue_names)} cues")
        if self.faint_people_xyxy.ndim != 2 or self.faint_people_xyxy.shape[1] != 4:
            raise InputError(f"faint_people_xyxy needs the shape (M, 4); got {self.faint_people_xyxy.shape}")
        if not (np.isfinite(self.xyxy).all() and np.isfinite(self.faint_people_xyxy).all()):
            raise InputError("detections hold a box that is not finite; the model's output is broken")

    def __len__(self) -> int:
        return len(self.xyxy)

    def names(self) -> list[str]:
        """Cue name of each box."""
        return [self.cue_names[i] for i in self.cue.tolist()]

    def select(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        """The boxes picked by a mask (N,) or by indices (M,); the faint people stay."""
        return Detections(
            self.xyxy[keep], self.confidence[keep], self.cue[keep], self.cue_names, self.faint_people_xyxy
        )

    @staticmethod
    def empty(cue_names: tuple[str, ...]) -> Detections:
        """No boxes."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), cue_names)
