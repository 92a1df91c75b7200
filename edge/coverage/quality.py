"""How well a picture shows what it shows, as numbers from which nothing of it can be made again."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.frame import Image

SHARP_MIN: Final = 0.38
"""Street pictures have 0.44 to 0.75; smeared by motion over 4 % of their width 0.36 and less."""
LIGHT_MIN: Final = 0.05
"""Darker is a covered lens or a street without a lamp."""
_WIDTH_PX = 320
_BLUR_PX = 9


def sharpness(image: Image) -> float:
    """0 (smeared) to 1 (sharp), the worse of both directions: motion blur has one.

    What a blur takes away from the steps between neighbouring pixels: much from a sharp picture, little from one that
    is blurred already (Crete, Dolmiere, Ladret and Nicolas 2007, "The blur effect"). It does not depend on how much
    there is to see, unlike the variance of a Laplacian.
    """
    grey = small(image)
    if grey.size == 0:
        return 0.0
    return min(_loss(grey, axis=1), _loss(grey, axis=0))


def light(image: Image) -> float:
    """Mean brightness, 0 to 1."""
    return float(small(image).mean()) / 255.0


def small(image: Image) -> NDArray[np.float32]:
    """The picture in grey, 320 px wide."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height_px = max(round(grey.shape[0] * _WIDTH_PX / grey.shape[1]), _BLUR_PX)
    return np.asarray(cv2.resize(grey, (_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA), np.float32)


def _loss(grey: NDArray[np.float32], axis: int) -> float:
    kernel = (_BLUR_PX, 1) if axis == 1 else (1, _BLUR_PX)
    steps = np.abs(np.diff(grey, axis=axis))
    left = np.abs(np.diff(np.asarray(cv2.blur(grey, kernel), np.float32), axis=axis))
    total = float(steps.sum())
    return float(np.maximum(steps - left, 0.0).sum()) / total if total > 0.0 else 0.0
