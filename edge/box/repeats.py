"""What a camera that stands has told already: a stall watched for hours is one report an hour, not one every pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from detector.boxes import iou_matrix
from detector.tracks import Box
from detector.vocabulary import Kind

AGAIN: Final = timedelta(hours=1)
"""A thing still there is told again after so long: the server then knows that it has not gone."""
SAME_IOU: Final = 0.5
SAME_SPOT_M: Final = 3.0
"""A vehicle that has driven further since looks at another place."""
_MAX = 500


@dataclass(frozen=True, slots=True)
class _Told:
    kind: Kind
    box: Box
    at: datetime
    odometer_m: float


class Repeats:
    """One camera's reports of the last hour."""

    def __init__(self) -> None:
        self._told: list[_Told] = []

    def told(self, kind: Kind, box: Box, at: datetime, odometer_m: float) -> bool:
        """Whether the same was told from the same spot within the hour.

        Args:
            box: of the thing, px of the camera's picture.
            odometer_m: of the vehicle; 0 for a camera that never moves.
        """
        self._told = [told for told in self._told if timedelta(0) <= at - told.at < AGAIN][-_MAX:]
        return any(
            told.kind is kind and abs(odometer_m - told.odometer_m) < SAME_SPOT_M and _iou(told.box, box) >= SAME_IOU
            for told in self._told
        )

    def tell(self, kind: Kind, box: Box, at: datetime, odometer_m: float) -> None:
        """It was told now."""
        self._told.append(_Told(kind, box, at, odometer_m))


def _iou(a: Box, b: Box) -> float:
    return float(iou_matrix(np.array([a], np.float32), np.array([b], np.float32))[0, 0])
