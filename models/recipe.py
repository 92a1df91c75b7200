"""A recipe: which pictures, which labels, which split and which settings make a model.

A recipe is a YAML file below ``datasets/recipes/``; it holds everything that decides the outcome, so that the run
record only has to name the recipe's hash, the commit and the machine.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from detector.model.card import BothLanguages, CueSpec
from models.errors import RecipeError
from models.yaml_file import YAML_FAULTS, read_yaml, shown


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CardTexts(_Strict):
    """What the card says to people."""

    description: BothLanguages
    good_for: BothLanguages
    unmeasured: BothLanguages


class SplitSpec(_Strict):
    """Which *places* of a source are held out, by number or by name. All pictures of a place go to the same side."""

    val_places: int = Field(default=0, ge=0)
    test_places: int = Field(default=0, ge=0)
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    """Places named instead of dealt out: where there are few, chance would choose."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


def _below(text: str) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text:
        raise ValueError("must be a path below the folder it is in, with forward slashes")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
PathBelow = Annotated[str, AfterValidator(_below)]
LabelFormat = Literal["yolo", "voc", "coco", "cvat", "labelme", "export"]


class SourceSpec(_Strict):
    """One folder of pictures (``images/``) with their labels."""

    name: PathBelow
    origin: str
    licence: str
    attribution: str
    scenes: tuple[str, ...] = ("*",)
    """Patterns of the scenes that are used (``fnmatch``)."""
    format: LabelFormat = "yolo"
    """How the labels are written; ``export`` is what ``kerbwatch label export`` wrote, with its own split."""
    annotations: PathBelow | None = None
    """Where the labels lie in the source's folder: ``labels`` for YOLO and LabelMe, ``annotations`` for VOC,
    ``annotations.json`` for COCO and ``annotations.xml`` for CVAT unless given."""
    labels: dict[int | str, str] = {}
    """Cue by class id or by class name of the source. Classes not named here are not used."""
    classes: tuple[str, ...] = ()
    """All classes of the source, in id order, where its files do not list them: any other is then reported."""
    empty_means_none: bool = False
    """A YOLO file of 0 bytes is the source's way to say "looked, nothing there" and is not reported."""
    exif_labels: Literal["shown", "stored"] = "shown"
    """Whether labels without a size of their own are for the picture as people see it, or for the file before EXIF
    turns it. Labelling tools show the turned picture; scripts that ignore EXIF do not."""
    empty_of: tuple[str, ...] = ()
    """Cues that somebody looked for in these scenes and found none of: the pictures are hard negatives for them.

    A cue that is in neither ``labels`` nor ``empty_of`` was not reviewed: its absence from the labels says nothing."""
    note: BothLanguages | None = None
    """What a reader of the metrics must know about this source."""
    seen_by_start_weights: bool = False
    """The start weights were trained on these very pictures: no measurement of the cues that they give."""
    one_place: bool = False
    """True when all pictures show one road: they then stay together on the train side."""
    place_pattern: Pattern | None = None
    """Regular expression whose first group is the place in the name of a scene; without it each scene is a place."""
    time_pattern: Pattern | None = None
    """Regular expression whose first group is the time in the name of a scene, written as ``time_format``."""
    time_format: str = "%Y%m%d%H%M%S"
    keep_together_s: float | None = Field(default=None, gt=0.0)
    """Pictures taken less than this apart, one after the other, are one place. Longer makes fewer and larger places."""
    chip_pattern: Pattern | None = None
    """Regular expression with the groups ``row`` and ``column``: where in its mosaic a chip was cut."""
    chip_size_m: float | None = Field(default=None, gt=0.0)
    """Side of a chip on the ground, where it is known."""
    corrections: tuple[PathBelow, ...] = ()
    """Sets of hand corrections below ``datasets/corrections`` (beside the recipe's folder), applied in this order."""
    split: SplitSpec = SplitSpec()


class TeacherSpec(_Strict):
    """How the start weights label a cue that is learnt here, in the pictures where nobody reviewed it."""

    imgsz_px: int = Field(default=960, ge=64)
    min_confidence: float = Field(default=0.3, gt=0.0, lt=1.0)
    """Lower keeps faint objects as positives but teaches the start weights' mistakes as well."""
    nms_iou: float = Field(default=0.6, gt=0.0, lt=1.0)


class TrainSettings(_Strict):
    """Settings of the run itself."""

    epochs: int = Field(default=20, ge=1)
    imgsz_px: int = Field(default=640, ge=32)
    batch: int = Field(default=16, ge=1)
    frozen_layers: int = Field(default=11, ge=0)
    """First layers that keep the start weights: 11, the whole backbone, where cues are kept beside the learnt ones."""
    learning_rate: float = Field(default=1e-3, gt=0.0)
    final_learning_rate_ratio: float = Field(default=0.05, gt=0.0, le=1.0)
    warmup_epochs: float = Field(default=1.0, ge=0.0)
    frozen_batchnorm: bool = True
    """Keep the start weights' BatchNorm statistics in neck and head too: small batches measure them badly."""
    mosaic: float = Field(default=0.5, ge=0.0, le=1.0)
    mosaic_off_last_epochs: int = Field(default=8, ge=0)
    scale: float = Field(default=0.4, ge=0.0, lt=1.0)
    rotate_deg: float = Field(default=0.0, ge=0.0, le=180.0)
    flip_up_down: float = Field(default=0.0, ge=0.0, le=1.0)
    """Chance to turn a picture upside down: right from the air, wrong on the street."""
    hue: float = Field(default=0.015, ge=0.0, le=0.5)
    saturation: float = Field(default=0.7, ge=0.0, le=1.0)
    value: float = Field(default=0.4, ge=0.0, le=1.0)
    seed: int = 20261122
    threads: int = Field(default=2, ge=1)


class ExportSpec(_Strict):
    """The shape of the ONNX file; (height, width) fits the camera's aspect, not a square."""

    height_px: int = Field(default=384, multiple_of=32)
    width_px: int = Field(default=640, multiple_of=32)
    opset: int = 17
    nms_iou: float = 0.7
    max_detections: int = 300


class Recipe(_Strict):
    """Everything that decides a model."""

    schema_: Literal["kerbwatch-recipe/1"] = Field(alias="schema")
    name: str
    version: str
    licence: str
    start_weights: str
    """What the start weights are, where from, under which licence: for the card."""
    split_seed: str
    cues: tuple[CueSpec, ...] = Field(min_length=1)
    auxiliary: tuple[str, ...] = ()
    """Labels that are learnt beside the cues and cut away before the export: what a sign board is *not*."""
    sources: tuple[SourceSpec, ...]
    near_duplicate_bits: int = Field(default=8, ge=0, le=31)
    """Pictures whose 64-bit looks differ in at most so many bits are the same picture, and stay on one side. Unrelated
    pictures of the sources here differ in 12 and more, copies made smaller or noisier in 0 to 6."""
    evaluation_sources: tuple[SourceSpec, ...] = ()
    """Looked at only to measure: nothing of them is learnt, and they need no licence to ship."""
    golden_image: PathBelow
    """The picture that devices test themselves on, below the data root. It ships: mind the licence and the faces."""
    golden_blur_px: tuple[tuple[int, int, int, int], ...] = ()
    """Rectangles (left, top, right, bottom) of it that are made unrecognisable: faces, number plates."""
    texts: CardTexts
    teacher: TeacherSpec = TeacherSpec()
    training: TrainSettings = TrainSettings()
    export: ExportSpec = ExportSpec()
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def corrections_root(self) -> Path | None:
        """Where its sets of hand corrections lie: ``../corrections`` seen from the recipe's file."""
        return self._folder.parent / "corrections" if self._folder else None

    @property
    def kept(self) -> tuple[CueSpec, ...]:
        """The cues taken over from the start weights."""
        return tuple(cue for cue in self.cues if cue.origin == "kept")

    @property
    def learnt(self) -> tuple[CueSpec, ...]:
        """The cues learnt here."""
        return tuple(cue for cue in self.cues if cue.origin == "trained")


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: the file is missing, not YAML, has an unknown or impossible field, or labels an unknown cue.
    """
    try:
        raw = read_yaml(path)
    except YAML_FAULTS as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from error
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise RecipeError(f"recipe {path}, field {field}: {first['msg']} (got {shown(first['input'])})") from error
    _check(recipe, path)
    recipe._folder = path.resolve().parent
    return recipe


def _check(recipe: Recipe, path: Path) -> None:
    learnt = [cue.name for cue in recipe.learnt]
    if [*recipe.kept, *recipe.learnt] != [*recipe.cues]:
        raise RecipeError(f"recipe {path}: list the kept cues first, then the trained ones: outputs follow that order")
    if not learnt:
        raise RecipeError(f"recipe {path}: no cue is trained, so there is nothing to train")
    for source in [*recipe.sources, *recipe.evaluation_sources]:
        _check_source(source, path)
    for source in recipe.sources:
        for cue in [*source.labels.values(), *source.empty_of]:
            if cue not in [*learnt, *recipe.auxiliary]:
                raise RecipeError(
                    f"recipe {path}: source {source.name!r} labels {cue!r}, which is not among the trained cues "
                    f"{', '.join([*learnt, *recipe.auxiliary])}"
                )


def _check_source(source: SourceSpec, path: Path) -> None:
    if source.keep_together_s is not None and source.time_pattern is None:
        raise RecipeError(
            f"recipe {path}: source {source.name!r} has keep_together_s but no time_pattern to read times"
        )
    if source.chip_pattern is not None and not {"row", "column"} <= set(re.compile(source.chip_pattern).groupindex):
        raise RecipeError(f"recipe {path}: chip_pattern of {source.name!r} needs the groups (?P<row>) and (?P<column>)")
    both = sorted(set(source.split.val) & set(source.split.test))
    if both:
        raise RecipeError(f"recipe {path}: source {source.name!r} names the place {both[0]!r} for val and for test")
    numbers = [key for key in source.labels if isinstance(key, int)]
    if numbers and source.format in {"voc", "cvat", "labelme"}:
        raise RecipeError(
            f"recipe {path}: source {source.name!r} maps class {numbers[0]}, but {source.format} knows names only"
        )
    if source.format == "export" and source.split != SplitSpec():
        raise RecipeError(f"recipe {path}: source {source.name!r} is an export and brings its own split: leave it out")
