"""The recipe of an appearance embedding: whose things, how virtual passes differ, how the projection is learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.appearance.passes import PassSpec
from models.errors import RecipeError
from models.recipe import CardTexts
from models.yaml_file import YAML_FAULTS, read_yaml, shown


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ThingSource(_Strict):
    """One folder of pictures with YOLO labels whose boxes are things to tell apart."""

    name: str
    origin: str
    licence: str
    attribution: str
    things: dict[int, str]
    """x"""
    place_pattern: str | None = None
    """Regular expression whose first group is the place in the name of a scene; without it each scene is a place."""
    one_place: bool = False
    chip_pattern: str | None = None
    """Regular expression with the groups ``row`` and ``column``: where in its mosaic an aerial chip was cut."""
    use: Literal["ship", "evaluate"]
    """``evaluate``: every place is on the test side, nothing of it is learnt."""
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    passes: Literal["street", "air"]
    people: bool
    """Whether people are looked for and painted over; from the air nobody is large enough to be found."""
    min_side_px: float = Field(default=24.0, ge=16.0)
    train_pictures: int | None = Field(default=None, ge=1)
    """At most so many pictures of the train side, dealt by hash; more cost time. Held-out places are used whole."""
    most_per_picture: dict[str, int] = {}
    """The largest things of a kind in a picture: a facade of forty windows must not outweigh a street of signs."""


class CropSettings(_Strict):
    """`detector.appearance_crop.CropSpec`, as data."""

    side_px: int = Field(ge=32, le=512, multiple_of=32)
    context_share: float = Field(ge=0.0, le=1.0)
    person_margin_share: float = Field(ge=0.0, le=0.5)
    min_side_px: int = Field(ge=8)
    min_visible_share: float = Field(gt=0.0, le=1.0)


class LearningSettings(_Strict):
    """How the projection is learnt on features that are computed once."""

    views: int = Field(ge=2)
    """Virtual passes per thing. More costs features, not steps."""
    test_views: int = Field(ge=2)
    size: int = Field(ge=8, le=512)
    """Numbers in an embedding."""
    discriminants: int = Field(ge=8)
    """Directions of the closed-form start, of which the learnt projection keeps the best mixture."""
    steps: int = Field(ge=1)
    pictures_per_step: int = Field(ge=1)
    """A step sees all things of so many pictures, so that look-alikes of one picture always meet."""
    learning_rate: float = Field(gt=0.0)
    weight_decay: float = Field(ge=0.0)
    temperature: float = Field(gt=0.0)
    """Lower looks at the hardest look-alikes only."""
    feature_dropout: float = Field(ge=0.0, lt=1.0)
    seed: int


Box = tuple[float, float, float, float]


class GoldenThing(_Strict):
    """The picture that devices test themselves on. It ships: mind the licence and the faces."""

    image: str
    """Below the data root."""
    part_px: tuple[int, int, int, int]
    """The part of it that ships: left, top, right, bottom."""
    cue: str
    xyxy: Box
    """The thing, px of that part."""
    person_xyxy: tuple[Box, ...]
    """Boxes to paint over, px of that part: the test covers this step too."""


class AppearanceRecipe(_Strict):
    """Everything that decides an appearance embedding."""

    schema_: Literal["kerbwatch-appearance-recipe/1"] = Field(alias="schema")
    name: str
    version: str
    licence: str
    start_weights: str
    cues: tuple[str, ...]
    """The cues whose things may be embedded. ``person`` is refused everywhere."""
    sources: tuple[ThingSource, ...]
    street: PassSpec
    air: PassSpec
    crop: CropSettings
    learning: LearningSettings
    golden: GoldenThing
    texts: CardTexts

    def passes(self, source: ThingSource) -> PassSpec:
        """How the passes of a source differ."""
        return self.street if source.passes == "street" else self.air


def load_appearance_recipe(path: Path) -> AppearanceRecipe:
    """Read and check a recipe.

    Raises:
        RecipeError: the file is missing, not YAML, has an unknown or impossible field, or wants people embedded.
    """
    try:
        raw = read_yaml(path)
    except YAML_FAULTS as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from error
    try:
        recipe = AppearanceRecipe.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise RecipeError(f"recipe {path}, field {field}: {first['msg']} (got {shown(first['input'])})") from error
    kinds = {kind for source in recipe.sources for kind in source.things.values()}
    if "person" in kinds or "person" in recipe.cues:
        raise RecipeError(f"recipe {path}: 'person' is listed: people are never embedded, take it out")
    return recipe
