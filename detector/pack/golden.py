"""Golden pictures of a pack: what must be found in them, on the box that is to run it.

``golden/expected.json`` names pictures beside it and the boxes that a person at the desk agreed with. All of them are
asked before a pack is switched to; those that are the golden clip again while it is on probation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.boxes import iou_matrix
from detector.errors import PackError
from detector.frame import Image
from detector.model.yolo import Detector
from detector.report import Name

GOLDEN: Final = "golden"
EXPECTED: Final = "expected.json"
SCHEMA: Final = "kerbwatch-golden/1"
MAX_PICTURES: Final = 64
MAX_PIXELS: Final = 16_000_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


_Px = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]


class ExpectedBox(_Part):
    """One thing that must be found: left, top, right, bottom, px."""

    cue: Name
    xyxy_px: tuple[_Px, _Px, _Px, _Px]


class GoldenPicture(_Part):
    """One picture. `clip` puts it into the golden clip, which is asked again on probation."""

    file: Annotated[str, Field(pattern=r"^\w[\w.-]{0,79}\.(png|jpg|jpeg)$")]
    clip: bool = False
    found: Annotated[tuple[ExpectedBox, ...], Field(max_length=1000)]


class GoldenSet(_Part):
    """The whole file."""

    schema_: Annotated[Literal["kerbwatch-golden/1"], Field(alias="schema")] = SCHEMA
    iou_min: Annotated[float, Field(ge=0.5, le=1.0)] = 0.9
    pictures: Annotated[tuple[GoldenPicture, ...], Field(min_length=1, max_length=MAX_PICTURES)]

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        names = [picture.file for picture in self.pictures]
        if len(set(names)) < len(names):
            raise ValueError("a picture is named twice")
        if not any(picture.clip and picture.found for picture in self.pictures):
            raise ValueError("the golden clip asks nothing: give at least one picture clip: true and a box to find")
        return self


@dataclass(frozen=True, slots=True)
class Miss:
    """A box that was not found."""

    file: str
    box: ExpectedBox

    def __str__(self) -> str:
        at = [round(value) for value in self.box.xyxy_px]
        return f"{self.box.cue} at {at} of {self.file}"


def parse_golden(data: bytes, where: str) -> GoldenSet:
    """The content of ``expected.json``.

    Raises:
        PackError: it breaks its schema; the message names the field.
    """
    try:
        return GoldenSet.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise PackError(f"{where}: {field}: {first['msg'].removeprefix('Value error, ')}") from None


def read_golden(folder: Path) -> GoldenSet:
    """The golden pictures in a folder, by their ``expected.json``.

    Raises:
        PackError: it cannot be read or breaks its schema.
    """
    path = folder / EXPECTED
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}; build the pack again") from error
    return parse_golden(data, str(path))


def read_picture(path: Path) -> Image:
    """A golden picture, BGR uint8 (H, W, 3).

    Raises:
        PackError: it is no picture, or too large to unfold.
    """
    import cv2
    from PIL import Image as Header

    try:
        with Header.open(path, formats=("PNG", "JPEG")) as header:
            width_px, height_px = header.size
    except (OSError, ValueError, Header.DecompressionBombError) as error:
        raise PackError(f"golden picture {path} cannot be read: {error}; build the pack again") from error
    if width_px * height_px > MAX_PIXELS:
        raise PackError(f"golden picture {path} is {width_px}x{height_px}, at most {MAX_PIXELS} pixels are allowed")
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise PackError(f"golden picture {path} cannot be decoded; build the pack again")
    return image


def misses(detector: Detector, folder: Path, *, clip_only: bool = False) -> tuple[Miss, ...]:
    """Expected boxes that a detector does not find: no box of that cue overlaps by `iou_min`, each found box counted
    once.

    Raises:
        PackError: a picture cannot be read.
        BundleError: the network gives numbers that are none.
    """
    golden = read_golden(folder)
    missed: list[Miss] = []
    for picture in golden.pictures:
        if clip_only and not picture.clip:
            continue
        missed += _missed(detector, picture, read_picture(folder / picture.file), golden.iou_min)
    return tuple(missed)


def _missed(detector: Detector, picture: GoldenPicture, image: Image, iou_min: float) -> list[Miss]:
    found = detector.detect(image)
    wanted = np.array([box.xyxy_px for box in picture.found], np.float64).reshape(-1, 4)
    names = np.array(found.names(), dtype=object)
    overlap = iou_matrix(wanted, found.xyxy)
    missed: list[Miss] = []
    for i, box in enumerate(picture.found):
        row = np.where(names == box.cue, overlap[i], 0.0) if len(found) else np.zeros(1)
        best = int(row.argmax())
        if row[best] < iou_min:
            missed.append(Miss(picture.file, box))
        elif len(found):
            overlap[:, best] = 0.0
    return missed
