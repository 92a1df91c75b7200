"""Keeps, while frames stream by, the one picture of each track that shows the thing best.

Good is: sharp, large, whole (not cut by the picture's edge), sure, and not hidden behind something nearer. Pictures
are kept as JPEG of high quality, one copy for all tracks that chose the same frame, under one cap on their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import areas, intersections
from detector.detections import Detections
from detector.errors import InputError
from detector.frame import Frame, Image
from detector.tracks import Box

_JPEG_QUALITY = 95
_BETTER = 1.1
_BORDER_PX = 2.0
_PATCH_PX = 192
_FULL_SIZE_PX = 256.0
_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class BestFrame:
    """The best picture of one track.

    Attributes:
        frame: the frame with its fix; its image is decoded again from the kept JPEG, nothing blurred yet.
        xyxy: the thing's box in it, px.
        detections: all boxes of the frame, for drawing and for blurring people.
        score: 0..1, comparable within a track only.
        jpeg: the kept JPEG itself, of which `frame` holds the pixels.
    """

    frame: Frame
    xyxy: Box
    detections: Detections
    score: float
    jpeg: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """One kept frame; tracks share it. `frame` has an empty image, `jpeg` the real one."""

    frame: Frame
    jpeg: bytes
    detections: Detections


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What a track chose; `offered` counts frames offered so far, for throwing out what was not seen for longest."""

    picture: _Picture
    xyxy: Box
    score: float
    offered: int


class BestFrames:
    """Best frame per track; the same frames always give the same choice.

    Args:
        max_bytes: cap on the kept JPEGs together. When it is reached, tracks not seen for longest lose their picture.
    """

    def __init__(self, max_bytes: int = 256 * 1024 * 1024) -> None:
        if max_bytes <= 0:
            raise InputError(f"max_bytes is {max_bytes}; give room for some pictures, e.g. 268435456")
        self._max_bytes = max_bytes
        self._choices: dict[str, _Choice] = {}
        self._offered = 0

    @property
    def kept_bytes(self) -> int:
        """Bytes of all kept pictures, shared ones counted once."""
        return sum(len(picture.jpeg) for picture in self._pictures().values())

    def offer(self, frame: Frame, detections: Detections, assignments: tuple[tuple[str, int], ...]) -> None:
        """Look at one frame; `assignments` are those of `detector.tracking.TrackUpdate` for the same detections."""
        self._offered += 1
        if not assignments:
            return
        possible = _score_without_sharpness(detections, frame.image.shape[1], frame.image.shape[0])
        better: dict[str, tuple[int, float]] = {}
        for track_id, index in assignments:
            known = self._choices.get(track_id)
            if known is not None:
                self._choices[track_id] = replace(known, offered=self._offered)
            # A frame must be clearly better, or every frame of an approaching thing would be encoded.
            floor = known.score * _BETTER if known else -1.0
            if possible[index] > floor:
                score = float(possible[index]) * _sharpness(frame.image, detections.xyxy[index])
                if score > floor:
                    better[track_id] = (index, score)
        if better:
            self._keep(frame, detections, better)

    def take(self, track_id: str) -> BestFrame | None:
        """The track's best frame, which is forgotten here.

        `None` when nothing is kept: the track was never offered, was taken or forgotten, or lost its picture to
        `max_bytes`.
        """
        choice = self._choices.pop(track_id, None)
        if choice is None:
            return None
        picture = choice.picture
        frame = replace(picture.frame, image=_decode(picture.jpeg))
        return BestFrame(frame, choice.xyxy, picture.detections, choice.score, picture.jpeg)

    def forget(self, track_ids: Iterable[str]) -> None:
        """Let go of tracks that nobody will ask for: dropped ones, and those judged to be allowed."""
        for track_id in track_ids:
            self._choices.pop(track_id, None)

    def _keep(self, frame: Frame, detections: Detections, better: dict[str, tuple[int, float]]) -> None:
        _, jpeg = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        picture = _Picture(replace(frame, image=_NO_IMAGE), jpeg.tobytes(), detections)
        for track_id, (index, score) in better.items():
            left, top, right, bottom = (float(v) for v in detections.xyxy[index])
            self._choices[track_id] = _Choice(picture, (left, top, right, bottom), score, self._offered)
        self._make_room()

    def _make_room(self) -> None:
        kept_bytes = self.kept_bytes
        while kept_bytes > self._max_bytes and len(self._choices) > 1:
            oldest = min(self._choices, key=lambda track_id: self._choices[track_id].offered)
            del self._choices[oldest]
            kept_bytes = self.kept_bytes

    def _pictures(self) -> dict[int, _Picture]:
        return {id(choice.picture): choice.picture for choice in self._choices.values()}


def _decode(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("a kept picture cannot be decoded: the memory or OpenCV's JPEG decoder is broken")
    return image.astype(np.uint8, copy=False)


def _score_without_sharpness(detections: Detections, width_px: int, height_px: int) -> NDArray[np.float64]:
    """Upper bound of every box's score, (N,)."""
    xyxy = detections.xyxy.astype(np.float64)
    side = np.sqrt(areas(xyxy))
    size = np.minimum(side / _FULL_SIZE_PX, 1.0) ** 0.5
    cut = (xyxy[:, :2] < _BORDER_PX).any(axis=1) | (xyxy[:, 2:] > np.array([width_px, height_px]) - _BORDER_PX).any(
        axis=1
    )
    seen = 1.0 - 0.7 * _hidden(xyxy)
    return size * np.where(cut, 0.4, 1.0) * seen * (0.5 + 0.5 * detections.confidence.astype(np.float64))


def _hidden(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest share of each box that one nearer box covers, 0..1, (N,); nearer is what stands lower in the picture."""
    if len(xyxy) < 2:
        return np.zeros(len(xyxy))
    share = intersections(xyxy, xyxy) / np.maximum(areas(xyxy), 1.0)[:, None]
    nearer = xyxy[None, :, 3] > xyxy[:, None, 3]
    return (share * nearer).max(axis=1)


def _sharpness(image: Image, xyxy: NDArray[np.float32]) -> float:
    """0..1: energy of fine detail (variance of the Laplacian) against all contrast, in the middle of the box."""
    height_px, width_px = image.shape[:2]
    left, top = (max(0, int(v)) for v in xyxy[:2])
    right, bottom = min(width_px, int(xyxy[2]) + 1), min(height_px, int(xyxy[3]) + 1)
    margin_x, margin_y = max(0, right - left - _PATCH_PX) // 2, max(0, bottom - top - _PATCH_PX) // 2
    patch = image[top + margin_y : bottom - margin_y, left + margin_x : right - margin_x]
    if min(patch.shape[:2]) < 3:
        return 0.0
    grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
    # The constant keeps a flat patch, which is all noise, from looking sharp.
    detail = float(cv2.Laplacian(grey, cv2.CV_32F).var()) / (float(grey.var()) + 25.0)
    return detail / (detail + 0.5)
