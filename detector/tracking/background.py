"""How the standing world moved in the picture since the last frame: the camera's own motion.

Corners outside every box are followed by sparse optical flow on a small grey picture; the largest group of them that
moves as one (shift, turn, zoom) is the background. While that motion stays under half a pixel the picture of
reference is kept, so a standing camera adds up no drift over hours.

Limits, honestly: one shift-turn-zoom cannot follow a scene with depth. From a driving vehicle near things move more
than far ones, so for one thing the corners on the ground around its foot are asked (`Background.carry`), and where
there are none, its place is known only to a few times the camera's own motion. Something that fills most of the
picture can pass for the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.frame import Image

WIDTH_PX = 320
_MAX_CORNERS = 150
_MIN_CORNERS = 8
_MIN_LOCAL_CORNERS = 3
_STILL_PX = 0.5
_REFERENCE_MAX_S = 1.0
_RANSAC_PX = 1.5
_PARALLAX_MAX = 3.0
_SEEN_SLACK = 0.3
_UNSEEN_SLACK = 2.5

_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_NO_POINTS = np.zeros((0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A box moved with the standing world.

    Attributes:
        xyxy: float64 (4,) px.
        slack_px: how far off the place may be because the scene has depth.
    """

    xyxy: NDArray[np.float64]
    slack_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Motion of the standing world from the last frame to this one, in px of the full frame.

    Attributes:
        affine: float64 (2, 3), maps a point of the last frame to this one.
        known: the motion could be measured; `affine` is the identity otherwise.
        moved: the camera moved, by more than can be told from standing.
        corners: float64 (M, 2), corners in this frame.
        parallax: float64 (M, 2), px by which each corner went further than `affine` says.
    """

    affine: NDArray[np.float64]
    known: bool
    moved: bool
    corners: NDArray[np.float64]
    parallax: NDArray[np.float64]

    def move(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 2) of the last frame where the background carries them to."""
        return points @ self.affine[:, :2].T + self.affine[:, 2]

    def carry(self, xyxy: NDArray[np.float64]) -> Carried | None:
        """Where a box (4,) of the last frame would be now if it stood on the ground; `None` when that is unknown."""
        if not self.known:
            return None
        if not self.moved:
            return Carried(xyxy, 0.0)
        carried = self.move(xyxy.reshape(2, 2)).reshape(4)
        step_px = float(np.hypot(*(carried - xyxy).reshape(2, 2).mean(axis=0).tolist()))
        parallax = self._parallax_at_foot(carried)
        if parallax is None or float(np.hypot(*parallax.tolist())) > _PARALLAX_MAX * step_px + 1.0:
            return Carried(carried, _UNSEEN_SLACK * step_px)
        return Carried(carried + np.tile(parallax, 2), _SEEN_SLACK * step_px)

    def _parallax_at_foot(self, carried: NDArray[np.float64]) -> NDArray[np.float64] | None:
        left, top, right, bottom = carried.tolist()
        wide, high = right - left, bottom - top
        x, y = self.corners[:, 0], self.corners[:, 1]
        near = (x > left - 0.75 * wide) & (x < right + 0.75 * wide)
        near &= (y > bottom - 0.35 * high) & (y < bottom + 0.5 * high)
        if int(near.sum()) < _MIN_LOCAL_CORNERS:
            return None
        return np.median(self.parallax[near], axis=0)


UNKNOWN = Background(_IDENTITY, known=False, moved=False, corners=_NO_POINTS, parallax=_NO_POINTS)
"""Nothing could be measured."""
STILL = Background(_IDENTITY, known=True, moved=False, corners=_NO_POINTS, parallax=_NO_POINTS)
"""The camera stood still."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    grey: NDArray[np.uint8]
    corners: NDArray[np.float32]
    at_s: float


class BackgroundMotion:
    """Measures the background's motion frame by frame; one instance per source."""

    def __init__(self) -> None:
        self._reference: _Reference | None = None

    def reset(self) -> None:
        """Forget the last frame: at a hard cut, or when nothing is followed."""
        self._reference = None

    def update(self, image: Image, boxes: NDArray[np.float32], at_s: float) -> Background:
        """Motion since the last call.

        Args:
            image: BGR uint8 (H, W, 3).
            boxes: (N, 4) px, whatever may move by itself: no corner is taken inside them.
            at_s: the frame's time on the source's clock.
        """
        scale = min(1.0, WIDTH_PX / image.shape[1])
        grey = _small_grey(image, scale)
        last = self._reference
        if last is None or last.grey.shape != grey.shape:
            self._reference = _reference(grey, boxes * np.float32(scale), at_s)
            return UNKNOWN
        measured = _measure(last, grey, boxes, scale)
        # A picture of reference that still fits is kept: small motion adds up in it instead of in rounding.
        if measured is not STILL or at_s - last.at_s > _REFERENCE_MAX_S:
            self._reference = _reference(grey, boxes * np.float32(scale), at_s)
        return measured


def _small_grey(image: Image, scale: float) -> NDArray[np.uint8]:
    size = (round(image.shape[1] * scale), max(1, round(image.shape[0] * scale)))
    if scale < 0.5:
        # Averaging every pixel of a big picture would cost more than the flow: thin it first, then average.
        thin = cv2.resize(image, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_NEAREST)
        image = thin.astype(np.uint8, copy=False)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


def _reference(grey: NDArray[np.uint8], boxes: NDArray[np.float32], at_s: float) -> _Reference:
    mask = np.full(grey.shape, 255, np.uint8)
    for left, top, right, bottom in boxes.round().astype(int).tolist():
        mask[max(0, top - 2) : bottom + 3, max(0, left - 2) : right + 3] = 0
    found = cv2.goodFeaturesToTrack(grey, _MAX_CORNERS, 0.01, 7, mask=mask)
    # OpenCV gives None where a picture has no corner, though its types do not say so.
    corners = np.zeros((0, 1, 2)) if found is None else found  # pyright: ignore[reportUnnecessaryComparison]
    return _Reference(grey, corners.astype(np.float32), at_s)


def _covered(points: NDArray[np.float64], boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the points (N, 2) lie in a box: something has moved in front of them since."""
    x, y = points[:, :1], points[:, 1:]
    inside = (x >= boxes[:, 0]) & (x <= boxes[:, 2]) & (y >= boxes[:, 1]) & (y <= boxes[:, 3])
    return np.flatnonzero(inside.sum(axis=1))


def _measure(last: _Reference, grey: NDArray[np.uint8], boxes: NDArray[np.float32], scale: float) -> Background:
    if len(last.corners) < _MIN_CORNERS:
        return UNKNOWN
    flowed, status, _ = cv2.calcOpticalFlowPyrLK(
        last.grey,
        grey,
        last.corners,
        np.zeros_like(last.corners),
        winSize=(15, 15),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 10, 0.03),
        minEigThreshold=5e-4,
    )
    goal = flowed.reshape(-1, 2).astype(np.float64)
    followed = status.ravel() == 1
    followed[_covered(goal / scale, boxes)] = False
    before, after = last.corners.reshape(-1, 2)[followed].astype(np.float64), goal[followed]
    if len(before) < max(_MIN_CORNERS, len(last.corners) // 4):
        return UNKNOWN
    affine, inliers = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=_RANSAC_PX)
    if affine is None or int(inliers.sum()) < max(_MIN_CORNERS, len(before) // 3):  # pyright: ignore[reportUnnecessaryComparison]
        return UNKNOWN
    expected = before @ affine[:, :2].T + affine[:, 2]
    if float(np.abs(expected - before).max()) < _STILL_PX:
        return STILL
    whole = affine.astype(np.float64)
    whole[:, 2] /= scale
    return Background(whole, known=True, moved=True, corners=after / scale, parallax=(after - expected) / scale)
