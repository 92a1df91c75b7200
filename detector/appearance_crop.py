"""What of a picture an appearance embedding may see: one thing, cut out, with the people in it painted over.

People go *before* the network runs. Nothing of their pixels is left in the crop, so nothing of them can be in the
embedding: a person in front of a stall leaves a blank of one colour, whoever it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.frame import Image

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CropSpec:
    """How a thing is cut out.

    Attributes:
        side_px: side of the square that the crop is fitted to; the aspect is not kept.
        context_share: how far the cut reaches beyond the box, in shares of its width and height. More context tells
            neighbours of one make apart by what stands around them, and suffers when that changes.
        person_margin_share: how far a person's box is widened on each side: a detector's box cuts elbows and bags.
        min_side_px: a box with a shorter side, after it was cut off at the picture's edges, says too little.
        min_visible_share: the share of the box that must be free of people and inside the picture.
    """

    side_px: int
    context_share: float
    person_margin_share: float
    min_side_px: int
    min_visible_share: float


def masked_crop(
    image: Image, xyxy: NDArray[np.floating], person_xyxy: NDArray[np.floating], spec: CropSpec
) -> Plane | None:
    """The network's input for one thing.

    Args:
        image: BGR uint8 (H, W, 3).
        xyxy: (4,) the thing's box, px.
        person_xyxy: (N, 4) every person in the picture, faint ones too, px.

    Returns:
        float32 (1, 4, side, side): red, green, blue in 0..1, and the share of each cell that is seen. What is not seen
        (people, beyond the picture's edge) has the mean colour of the rest. None when the box is too small, or people
        take up too much of it.

    Raises:
        InputError: a box is not finite, turned inside out or of the wrong shape.
    """
    _check_boxes(xyxy, person_xyxy)
    left, top, right, bottom = _cut(xyxy, image)
    if min(right - left, bottom - top) < spec.min_side_px:
        return None
    window = _grown(left, top, right, bottom, spec.context_share)
    seen = _seen(window, image, person_xyxy, spec.person_margin_share)
    box = seen[top - window[1] : bottom - window[1], left - window[0] : right - window[0]]
    whole_px2 = (float(xyxy[2]) - float(xyxy[0])) * (float(xyxy[3]) - float(xyxy[1]))
    if box.sum() < spec.min_visible_share * max(whole_px2, box.size):
        return None
    return _planes(_painted(image, window, seen), seen, spec.side_px)


def _check_boxes(xyxy: NDArray[np.floating], person_xyxy: NDArray[np.floating]) -> None:
    if xyxy.shape != (4,) or not np.isfinite(xyxy).all():
        raise InputError(f"the box is {xyxy.tolist()}; give four finite numbers: left, top, right, bottom in px")
    if not (xyxy[0] < xyxy[2] and xyxy[1] < xyxy[3]):
        raise InputError(f"the box {xyxy.tolist()} has no area; give left < right and top < bottom")
    if person_xyxy.ndim != 2 or person_xyxy.shape[1] != 4 or not np.isfinite(person_xyxy).all():
        raise InputError(f"person_xyxy must be finite and of shape (N, 4), (0, 4) for nobody; got {person_xyxy.shape}")
    if not (person_xyxy[:, :2] <= person_xyxy[:, 2:]).all():  # it would cover nobody
        raise InputError(f"a person's box is turned inside out: {person_xyxy.tolist()}; give left, top, right, bottom")


def _cut(xyxy: NDArray[np.floating], image: Image) -> tuple[int, int, int, int]:
    """The box in whole pixels, cut off at the picture's edges."""
    height, width = image.shape[:2]
    left, top = max(math.floor(xyxy[0]), 0), max(math.floor(xyxy[1]), 0)
    return left, top, max(min(math.ceil(xyxy[2]), width), left), max(min(math.ceil(xyxy[3]), height), top)


def _grown(left: int, top: int, right: int, bottom: int, share: float) -> tuple[int, int, int, int]:
    dx, dy = round((right - left) * share), round((bottom - top) * share)
    return left - dx, top - dy, right + dx, bottom + dy


def _seen(
    window: tuple[int, int, int, int], image: Image, person_xyxy: NDArray[np.floating], margin_share: float
) -> NDArray[np.uint8]:
    """1 where the window shows the picture and nobody in it."""
    left, top, right, bottom = window
    seen = np.zeros((bottom - top, right - left), np.uint8)
    height, width = image.shape[:2]
    seen[max(-top, 0) : height - top, max(-left, 0) : width - left] = 1
    for x0, y0, x1, y1 in person_xyxy.tolist():
        dx, dy = abs(x1 - x0) * margin_share, abs(y1 - y0) * margin_share
        rows = slice(max(math.floor(y0 - dy) - top, 0), max(math.ceil(y1 + dy) - top, 0))
        columns = slice(max(math.floor(x0 - dx) - left, 0), max(math.ceil(x1 + dx) - left, 0))
        seen[rows, columns] = 0
    return seen


def _painted(image: Image, window: tuple[int, int, int, int], seen: NDArray[np.uint8]) -> Image:
    """The window's pixels; what is not seen has the mean colour of the rest."""
    left, top, right, bottom = window
    height, width = image.shape[:2]
    shown = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    if seen.all():
        return shown
    y, x = max(-top, 0), max(-left, 0)
    shown_seen = seen[y : y + shown.shape[0], x : x + shown.shape[1]]
    crop = np.empty((*seen.shape, 3), np.uint8)
    crop[:] = np.rint(cv2.mean(shown, mask=shown_seen)[:3]).astype(np.uint8)
    np.copyto(crop[y : y + shown.shape[0], x : x + shown.shape[1]], shown, where=shown_seen.astype(bool)[:, :, None])
    return crop


def _planes(crop: Image, seen: NDArray[np.uint8], side_px: int) -> Plane:
    planes = np.empty((1, 4, side_px, side_px), np.float32)
    fitted = _fitted(crop, side_px)
    for plane, channel in enumerate((2, 1, 0)):
        np.multiply(fitted[:, :, channel], np.float32(1 / 255), out=planes[0, plane], dtype=np.float32)
    planes[0, 3] = _fitted(seen.astype(np.float32), side_px)
    return planes


def _fitted(picture: NDArray[Any], side_px: int) -> NDArray[Any]:
    """Resized to the square; each axis shrinks by averaging and grows by interpolation, for a sign is wide and flat."""
    height, width = picture.shape[:2]
    shrunk = (min(width, side_px), min(height, side_px))
    if shrunk != (width, height):
        picture = np.asarray(cv2.resize(picture, shrunk, interpolation=cv2.INTER_AREA), picture.dtype)
    if shrunk != (side_px, side_px):
        picture = np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_LINEAR), picture.dtype)
    return picture
