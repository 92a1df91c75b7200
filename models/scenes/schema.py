"""What a folder of labelled scenes may hold: pydantic at the door, extra fields refused.

A *picture* is a still (or a clip) with its camera and the things in it. A *scene* is a picture at a time, with zones
drawn on the picture's ground, permits, and what must come out. Several scenes may share one picture: the same stall
in its pitch's hours and out of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.geo.zones import ZoneKind
from detector.vocabulary import Kind, vocabulary
from models.errors import ScenesError
from models.yaml_file import YAML_FAULTS, read_yaml

Half = Literal["tune", "report"]
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
PixelPoint = tuple[Number, Number]
PixelBox = tuple[Number, Number, Number, Number]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraIn(_Strict):
    """The camera assumed for a picture. Nothing in the data says it: it is estimated from people, bikes and cars.

    Either a slanting view by ``height_m``, ``hfov_deg`` and ``horizon_px`` (the row at which the ground would end;
    it may lie outside the picture), or a view straight down by ``height_m`` and ``ground_m_per_px``.
    """

    height_m: Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]
    hfov_deg: Annotated[float, Field(ge=1, lt=170)] | None = None
    horizon_px: Number | None = None
    roll_deg: Annotated[float, Field(ge=-45, le=45)] = 0.0
    ground_m_per_px: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> CameraIn:
        slanting = self.hfov_deg is not None and self.horizon_px is not None
        partly = self.hfov_deg is not None or self.horizon_px is not None
        if slanting == (self.ground_m_per_px is not None) or (partly and not slanting):
            raise ValueError("give either hfov_deg and horizon_px, or ground_m_per_px for a view straight down")
        return self

    @property
    def looks_down(self) -> bool:
        """Whether the picture was taken from straight above."""
        return self.ground_m_per_px is not None

    def fov_deg(self, width_px: int) -> float:
        """Horizontal field of view for pictures of a width."""
        if self.ground_m_per_px is not None:
            return 2.0 * math.degrees(math.atan(width_px * self.ground_m_per_px / 2.0 / self.height_m))
        return float(self.hfov_deg or 0.0)  # the validator leaves no third way

    def pitch_deg(self, width_px: int, height_px: int) -> float:
        """Nose up positive: from the row of the horizon, or -90."""
        if self.horizon_px is None:
            return -90.0
        focal_px = width_px / 2.0 / math.tan(math.radians(self.fov_deg(width_px)) / 2.0)
        return math.degrees(math.atan((self.horizon_px - (height_px - 1) / 2.0) / focal_px))


class ClipIn(_Strict):
    """A range of frames of a video, both ends included, every ``step``-th."""

    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]
    step: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _ordered(self) -> ClipIn:
        if self.last <= self.first:
            raise ValueError(f"clip ends at frame {self.last}, not after its first, {self.first}")
        return self


class ThingIn(_Strict):
    """Something in the picture; in a clip its box is the hull of where it is seen."""

    box: PixelBox
    what: str = ""

    @model_validator(mode="after")
    def _area(self) -> ThingIn:
        left, top, right, bottom = self.box
        if not (left < right and top < bottom):
            raise ValueError(f"box {self.box} must be [left, top, right, bottom] with left < right and top < bottom")
        return self


class PictureIn(_Strict):
    """One picture or clip. `file` is its path below the data folder, or ``package:NAME/PATH`` for a clip that an
    installed Python package carries. Pictures of one `place` belong to one half."""

    source: Name
    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    place: str
    half: Half
    camera: CameraIn
    clip: ClipIn | None = None
    things: Mapping[Name, ThingIn] = {}


class ZoneIn(_Strict):
    """A zone of the site, drawn in pixels on the picture's ground; points may lie outside the picture."""

    kind: ZoneKind
    px: Annotated[tuple[PixelPoint, ...], Field(min_length=3)]
    schedule: Mapping[str, tuple[str, ...]] | None = None
    tolerance_m: float = 0.0
    capacity: int | None = None


class PermitIn(_Strict):
    """A permit in the site's own terms; `px` is the point of a filed sign, in pixels on the ground."""

    kind: Literal["vending", "filed_sign", "bike_parking", "occupation"]
    zone: str | None = None
    px: PixelPoint | None = None
    radius_m: float = 1.5
    schedule: Mapping[str, tuple[str, ...]] | None = None
    valid_from: str | None = None
    valid_to: str | None = None


class ExpectIn(_Strict):
    """What must come out for a thing."""

    thing: str
    kind: Kind
    outcome: Literal["violation", "allowed"]
    look_alike: str | None = None

    @model_validator(mode="after")
    def _named(self) -> ExpectIn:
        if (self.outcome == "allowed") != (self.look_alike is not None):
            raise ValueError("an allowed thing names its look_alike, and only it does")
        if self.look_alike is not None and self.look_alike not in vocabulary().look_alikes:
            known = ", ".join(sorted(vocabulary().look_alikes))
            raise ValueError(f"unknown look-alike {self.look_alike!r}; known: {known}")
        return self


class SceneIn(_Strict):
    """A picture at a time, with its site and the expectations. Every violation in view is listed: any other that is
    reported counts as wrong."""

    id: Name
    picture: str
    at: datetime
    zones: Annotated[Mapping[Name, ZoneIn], Field(min_length=1)]
    permits: Mapping[Name, PermitIn] = {}
    rules: Mapping[Kind, Mapping[str, Any]] = {}
    expect: tuple[ExpectIn, ...] = ()

    @model_validator(mode="after")
    def _aware(self) -> SceneIn:
        if self.at.tzinfo is None:
            raise ValueError(f"at is {self.at}; give its offset, e.g. 2026-05-20T12:00:00+08:00")
        return self


class ScenesFileIn(_Strict):
    """One file of the folder."""

    schema_: Literal["kerbwatch-scenes/1"] = Field(alias="schema")
    pictures: Annotated[Mapping[Name, PictureIn], Field(min_length=1)]
    scenes: Annotated[tuple[SceneIn, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene with its picture. `picture_name` is shared by the scenes that show the same picture."""

    picture_name: str
    picture: PictureIn
    scene: SceneIn

    @property
    def name(self) -> str:
        """Unique in the folder."""
        return self.scene.id


def load_scenes(folder: Path) -> tuple[Scene, ...]:
    """All scenes of the ``*.yaml`` files in a folder, by file and order.

    Raises:
        ScenesError: no scenes, a broken file, an unknown picture or thing, a name used twice, or a place in both
            halves; the message names the file and the field.
    """
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if not files:
        raise ScenesError(f"{folder} holds no *.yaml with scenes; give the folder of datasets/scenes")
    found: list[Scene] = []
    for path in files:
        found += _read(path)
    _check_names(found)
    _check_halves(found)
    return tuple(found)


def _read(path: Path) -> list[Scene]:
    try:
        raw = read_yaml(path)
    except YAML_FAULTS as error:
        raise ScenesError(f"{path}: cannot be read: {error}") from error
    try:
        file = ScenesFileIn.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ScenesError(f"{path}: {where}: {first['msg']}") from error
    scenes: list[Scene] = []
    for scene in file.scenes:
        picture = file.pictures.get(scene.picture)
        if picture is None:
            raise ScenesError(f"{path}: scene {scene.id} names picture {scene.picture!r}, which the file does not have")
        for expected in scene.expect:
            if expected.thing not in picture.things:
                known = ", ".join(sorted(picture.things)) or "none"
                message = f"scene {scene.id} expects {expected.thing!r}; things of {scene.picture}: {known}"
                raise ScenesError(f"{path}: {message}")
        scenes.append(Scene(f"{path.stem}/{scene.picture}", picture, scene))
    return scenes


def _check_names(scenes: list[Scene]) -> None:
    seen: set[str] = set()
    for scene in scenes:
        if scene.name in seen:
            raise ScenesError(f"scene {scene.name!r} is there twice; give each its own id")
        seen.add(scene.name)


def _check_halves(scenes: list[Scene]) -> None:
    """A place in both halves would let what is tuned on one be measured on the same walls."""
    half: dict[tuple[str, str], str] = {}
    for scene in scenes:
        key = scene.picture.source, scene.picture.place
        if half.setdefault(key, scene.picture.half) != scene.picture.half:
            raise ScenesError(f"place {key[1]!r} of {key[0]} is in both halves; all pictures of a place go to one")
