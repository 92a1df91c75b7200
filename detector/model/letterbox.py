"""Fits a picture of any size into the network's static rectangle, and boxes back into the picture.

The rounding is the trainer library's (ultralytics `LetterBox`, `scale_boxes`): a network sees at work what it saw
in training. `benchmarks/parity.py` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.frame import Image
from detector.model.card import InputSpec

MAX_SIDE_PX = 20_000


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture (H, W) lies in the rectangle: scaled to `width_px` x `height_px`, put at (`left_px`, `top_px`)."""

    source_height_px: int
    source_width_px: int
    height_px: int
    width_px: int
    top_px: int
    left_px: int

    def to_source(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) of the rectangle as boxes of the picture, px, clipped to it."""
        gain_x = np.float32(self.width_px / self.source_width_px)
        gain_y = np.float32(self.height_px / self.source_height_px)
        boxes = np.empty_like(xyxy)
        boxes[:, 0::2] = ((xyxy[:, 0::2] - self.left_px) / gain_x).clip(0, self.source_width_px)
        boxes[:, 1::2] = ((xyxy[:, 1::2] - self.top_px) / gain_y).clip(0, self.source_height_px)
        return boxes


def fit(source_height_px: int, source_width_px: int, spec: InputSpec) -> Fit:
    """Largest centred place for a picture in the rectangle of `spec`; each side keeps at least one pixel."""
    gain = min(spec.height_px / source_height_px, spec.width_px / source_width_px)
    width_px = max(round(source_width_px * gain), 1)
    height_px = max(round(source_height_px * gain), 1)
    # The tenth decides which side gets the odd pixel of padding.
    left_px = round((spec.width_px - width_px) / 2 - 0.1)
    top_px = round((spec.height_px - height_px) / 2 - 0.1)
    return Fit(source_height_px, source_width_px, height_px, width_px, top_px, left_px)


def check_image(image: Image) -> None:
    """Refuse what is not a BGR picture.

    Raises:
        InputError: not uint8, not (H, W, 3), empty or with a side over `MAX_SIDE_PX`.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"picture is {image.dtype} {image.shape}; give BGR uint8 (H, W, 3) "
            "(cv2.cvtColor turns grey and four-channel pictures into BGR)"
        )
    if not (0 < image.shape[0] <= MAX_SIDE_PX and 0 < image.shape[1] <= MAX_SIDE_PX):
        raise InputError(f"picture is {image.shape[1]}x{image.shape[0]}; each side must be 1 to {MAX_SIDE_PX} px")


class Letterbox:
    """Fills the network's input; its buffers are used again for every picture, so one instance serves one thread."""

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        self._canvas = np.full((spec.height_px, spec.width_px, 3), spec.pad_value, np.uint8)
        self._planes = [np.empty((spec.height_px, spec.width_px), np.uint8) for _ in range(3)]
        self._nchw = np.empty((1, 3, spec.height_px, spec.width_px), np.float32)
        self._fit: Fit | None = None

    def __call__(self, image: Image) -> tuple[NDArray[np.float32], Fit]:
        """The network's input (1, 3, H, W) float32 RGB, valid until the next call, and how the picture lies in it.

        Raises:
            InputError: `check_image`.
        """
        check_image(image)
        placed = fit(image.shape[0], image.shape[1], self._spec)
        if placed != self._fit:
            self._canvas[:] = self._spec.pad_value
            self._fit = placed
        window = self._canvas[
            placed.top_px : placed.top_px + placed.height_px, placed.left_px : placed.left_px + placed.width_px
        ]
        if image.shape[:2] == window.shape[:2]:
            window[:] = image
        else:
            cv2.resize(image, (placed.width_px, placed.height_px), dst=window, interpolation=cv2.INTER_LINEAR)
        # Apart first: numbers that lie side by side are multiplied three times as fast.
        cv2.split(self._canvas, self._planes)
        for plane, channel in enumerate((2, 1, 0)):
            np.multiply(self._planes[channel], np.float32(self._spec.scale), out=self._nchw[0, plane], dtype=np.float32)
        return self._nchw, placed
