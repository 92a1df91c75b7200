"""Does a thing move over the ground? Told from its boxes against the ground carried along by the camera.

The box is compared with an anchor, an earlier box of the same thing that the background carries through the
frames. When both its edges have left the anchor the same way by more than boxes jitter, it was displaced, and the
anchor is set anew. It is moving when the displacements add up to a way and it did not mostly rest.

Limits: a thing coming straight at the camera grows without shifting and is told late or never. From a moving camera
the verdict needs texture on the ground at the thing's foot; without it the thing counts as not moving, because a
parked bike must never be excused as a passing one. One edge alone proves nothing: something in front may cover it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detector.tracking.background import Background

_JITTER_SIZES = 0.3
_WAY_SIZES = 0.6
_REST_MIN_S = 2.0
_REST_SHARE = 0.5
_BORDER_PX = 2.0


class Standstill:
    """Follows one thing; feed `carry` every frame and `observe` every frame it is seen in."""

    __slots__ = ("_anchor", "_anchor_at_s", "_first_at_s", "_last_at_s", "_pending", "_rest_s", "_slack_px", "_way")

    def __init__(self, xyxy: NDArray[np.float64], at_s: float) -> None:
        self._anchor: NDArray[np.float64] | None = xyxy
        self._anchor_at_s = self._first_at_s = self._last_at_s = at_s
        self._slack_px = 0.0
        self._rest_s = 0.0
        self._way: NDArray[np.float64] = np.zeros(2)
        self._pending: NDArray[np.float64] = np.zeros(2)

    def carry(self, background: Background) -> None:
        """Move the anchor with the standing world into the next frame."""
        if self._anchor is None:
            return
        carried = background.carry(self._anchor)
        if carried is None:
            self._anchor = None
        else:
            self._anchor = carried.xyxy
            self._slack_px += carried.slack_px

    def observe(self, xyxy: NDArray[np.float64], at_s: float, width_px: int, height_px: int) -> None:
        """Compare the box (4,) px seen at `at_s` with the anchor; the frame is `width_px` x `height_px`."""
        self._last_at_s = at_s
        frame = np.array([0.0, 0.0, width_px, height_px])
        anchor = None if self._anchor is None else _clip(self._anchor, frame)
        if anchor is None:
            self._drop_anchor(xyxy, at_s)
            return
        size = math.sqrt(max(1.0, _area(xyxy) * _area(anchor)) ** 0.5)
        shift = _shift(anchor, xyxy, frame)
        length_px = math.hypot(*shift.tolist())
        if length_px > _JITTER_SIZES * size + self._slack_px:
            self._way += shift / size
            self._drop_anchor(xyxy, at_s)
        elif length_px > self._slack_px:
            self._pending = shift / size * (1 - self._slack_px / length_px)

    def moving(self) -> bool:
        """It went somewhere, and stood for less than half of the time it was followed."""
        rest_s = self._rest_s + self._open_rest_s(self._last_at_s)
        life_s = self._last_at_s - self._first_at_s
        way = self._way + self._pending
        return math.hypot(*way.tolist()) >= _WAY_SIZES and rest_s <= _REST_SHARE * life_s

    def _drop_anchor(self, xyxy: NDArray[np.float64], at_s: float) -> None:
        self._rest_s += self._open_rest_s(at_s)
        self._anchor, self._anchor_at_s, self._slack_px = xyxy, at_s, 0.0
        self._pending = np.zeros(2)

    def _open_rest_s(self, at_s: float) -> float:
        # Slow things also stay near an anchor for a moment: only a longer stay is a rest.
        stay_s = at_s - self._anchor_at_s
        return stay_s if stay_s >= _REST_MIN_S else 0.0


def _shift(anchor: NDArray[np.float64], now: NDArray[np.float64], frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """(dx, dy) px that both edges of an axis went the same way; an edge cut by the picture does not vote."""
    delta = now - anchor
    cut = (np.abs(now - frame) < _BORDER_PX) | (np.abs(anchor - frame) < _BORDER_PX)
    shift = np.zeros(2)
    for axis in (0, 1):
        votes = [float(delta[edge]) for edge in (axis, axis + 2) if not cut[edge]]
        if votes and (all(v > 0 for v in votes) or all(v < 0 for v in votes)):
            shift[axis] = min(votes, key=abs)
    return shift


def _clip(xyxy: NDArray[np.float64], frame: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The part of a box inside the picture; `None` when most of it has left."""
    clipped = xyxy.copy()
    clipped[0::2] = clipped[0::2].clip(0, frame[2])
    clipped[1::2] = clipped[1::2].clip(0, frame[3])
    return clipped if _area(clipped) >= 0.3 * max(_area(xyxy), 1.0) else None


def _area(xyxy: NDArray[np.float64]) -> float:
    return float(max(0.0, xyxy[2] - xyxy[0]) * max(0.0, xyxy[3] - xyxy[1]))
