"""The worst mistakes of a cue on one sheet: confident boxes where nothing is, and things that were not seen.

The sheet travels with the bundle, so people are blurred in it: heads of every person the start weights find, however
faint, and whole vehicles, for their number plates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.evidence.privacy import PERSON, blur_people
from detector.frame import Image
from detector.model.yolo import Detector
from models.measure.detect import Matches, PictureMatches
from models.measure.matching import assign

MAX_TILES = 12
MAX_BYTES = 150_000
VEHICLES = ("car", "bus", "truck", "motorcycle")
_TILE_PX = 220
_STRIP_PX = 18
_COLUMNS = 4
_PEOPLE_FLOOR = 0.03
_VEHICLE_FLOOR = 0.2
_WRONG, _MISSED = (60, 60, 230), (0, 190, 255)  # BGR


@dataclass(frozen=True)
class Failure:
    """One mistake; ``weight`` orders mistakes of a kind, the worst is highest."""

    kind: Literal["wrong", "missed"]
    picture: PictureMatches
    xyxy: NDArray[np.float32]
    weight: float


def worst(matches: Matches, min_confidence: float, most: int = MAX_TILES) -> list[Failure]:
    """The most confident wrong boxes above the threshold, and the largest things not found; half each at most.

    A picture gives one mistake of each kind, so that one difficult picture does not fill the sheet.
    """
    wrong: list[Failure] = []
    missed: list[Failure] = []
    for picture in matches.pictures:
        sure = picture.confidence >= np.float32(min_confidence)
        wrong += [
            Failure("wrong", picture, picture.found_xyxy[row], float(picture.confidence[row]))
            for row in np.flatnonzero(sure & ~picture.hits[:, 0])[:1]
        ]
        unseen = _unseen(picture, sure)
        sizes = [float(np.prod(box[2:] - box[:2])) for box in unseen]
        if sizes:
            largest = int(np.argmax(sizes))
            missed.append(Failure("missed", picture, unseen[largest], sizes[largest]))
    wrong.sort(key=lambda failure: -failure.weight)
    missed.sort(key=lambda failure: -failure.weight)
    of_wrong = min(len(wrong), max(most // 2, most - len(missed)))
    return [*wrong[:of_wrong], *missed[: most - of_wrong]]


def draw_failures(failures: Sequence[Failure], people: Detector | None, path: Path) -> None:
    """Write the sheet as a JPEG of at most 150 kB; red: fits no label, yellow: not found.

    Args:
        failures: At most ``MAX_TILES``.
        people: Finds people and vehicles to blur (the start weights, thresholds near zero). None only where a person
            covers too few pixels to be told, as from the air.
        path: The file.
    """
    tiles = [_tile(failure, people) for failure in failures]
    blank = np.full((_TILE_PX, _TILE_PX, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [np.concatenate(tiles[at : at + _COLUMNS], axis=1) for at in range(0, len(tiles), _COLUMNS)]
    sheet = np.concatenate(rows, axis=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (85, 75, 65, 50, 35, 20):
        _, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= MAX_BYTES:
            break
    path.write_bytes(data.tobytes())


def _unseen(picture: PictureMatches, sure: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The labelled boxes that no detection above the threshold hits at IoU 0.5."""
    taken = assign(picture.found_xyxy[sure], picture.wanted_xyxy)[:, 0]
    return np.delete(picture.wanted_xyxy, taken[taken >= 0], axis=0)


def _tile(failure: Failure, people: Detector | None) -> Image:
    image: Any = cv2.imread(str(failure.picture.image), cv2.IMREAD_COLOR)
    if people is not None:
        image = _blurred(image, people)
    left, top, side = _window(failure.xyxy, image.shape[1], image.shape[0])
    right, bottom = min(left + side, image.shape[1]), min(top + side, image.shape[0])
    scale = _TILE_PX / side
    part = cv2.resize(image[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((_TILE_PX, _TILE_PX, 3), 255, np.uint8)
    tile[: part.shape[0], : part.shape[1]] = part[:_TILE_PX, :_TILE_PX]
    colour = _WRONG if failure.kind == "wrong" else _MISSED
    corners = np.round((failure.xyxy - np.array([left, top, left, top], np.float32)) * scale).astype(int)
    cv2.rectangle(tile, corners[:2].tolist(), corners[2:].tolist(), colour, 2)
    text = f"wrong {failure.weight:.2f}" if failure.kind == "wrong" else "missed"
    tile[-_STRIP_PX:] = 0
    cv2.putText(tile, text, (5, _TILE_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def _window(xyxy: NDArray[np.float32], width_px: int, height_px: int) -> tuple[int, int, int]:
    """Left, top and side of a square around the box, with as much again around it, inside the picture if it fits."""
    left, top, right, bottom = (float(value) for value in xyxy)
    side = max(96, round(2 * max(right - left, bottom - top)))
    side = min(side, max(width_px, height_px))
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    return max(0, min(x, width_px - side)), max(0, min(y, height_px - side)), side


def _blurred(image: Image, people: Detector) -> Image:
    """People's heads blurred, and whole vehicles, for their number plates."""
    found = people.detect(image)
    sure = found.select(found.confidence >= _PEOPLE_FLOOR)
    if PERSON in sure.cue_names:
        image = blur_people(image, sure).image
    blurred = image.copy()
    for left, top, right, bottom in _vehicles(sure):
        part = blurred[top:bottom, left:right]
        if part.size:
            cells = cv2.resize(part, (6, 6), interpolation=cv2.INTER_AREA)
            blurred[top:bottom, left:right] = cv2.resize(cells, (part.shape[1], part.shape[0]))
    return blurred


def _vehicles(found: Detections) -> list[list[int]]:
    indices = [found.cue_names.index(cue) for cue in VEHICLES if cue in found.cue_names]
    boxes = found.xyxy[np.isin(found.cue, indices) & (found.confidence >= _VEHICLE_FLOOR)]
    return np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).clip(0).astype(int).tolist()
