"""Where things that stand will appear after the vehicle has moved.

Looks that are metres apart share no pixels: a bike 8 m ahead grows by half and moves by more than its own width while
the vehicle drives 2.5 m. What stands on the ground has a place, though. It is kept in metres, with its size, and each
look tells it better; at the next look, place and size give the box to expect. A thing whose foot is not on the ground
(a sign on a wall, whatever is near the horizon) is given several distances, and the next look tells which.

Only what stands is foretold. What drives is seen anew at every look of a sparse patrol, and never believed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from detector.frame import Frame
from detector.geo.camera import Lens, VehicleCamera
from detector.geo.contact import BOX_JITTER, CUT_EDGE_PX
from detector.tracking.align import turn_between, turned
from detector.tracking.reckoning import Reckoner, Stand

Array = NDArray[np.float64]

REACH_M: Final = 60.0
"""Farther off the ground is too flat in the picture to tell a distance."""
DISTANCES_M: Final = (3.0, 5.0, 8.0, 13.0, 21.0, 34.0)
"""Tried where the ground does not tell: each 1.6 times the one before, so a box is off by a fifth at most."""
PIXEL_PX: Final = 2.0
"""Of a box edge, besides its share of the box."""
DRIFT_M: Final = 0.08
"""Error that reckoning adds from look to look."""
ALIKE: Final = 1.5
"""A box more than this much taller or lower than expected is another thing."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A thing that stands.

    Attributes:
        epoch: of the reckoning.
        middle_m: (K, 3) east, north, up of its box's middle, for K possible distances; K is 1 when known.
        size_m: (K, 2) width and height.
        sure: (2, 2) information on its place on the ground; `None` when the ground did not tell.
        looks: how many looks the place rests on.
    """

    epoch: int
    middle_m: Array
    size_m: Array
    sure: Array | None
    looks: int = 1


class StandingWorld:
    """What stands around one camera on a vehicle."""

    def __init__(self, camera: VehicleCamera) -> None:
        self._camera = camera
        self._reckoner = Reckoner(camera)
        self._lens: Lens | None = None

    def reset(self) -> None:
        """Forget everything: at a hard cut."""
        self._reckoner.reset()

    def look(self, frame: Frame) -> StandingLook | None:
        """Take in the next frame; `None` when nobody knows how the camera moved."""
        height_px, width_px = frame.image.shape[:2]
        if self._lens is None or (self._lens.width_px, self._lens.height_px) != (width_px, height_px):
            self._lens = self._camera.lens.for_size(width_px, height_px)
        stand = self._reckoner.look(frame.fix, frame.monotonic_s)
        return None if stand is None or self._lens is None else StandingLook(stand, self._lens)


class StandingLook:
    """What stands, seen from where the camera is in one frame."""

    def __init__(self, stand: Stand, lens: Lens) -> None:
        self._view = stand.view
        self._epoch = stand.epoch
        self._lens = lens
        self._turn = np.zeros(3)

    def knows(self, thing: Standing | None) -> bool:
        """Whether a thing's place still means something."""
        return thing is not None and thing.epoch == self._epoch

    def expected(self, things: list[Standing], boxes: Array, possible: NDArray[np.bool_]) -> Array:
        """Boxes (T, 4) in which things are to be expected, after the camera's turn was found; NaN out of sight.

        Args:
            things: (T) that `knows` holds for, at least one.
            boxes: (N, 4) px found in this frame.
            possible: (T, N) which thing may be which box, by its cue.
        """
        counts = [len(thing.middle_m) for thing in things]
        owner = np.repeat(np.arange(len(things)), counts)
        rays = self._view.to_camera(np.concatenate([thing.middle_m for thing in things]))
        size_m = np.concatenate([thing.size_m for thing in things])
        single = np.repeat(np.array(counts) == 1, counts)
        self._find_turn(rays[single], size_m[single], boxes, possible[owner[single]])
        guessed = self._boxes(rays, size_m)
        fit = np.where(possible[owner], iou_matrix(np.nan_to_num(guessed, nan=-1e6), boxes), 0.0).max(axis=1, initial=0)
        # Of a thing's distances the one that fits best, the first of equals; a single one stays whatever is seen.
        parts = np.split(np.arange(len(owner)), np.cumsum(counts)[:-1])
        return guessed[[int(rows[np.argmax(fit[rows])]) for rows in parts]]

    def seen(self, thing: Standing | None, xyxy: Array) -> Standing:
        """A thing, known before or new, after it was seen in the box (4,) of this frame."""
        before = thing if self.knows(thing) else None
        if before is not None and len(before.middle_m) == 1 and not _whole(xyxy[None], self._lens)[0]:
            return before
        left, top, right, bottom = xyxy.tolist()
        across = (left + right) / 2.0
        middle, foot = self._street(self._lens.rays([(across, (top + bottom) / 2.0), (across, bottom)]))
        size_px = np.array([right - left, bottom - top])
        centre = self._view.centre_m[0]
        distance = -centre[2] / foot[2] if foot[2] < -1e-3 else np.inf
        if distance * float(np.hypot(foot[0], foot[1])) > REACH_M:
            return self._hung(before, middle, size_px)
        sure = self._sure(distance * foot[:2], size_px)
        middle_m, size_m = centre + distance * middle, size_px * distance / self._lens.fx_px
        found = Standing(self._epoch, middle_m[None], size_m[None], sure)
        return found if before is None else _fused(before, found)

    def _hung(self, before: Standing | None, middle: Array, size_px: Array) -> Standing:
        """A thing whose foot is not on the ground: at the distance that fitted, or at several."""
        distances = np.array(DISTANCES_M)
        if before is not None:
            depth = self._view.to_camera(before.middle_m)[:, 1].clip(1.0)
            tall_px = before.size_m[:, 1] * self._lens.fy_px / depth
            fits = int(np.argmin(np.abs(np.log(tall_px.clip(1e-3) / size_px[1].clip(1.0)))))
            distances = depth[[fits]]
        middles = self._view.centre_m + distances[:, None] * middle
        return Standing(self._epoch, middles, distances[:, None] * size_px / self._lens.fx_px, None)

    def _sure(self, arm_m: Array, size_px: Array) -> Array:
        """Information (2, 2) of one look: across the line of sight it is good, along it a box's foot wanders."""
        range_m = max(1.0, float(np.hypot(*arm_m.tolist())))
        ahead = arm_m / range_m
        across = np.array([-ahead[1], ahead[0]])
        sigma_px = np.hypot(BOX_JITTER * size_px, PIXEL_PX)
        across_m = range_m * sigma_px[0] / self._lens.fx_px
        along_m = range_m**2 / float(self._view.centre_m[0, 2]) * sigma_px[1] / self._lens.fy_px
        return np.outer(across, across) / across_m**2 + np.outer(ahead, ahead) / along_m**2

    def _find_turn(self, rays: Array, size_m: Array, boxes: Array, possible: NDArray[np.bool_]) -> None:
        """From whole boxes that are about as tall as the things they may be."""
        ahead, whole = rays[:, 1] > 1.0, _whole(boxes, self._lens)
        if not ahead.any() or not whole.any():
            return
        rays, size_m, boxes = rays[ahead], size_m[ahead], boxes[whole]
        tall_px = size_m[:, 1] * self._lens.fy_px / rays[:, 1]
        ratio = np.log(tall_px[:, None] / (boxes[:, 3] - boxes[:, 1])[None].clip(1.0))
        middles = self._lens.rays((boxes[:, :2] + boxes[:, 2:]) / 2.0)
        alike = possible[ahead][:, whole] & (np.abs(ratio) < np.log(ALIKE))
        self._turn = turn_between(rays[:, [0, 2]] / rays[:, 1:2], middles[:, [0, 2]], alike)

    def _boxes(self, rays: Array, size_m: Array) -> Array:
        rays = turned(rays, self._turn)
        depth = np.where(rays[:, 1] > 0.5, rays[:, 1], np.nan)
        half_px = size_m * self._lens.fx_px / depth[:, None] / 2.0
        middle_px = self._lens.pixels(rays)
        return np.column_stack((middle_px - half_px, middle_px + half_px))

    def _street(self, rays: Array) -> Array:
        """Rays of this frame's pixels in east, north, up, the turn taken out."""
        return self._view.repeated(len(rays)).to_street(turned(rays, -self._turn))


def _fused(before: Standing, found: Standing) -> Standing:
    """The place from all looks; size and height as a running mean."""
    if before.sure is None or found.sure is None:
        return found
    known = np.linalg.inv(np.linalg.inv(before.sure) + np.eye(2) * DRIFT_M**2)
    sure = known + found.sure
    place = np.linalg.solve(sure, known @ before.middle_m[0, :2] + found.sure @ found.middle_m[0, :2])
    share = 1.0 / min(before.looks + 1, 4)
    height_m = before.middle_m[0, 2] + share * (found.middle_m[0, 2] - before.middle_m[0, 2])
    size_m = before.size_m + share * (found.size_m - before.size_m)
    middle_m = np.array([[place[0], place[1], height_m]])
    return Standing(found.epoch, middle_m, size_m, sure, before.looks + 1)


def _whole(boxes: Array, lens: Lens) -> NDArray[np.bool_]:
    """Boxes (N, 4) that no border of the picture cuts."""
    low, high = boxes[:, :2], boxes[:, 2:]
    limit = np.array([lens.width_px, lens.height_px]) - CUT_EDGE_PX
    whole = (low > CUT_EDGE_PX).all(axis=1) & (high < limit).all(axis=1)
    return np.asarray(whole, np.bool_)
