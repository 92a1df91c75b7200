"""The check as a picture: the photos laid on the ground, as tagged on the left and mended on the right.

Where photos agree, paths and roofs run on from one to the next; a heading that is turned round shows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.frame import Image
from detector.geo.camera import Lens
from detector.geo.plane import LocalPlane
from edge.survey.check import Finding, SurveyCheck, ground_offsets_m, photo_lens
from edge.survey.overlaps import read_photo
from edge.survey.tags import PhotoPose

Array = NDArray[np.float64]

PANEL_PX: Final = 760
_MARGIN_PX = 12
_HEADER_PX = 30
_PAPER = (245, 245, 245)
_INK = (40, 40, 40)
_COLOURS = {
    Finding.GOOD: (90, 160, 60),
    Finding.TURNED_ROUND: (40, 40, 220),
    Finding.OFF: (0, 140, 255),
    Finding.UNKNOWN: (150, 150, 150),
}


def draw_check(
    check: SurveyCheck,
    paths: Sequence[Path],
    horizontal_fov_deg: float | None,
    tick: Callable[[str], None] = lambda _: None,
) -> Image:
    """Both panels side by side, BGR; `paths` are those of `check.photos`, in their order; `tick` is told each photo."""
    tagged = [p.pose for p in check.photos]
    mended = [p.mended for p in check.photos]
    lenses = [photo_lens(pose, horizontal_fov_deg) for pose in tagged]
    plane = LocalPlane(tagged[0].lon_deg, tagged[0].lat_deg)
    outlines = [_outline(pose, lens, plane) for pose, lens in zip((*tagged, *mended), lenses * 2, strict=True)]
    low, high = np.concatenate(outlines).min(axis=0), np.concatenate(outlines).max(axis=0)
    scale = (PANEL_PX - 2 * _MARGIN_PX) / float((high - low).max())

    def to_px(east_north_m: Array) -> Array:
        return np.column_stack((east_north_m[:, 0] - low[0], high[1] - east_north_m[:, 1])) * scale + _MARGIN_PX

    height_px = int(np.ceil((high - low)[1] * scale)) + 2 * _MARGIN_PX
    panels = [_Panel(height_px), _Panel(height_px)]
    for i, path in enumerate(paths):
        tick(path.name)
        photo = _small(read_photo(path))
        for panel, outline in zip(panels, (outlines[i], outlines[len(paths) + i]), strict=True):
            panel.lay(photo, to_px(outline))
    for i, found in enumerate(check.photos):
        for panel, outline in zip(panels, (outlines[i], outlines[len(paths) + i]), strict=True):
            panel.frame(to_px(outline), found.finding, found.pose.name)
    before_m, _, after_m = check.medians_m()
    heads = (f"as tagged: median disagreement {before_m:.1f} m", f"headings as measured: {after_m:.1f} m")
    return np.concatenate([p.image(head) for p, head in zip(panels, heads, strict=True)], axis=1)


def _small(photo: Image) -> Image:
    return cast("Image", cv2.resize(photo, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA))


def _outline(pose: PhotoPose, lens: Lens, plane: LocalPlane) -> Array:
    """Corners of the photo on the ground, clockwise from its upper left, east and north in metres."""
    corners = np.array([(-0.5, -0.5), (lens.width_px - 0.5, -0.5), (lens.width_px - 0.5, lens.height_px - 0.5),
                        (-0.5, lens.height_px - 0.5)])  # fmt: skip
    offsets = ground_offsets_m(pose, lens, corners)
    # A corner above the horizon, or far away, would blow the map up.
    reach_m = 3.0 * pose.above_ground_m
    offsets = np.nan_to_num(offsets, nan=reach_m)
    away = np.hypot(*offsets.T)
    offsets *= np.minimum(1.0, reach_m / np.maximum(away, 1e-9))[:, None]
    return plane.east_north_m([(pose.lon_deg, pose.lat_deg)]) + offsets


class _Panel:
    """Photos painted on the ground, the middle of each above the rim of the others."""

    def __init__(self, height_px: int) -> None:
        self._paint = np.zeros((height_px, PANEL_PX, 3))
        self._weight = np.full((height_px, PANEL_PX, 1), 1e-9)
        self._frames: list[tuple[NDArray[np.int32], tuple[int, int, int], str]] = []

    def lay(self, photo: Image, corners_px: Array) -> None:
        height, width = photo.shape[:2]
        source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        matrix = cv2.getPerspectiveTransform(source, corners_px.astype(np.float32))
        size = (PANEL_PX, len(self._paint))
        across, down = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
        middle = ((1 - across[None] ** 2) * (1 - down[:, None] ** 2)) ** 3
        weight = cv2.warpPerspective(middle.astype(np.float32), matrix, size)[..., None]
        self._paint += cv2.warpPerspective(photo, matrix, size).astype(np.float64) * weight
        self._weight += weight

    def frame(self, corners_px: Array, finding: Finding, name: str) -> None:
        self._frames.append((corners_px.round().astype(np.int32), _COLOURS[finding], name))

    def image(self, head: str) -> Image:
        seen = self._weight > 1e-6
        ground = np.where(seen, self._paint / self._weight, _PAPER).clip(0, 255).astype(np.uint8)
        for corners, colour, _ in self._frames:
            cv2.polylines(ground, [corners[:, None]], True, colour, 1, cv2.LINE_AA)
            # The bar marks the top of the picture.
            cv2.line(ground, corners[0].tolist(), corners[1].tolist(), colour, 4, cv2.LINE_AA)
        for corners, colour, name in self._frames:
            middle = corners.mean(axis=0).round().astype(int)
            _label(ground, name.rsplit(".", 1)[0][-8:], (int(middle[0]) - 24, int(middle[1])), colour)
        header = np.full((_HEADER_PX, PANEL_PX, 3), 255, np.uint8)
        cv2.putText(header, head, (10, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, _INK, 1, cv2.LINE_AA)
        return np.concatenate((header, ground))


def _label(image: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
    cv2.rectangle(image, (at[0] - 2, at[1] - height - 2), (at[0] + width + 2, at[1] + 3), (255, 255, 255), -1)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
