"""The sample: small, attributed, and every picture on the side where the shipped models have it."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from models.dataset import RecipeReading, read_recipe
from models.dataset.places import place_of_scenes, split_source
from models.dataset.scenes import read_index
from models.recipe import load_recipe

DATASETS = Path(__file__).parents[2] / "datasets"
SAMPLE = DATASETS / "sample"
MAY_SHIP = {"bogota_aerial", "facade_ads", "bikes_nerve"}
MOST_PICTURES = 18
MOST_BYTES = 2_200_000


@pytest.fixture(scope="module")
def reading() -> RecipeReading:
    return read_recipe(load_recipe(DATASETS / "recipes" / "sample.yaml"), SAMPLE)


def test_small_and_from_sources_that_may_ship() -> None:
    pictures = sorted(SAMPLE.glob("*/images/*"))
    assert 0 < len(pictures) <= MOST_PICTURES
    assert {path.parts[-3] for path in pictures} == MAY_SHIP
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) <= MOST_BYTES


def test_the_recipe_uses_all_of_it_and_finds_no_fault(reading: RecipeReading) -> None:
    pictures = {path.name for path in SAMPLE.glob("*/images/*")}
    assert {sample.name for sample in reading.samples} == pictures
    assert reading.problems == ()
    assert len(reading.alike) == 1, "two pictures seconds apart, for the notebook to show"
    assert {sample.split for sample in reading.samples if sample.source == "facade_ads"} == {"train", "val", "test"}


def test_every_picture_is_attributed_with_its_side(reading: RecipeReading) -> None:
    licence = {"facade_ads": "CC0 1.0", "bogota_aerial": "CC BY 4.0", "bikes_nerve": "CC BY 4.0"}
    lines = (SAMPLE / "ATTRIBUTION.md").read_text(encoding="utf-8").splitlines()
    for sample in reading.samples:
        cells = f"| {sample.place} | {sample.split} | {licence[sample.source]} |"
        assert any(line.startswith(f"| {sample.source}/images/{sample.name} {cells}") for line in lines), sample.name


@pytest.mark.parametrize(("recipe", "source"), [("street-n", "facade_ads"), ("aerial-n", "bogota_aerial")])
def test_held_out_from_the_shipped_models_too(
    recipe: str, source: str, reading: RecipeReading, shared_data: Path
) -> None:
    content = load_recipe(DATASETS / "recipes" / f"{recipe}.yaml")
    (spec,) = (spec for spec in content.sources if spec.name == source)
    scenes = [scene for (name, _), scene in read_index(shared_data / "detect" / "index.csv").items() if name == source]
    side = split_source(spec, place_of_scenes(spec, scenes).values(), content.split_seed)
    ours = {sample.place: sample.split for sample in reading.samples if sample.source == source}
    assert ours == {place: side[place] for place in ours}


def test_sizes_and_labels_are_the_sources_own(shared_data: Path) -> None:
    for path in SAMPLE.glob("*/images/*.jpg"):
        source = shared_data / "detect" / path.relative_to(SAMPLE)
        ours, theirs = cv2.imread(str(path)), cv2.imread(str(source))
        assert ours is not None
        assert theirs is not None
        assert ours.shape == theirs.shape
        label = Path("labels", f"{path.stem}.txt")
        assert (path.parents[1] / label).read_bytes() == (source.parents[1] / label).read_bytes()
