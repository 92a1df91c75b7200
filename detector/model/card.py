"""``card.yaml``: what a model sees, how it is fed, and what it must find in its golden picture."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.errors import BundleError
from detector.vocabulary import CUE_PATTERN

SCHEMA = "kerbwatch-bundle/1"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""As safe as `yaml.safe_load` and ten times as quick, where PyYAML was built with libyaml: a long card took 0.2 s."""

_Side = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
_Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Card(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class BothLanguages(_Card):
    """One text, Chinese and English."""

    zh: str
    en: str


class InputSpec(_Card):
    """The network's input: one picture, letterboxed to a static rectangle.

    `scale` multiplies the 0..255 values; `pad_value` (0..255) fills the border.
    """

    name: _Word
    height_px: _Side
    width_px: _Side
    colour: Literal["rgb"]
    scale: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    pad_value: Annotated[int, Field(ge=0, le=255)]


class OutputSpec(_Card):
    """The network's output: ``raw`` is (1, 4 + cues, N) of centre, size and scores; ``nms_free`` is (1, N, 6)."""

    name: _Word
    layout: Literal["raw", "nms_free"]


class ModelSpec(_Card):
    """The network file and how it is run."""

    file: _FileName
    input: InputSpec
    output: OutputSpec
    nms_iou: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    """Boxes of one cue that overlap more than this are one thing. Lower merges neighbours in a row of bikes."""
    max_detections: Annotated[int, Field(ge=1, le=3000)]


class CueSpec(_Card):
    """One cue. `origin` is ``kept`` when it is the start weights' own: no label of ours stands behind it."""

    name: Annotated[str, Field(pattern=CUE_PATTERN)]
    min_confidence: _Unit
    """The cue is reported from this confidence on. With `threshold: chosen` a recipe's value is only the fallback."""
    origin: Literal["trained", "kept"]
    threshold: Literal["chosen", "fixed"] = "fixed"
    """``chosen`` by rule on validation places (`models.measure.threshold`), or ``fixed`` by hand."""
    training_boxes: Annotated[int, Field(ge=0)] | None = None
    """Hand-labelled boxes that a trained cue learnt from; fewer than 200 make a trial, not a product."""
    measured: bool | None = None
    """Whether there are figures from test places of a source that no training saw; None in cards that do not tell."""


class GoldenSpec(_Card):
    """The picture and the detections that a backend must reproduce before it is trusted."""

    image: _FileName
    detections: _FileName
    iou_min: _Unit
    confidence_tolerance: _Unit


class ModelCard(_Card):
    """The whole card; `training`, `metrics`, `good_for` and `unmeasured` are for people and free in form."""

    schema_: Annotated[Literal["kerbwatch-bundle/1"], Field(alias="schema")]
    name: _Word
    version: _Word
    created: date
    licence: _Word
    description: BothLanguages
    model: ModelSpec
    cues: Annotated[tuple[CueSpec, ...], Field(min_length=1, max_length=1000)]
    golden: GoldenSpec
    training: Any
    metrics: Any
    good_for: Any
    unmeasured: Any
    pictures: tuple[_FileName, ...] = ()
    """Curves and failures, for people."""

    @model_validator(mode="after")
    def _cue_names_differ(self) -> ModelCard:
        names = [cue.name for cue in self.cues]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"cue {twice[0]!r} is listed twice: every cue needs its own name")
        return self


def parse_card(text: bytes) -> ModelCard:
    """The card in the bytes of a ``card.yaml``.

    Raises:
        BundleError: not YAML, or a field is missing, unknown or out of its bounds (the message names the field).
    """
    try:
        raw: Any = yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        raise BundleError(f"card.yaml is not YAML: {error}") from error
    try:
        return ModelCard.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole card"
        raise BundleError(
            f"card.yaml: {field}: {first['msg']}, got {str(first.get('input'))[:80]!r} "
            f"({error.error_count()} fields at fault); the schema is {SCHEMA}"
        ) from error
