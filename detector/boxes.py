"""Arithmetic on boxes: arrays (N, 4) of left, top, right, bottom in px; x right, y down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32] | NDArray[np.float64]
"""(N, 4) left, top, right, bottom, px."""


def areas(xyxy: Boxes) -> NDArray[np.float64]:
    """Area of each box, px^2, (N,); a box turned inside out has none."""
    size = (xyxy[:, 2:].astype(np.float64) - xyxy[:, :2]).clip(0)
    return size[:, 0] * size[:, 1]


def intersections(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Shared area of every pair, px^2, (N, M)."""
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    high = np.minimum(a64[:, None, 2:], b64[None, :, 2:])
    size = (high - np.maximum(a64[:, None, :2], b64[None, :, :2])).clip(0)
    return size[..., 0] * size[..., 1]


def iou_matrix(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair, 0..1, (N, M); 0 where neither box has an area."""
    shared = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
