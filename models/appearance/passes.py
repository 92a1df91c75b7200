"""Virtual passes: one thing as another pass might see it.

Another angle (a perspective warp of the picture around it), another distance (fewer pixels), other light (brightness,
gamma, colour temperature, a shadow's edge), a moving camera (blur), another recorder (JPEG), a post in front, a
detector that boxes it a little differently, a passer-by. They are drawn from a stated range, not seen: a real second
pass also brings moved goods, opened awnings and rain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from detector.frame import Image

Matrix = NDArray[np.float64]
_MARGIN = 0.6  # the warp needs pixels around the box


class PassSpec(BaseModel):
    """How far virtual passes differ; every value is drawn evenly from -x..x or from its range."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    perspective_share: float = Field(ge=0.0, le=0.3)
    """How far each corner of the box wanders, in shares of its side."""
    rotate_deg: float = Field(ge=0.0, le=180.0)
    min_scale: float = Field(gt=0.0, le=1.0)
    """The farthest pass sees the thing at this share of its size."""
    min_side_px: float = Field(ge=16.0)
    """No pass makes the short side smaller than this (a thing that is smaller is taken as it is)."""
    brightness_share: float = Field(ge=0.0, le=0.6)
    gamma_log: float = Field(ge=0.0, le=1.0)
    """Natural logarithm of the gamma."""
    colour_share: float = Field(ge=0.0, le=0.5)
    """How far the blue and the red channel are scaled: the colour temperature."""
    shadow_chance: float = Field(ge=0.0, le=1.0)
    blur_px: float = Field(ge=0.0, le=5.0)
    jpeg_quality: tuple[int, int]
    occlusion_chance: float = Field(ge=0.0, le=1.0)
    occlusion_share: float = Field(ge=0.0, le=0.5)
    """Width of the post in front, in shares of the box's width, at most."""
    box_share: float = Field(ge=0.0, le=0.2)
    """How far each edge of the box moves, in shares of its side: no detector boxes a thing twice the same way."""
    person_chance: float = Field(ge=0.0, le=1.0)


@dataclass(frozen=True, slots=True)
class View:
    """A picture of a thing, its box (4,) and the boxes of people in it (N, 4), px."""

    image: Image = field(repr=False)
    xyxy: NDArray[np.float64]
    person_xyxy: NDArray[np.float64]


def virtual_pass(view: View, spec: PassSpec, generator: np.random.Generator) -> View:
    """One virtual pass of the thing in `view`."""
    local = _cut_out(view)
    matrix, size_px = _warp(local, spec, generator)
    image: Any = cv2.warpPerspective(local.image, matrix, size_px, borderMode=cv2.BORDER_REFLECT_101)
    warped = View(image, _warped_boxes(local.xyxy[None], matrix)[0], _warped_boxes(local.person_xyxy, matrix))
    image, box, people = _farther(warped, spec, generator)
    box = _moved_edges(box, spec, generator)
    image = _occluded(_lit(image, spec, generator), box, spec, generator)
    if generator.random() < spec.person_chance:
        people = np.concatenate([people, _passer_by(box, generator)[None]])
    return View(_recorded(image, spec, generator), box, people)


def _cut_out(view: View) -> View:
    """The surroundings of the box alone: a warp of the whole picture would cost a hundred times as much."""
    height, width = view.image.shape[:2]
    sides = view.xyxy[2:] - view.xyxy[:2]
    low = np.floor(np.maximum(view.xyxy[:2] - _MARGIN * sides.max(), 0)).astype(int)
    high = np.ceil(np.minimum(view.xyxy[2:] + _MARGIN * sides.max(), (width, height))).astype(int)
    offset = np.tile(low, 2)
    image = view.image[low[1] : high[1], low[0] : high[0]]
    return View(image, view.xyxy - offset, view.person_xyxy - offset)


def _warp(view: View, spec: PassSpec, generator: np.random.Generator) -> tuple[Matrix, tuple[int, int]]:
    """The homography to the pass's picture, and that picture's (width, height)."""
    corners = _corners(view.xyxy[None])[0]
    sides = view.xyxy[2:] - view.xyxy[:2]
    moved = corners + generator.uniform(-spec.perspective_share, spec.perspective_share, (4, 2)) * sides
    angle = np.deg2rad(generator.uniform(-spec.rotate_deg, spec.rotate_deg))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = corners.mean(axis=0)
    moved = (moved - centre) @ turn.T
    # The whole surroundings of the box fit into the new picture.
    reach = np.abs(moved).max(axis=0) * (1.0 + _MARGIN)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), (moved + reach).astype(np.float32))
    width_px, height_px = np.ceil(2 * reach).astype(int).tolist()
    return np.asarray(matrix, np.float64), (width_px, height_px)


def _farther(view: View, spec: PassSpec, generator: np.random.Generator) -> tuple[Image, Matrix, Matrix]:
    """The same with fewer pixels: picture, box and people."""
    smallest = min(1.0, max(spec.min_scale, spec.min_side_px / float((view.xyxy[2:] - view.xyxy[:2]).min())))
    scale = float(np.exp(generator.uniform(np.log(smallest), 0.0)))
    height, width = view.image.shape[:2]
    size_px = max(round(width * scale), 1), max(round(height * scale), 1)
    image: Any = cv2.resize(view.image, size_px, interpolation=cv2.INTER_AREA)
    real = np.tile((size_px[0] / width, size_px[1] / height), 2)
    return image, view.xyxy * real, view.person_xyxy * real


def _corners(xyxy: Matrix) -> Matrix:
    """(N, 4, 2) the corners of boxes (N, 4)."""
    return xyxy[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]


def _warped_boxes(xyxy: Matrix, matrix: Matrix) -> Matrix:
    """The upright boxes around warped boxes (N, 4)."""
    if not len(xyxy):
        return xyxy
    points = cv2.perspectiveTransform(_corners(xyxy).reshape(-1, 1, 2), matrix).reshape(-1, 4, 2)
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def _moved_edges(xyxy: Matrix, spec: PassSpec, generator: np.random.Generator) -> Matrix:
    sides = np.tile(xyxy[2:] - xyxy[:2], 2)
    return xyxy + generator.uniform(-spec.box_share, spec.box_share, 4) * sides


def _lit(image: Image, spec: PassSpec, generator: np.random.Generator) -> Image:
    values = np.arange(256, dtype=np.float64) / 255
    gain = 1.0 + generator.uniform(-spec.brightness_share, spec.brightness_share)
    gamma = np.exp(generator.uniform(-spec.gamma_log, spec.gamma_log))
    warm = generator.uniform(-spec.colour_share, spec.colour_share)
    green = generator.uniform(-spec.colour_share, spec.colour_share) / 3
    table = np.stack([gain * share * values**gamma for share in (1 - warm, 1 + green, 1 + warm)], axis=1)
    lit = cv2.LUT(image, np.clip(np.rint(table * 255), 0, 255).astype(np.uint8)[None])
    if generator.random() < spec.shadow_chance:
        lit = _shadowed(np.asarray(lit), generator)
    return np.asarray(lit, np.uint8)


def _shadowed(image: Image, generator: np.random.Generator) -> Image:
    """Half of the picture in shadow, along any line through its middle part."""
    height, width = image.shape[:2]
    angle = generator.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    middle = generator.uniform(0.3, 0.7, 2)
    away = np.cos(angle) * (x / width - middle[0]) + np.sin(angle) * (y / height - middle[1])
    depth = generator.uniform(0.35, 0.8)
    shade = depth + (1 - depth) / (1 + np.exp(-away * generator.uniform(10, 60)))
    return (image * shade[:, :, None]).astype(np.uint8)


def _occluded(image: Image, xyxy: Matrix, spec: PassSpec, generator: np.random.Generator) -> Image:
    """A post in front of the thing, in some cases: of one grey, from the picture's top to its bottom."""
    if generator.random() >= spec.occlusion_chance:
        return image
    width = float(xyxy[2] - xyxy[0])
    left = generator.uniform(xyxy[0], xyxy[2])
    right = left + generator.uniform(0.02, max(spec.occlusion_share, 0.02)) * width
    image = image.copy()
    colour = generator.uniform(30, 200) + generator.uniform(-20, 20, 3)
    image[:, max(int(left), 0) : max(int(np.ceil(right)), 0)] = np.clip(colour, 0, 255).astype(np.uint8)
    return image


def _passer_by(xyxy: Matrix, generator: np.random.Generator) -> Matrix:
    """The box of somebody in front of the thing's lower part: its pixels do not matter, for they are painted over."""
    width, height = (xyxy[2:] - xyxy[:2]).tolist()
    wide = generator.uniform(0.08, 0.3) * width
    tall = generator.uniform(0.3, 0.9) * height
    left = generator.uniform(xyxy[0] - wide / 2, xyxy[2] - wide / 2)
    bottom = xyxy[3] + generator.uniform(0.0, 0.2) * height
    return np.array([left, bottom - tall, left + wide, bottom])


def _recorded(image: Image, spec: PassSpec, generator: np.random.Generator) -> Image:
    """Blurred by focus and movement, and through a JPEG."""
    sigma_px = generator.uniform(0.0, spec.blur_px)
    if sigma_px > 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)
    quality = int(generator.integers(spec.jpeg_quality[0], spec.jpeg_quality[1] + 1))
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: Any = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return decoded
