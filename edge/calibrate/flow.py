"""How the picture moves: points followed from one picture to the next, and the camera's motion out of them.

Corners (Shi and Tomasi 1994) are followed by pyramidal Lucas-Kanade and kept when following them back arrives where
they came from. The motion is the essential matrix's, by MAGSAC over Nister's five-point solver, so things that move
by themselves (cars, people) fall out as outliers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.frame import Frame, Image
from detector.geo.lens import Lens

Array = NDArray[np.float64]

POINTS_MIN: Final = 40
"""Fewer points give no motion worth a number."""

_WORK_WIDTH_PX = 960
_CELLS = (4, 6)
_POINTS_PER_CELL = 40
"""Corners are taken cell by cell, or facades and leaves would leave none for the road."""
_WINDOW_PX = (13, 13)
"""Larger windows average over road that streams faster below than above, which pulls the pitch up by tenths of a
degree; smaller ones lose points."""
_BACK_PX = 0.6
_INLIER_PX = 0.7
_PARALLAX_PX = 0.5
"""The camera only turned, or stood, when a turn alone explains its points to within this (median)."""
_BODY = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Camera axes of OpenCV (right, down, forward) to body axes (right, forward, up)."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """From one picture to the next. Axes are the camera's body axes: right, forward, up.

    Attributes:
        begin, end: capture times.
        flow_px: median way of a point, pixels of the full-size picture.
        turn: (3, 3) orientation of the camera at the end in its axes at the beginning.
        way: (3,) unit vector, where the camera moved to; zeros when it stood, or turned on the spot.
        rays, rays_end: (N, 3) the followed points that agree with the motion, forward = 1, at either moment.
        picture: at the beginning; not to be kept by whoever keeps many motions.
    """

    begin: datetime
    end: datetime
    flow_px: float
    turn: Array
    way: Array
    rays: Array
    rays_end: Array
    picture: Image

    @property
    def seconds(self) -> float:
        """Time between the two pictures."""
        return (self.end - self.begin).total_seconds()

    @property
    def yaw_deg(self) -> float:
        """How far the camera turned clockwise about its own vertical axis."""
        ahead = self.turn @ np.array([0.0, 1.0, 0.0])
        return float(np.degrees(np.arctan2(ahead[0], ahead[1])))

    def points(self) -> Array:
        """(N, 3) triangulated in the axes of the beginning, the way as unit (midpoint of the two rays)."""
        a = self.rays / np.linalg.norm(self.rays, axis=1, keepdims=True)
        b = self.rays_end @ self.turn.T
        b /= np.linalg.norm(b, axis=1, keepdims=True)
        cos = np.einsum("ni,ni->n", a, b)
        along_a, along_b = a @ self.way, b @ self.way
        sin2 = np.maximum(1.0 - cos**2, 1e-12)
        far_a, far_b = (along_a - cos * along_b) / sin2, (cos * along_a - along_b) / sin2
        middle = (a * far_a[:, None] + self.way + b * far_b[:, None]) / 2.0
        middle[(far_a <= 0) | (far_b <= 0)] = np.nan
        return middle


def motions(pictures: Iterable[Frame], lens: Lens) -> Iterator[Motion]:
    """The motion between each picture and the one before, where there is one to be had.

    Args:
        pictures: a few per second; closer ones hardly move, further ones lose their points.
        lens: of the camera, for pictures of any scale of its shape.

    Raises:
        InputError: pictures of another shape than the lens's.
    """
    before: Frame | None = None
    grey_before: Image | None = None
    for picture in pictures:
        height_px, width_px = picture.image.shape[:2]
        fitting = lens.for_size(width_px, height_px)
        if fitting is None:
            raise InputError(
                f"{picture.source_id}: pictures are {width_px} x {height_px} px, the camera of the site is for "
                f"{lens.width_px} x {lens.height_px} px, another shape: name the right --camera"
            )
        grey = _grey(picture.image)
        if before is not None and grey_before is not None and grey.shape == grey_before.shape:
            motion = _motion(before, picture, grey_before, grey, fitting)
            if motion is not None:
                yield motion
        before, grey_before = picture, grey


def _grey(image: Image) -> Image:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    scale = min(1.0, _WORK_WIDTH_PX / grey.shape[1])
    if scale < 1.0:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _motion(a: Frame, b: Frame, grey_a: Image, grey_b: Image, lens: Lens) -> Motion | None:
    followed = _followed(grey_a, grey_b)
    if followed is None:
        return None
    small = lens.for_size(grey_a.shape[1], grey_a.shape[0])
    if small is None:
        return None
    a_px, b_px = followed
    flow_px = float(np.median(np.hypot(*(b_px - a_px).T))) * lens.width_px / small.width_px
    rays_a, rays_b = small.rays(a_px), small.rays(b_px)
    turn_alone, parallax = _turn_alone(rays_a, rays_b)
    on_the_spot = Motion(
        a.captured_at, b.captured_at, flow_px, turn_alone, np.zeros(3), rays_a[:0], rays_b[:0], a.image
    )
    if parallax * small.fx_px < _PARALLAX_PX:
        return on_the_spot
    a_xy, b_xy = (np.column_stack((r[:, 0], -r[:, 2])) for r in (rays_a, rays_b))
    cv2.setRNGSeed(0)
    essential, mask = cv2.findEssentialMat(
        a_xy, b_xy, np.eye(3), method=cv2.USAC_MAGSAC, prob=0.999, threshold=_INLIER_PX / small.fx_px
    )
    if essential is None or essential.shape != (3, 3):
        return None
    count, turn, shift, mask = cv2.recoverPose(essential, a_xy, b_xy, np.eye(3), mask=mask)
    if count < POINTS_MIN:
        return None
    kept = mask.ravel() > 0
    # OpenCV: X_b = turn X_a + shift, in its own axes.
    way = _BODY @ (-turn.T @ shift).ravel()
    return Motion(
        begin=a.captured_at,
        end=b.captured_at,
        flow_px=flow_px,
        turn=np.asarray(_BODY @ turn.T @ _BODY.T, np.float64),
        way=np.asarray(way, np.float64),
        rays=rays_a[kept],
        rays_end=rays_b[kept],
        picture=a.image,
    )


def _turn_alone(rays: Array, rays_end: Array) -> tuple[Array, float]:
    """The turn (3, 3) that explains the points best, and their median misfit, radians (Kabsch 1976, re-weighted)."""
    a, b = (r / np.linalg.norm(r, axis=1, keepdims=True) for r in (rays, rays_end))
    weights = np.ones(len(a))
    turn, misfit = np.eye(3), np.zeros(len(a))
    for _ in range(6):
        u, _, vt = np.linalg.svd((weights[:, None] * a).T @ b)
        turn = u @ np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))]) @ vt
        misfit = np.linalg.norm(a - b @ turn.T, axis=1)
        weights = 1.0 / (1.0 + (misfit / max(float(np.median(misfit)), 1e-6)) ** 2)
    return turn, float(np.median(misfit))


def _followed(grey_a: Image, grey_b: Image) -> tuple[Array, Array] | None:
    """(N, 2) pixels of the same points in either picture; `None` when too few."""
    corners = _corners(grey_a)
    if len(corners) < POINTS_MIN:
        return None
    there, found = _follow(grey_a, grey_b, corners)
    back, found_back = _follow(grey_b, grey_a, there)
    good = found & found_back
    good &= np.hypot(*(back - corners).reshape(-1, 2).T) < _BACK_PX
    if good.sum() < POINTS_MIN:
        return None
    return corners.reshape(-1, 2)[good].astype(np.float64), there.reshape(-1, 2)[good].astype(np.float64)


def _follow(grey_a: Image, grey_b: Image, points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(N, 1, 2) where the points went, and (N,) whether they were found."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        grey_a, grey_b, points, np.empty_like(points), winSize=_WINDOW_PX, maxLevel=4, minEigThreshold=1e-4
    )
    return np.asarray(there, np.float32), np.asarray(found).ravel() > 0


def _corners(grey: Image) -> NDArray[np.float32]:
    """(N, 1, 2) the best corners of every cell of the picture."""
    height, width = grey.shape
    rows, columns = _CELLS
    found: list[NDArray[np.float32]] = []
    for row in range(rows):
        for column in range(columns):
            top, left = row * height // rows, column * width // columns
            cell = grey[top : (row + 1) * height // rows, left : (column + 1) * width // columns]
            corners = cv2.goodFeaturesToTrack(np.ascontiguousarray(cell), _POINTS_PER_CELL, 0.02, 5)
            if corners is not None:
                found.append(np.asarray(corners, np.float32) + np.array([left, top], np.float32))
    return np.concatenate(found) if found else np.zeros((0, 1, 2), np.float32)
