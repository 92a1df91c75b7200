from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.vocabulary import vocabulary
from models.appearance.recipe import load_appearance_recipe
from models.appearance.things import read_things
from models.errors import DatasetError, RecipeError
from tests.models.networks import write_source

SHIPPED = Path(__file__).parents[3] / "datasets" / "recipes" / "appearance-n.yaml"


def content() -> dict[str, Any]:
    return yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))


def write(folder: Path, **replaced: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**content(), **replaced}, allow_unicode=True), encoding="utf-8")
    return path


def one_source(**fields: Any) -> list[dict[str, Any]]:
    source = {
        "name": "walls",
        "origin": "here",
        "licence": "CC0-1.0",
        "attribution": "us",
        "things": {3: "sign"},
        "use": "ship",
        "passes": "street",
        "people": False,
        **fields,
    }
    return [source]


def test_only_rows_that_may_ship_are_learnt_from() -> None:
    recipe = load_appearance_recipe(SHIPPED)
    learnt = {source.name for source in recipe.sources if source.use == "ship"}
    assert learnt == {"facade_ads", "bogota_aerial", "bikes_nerve"}


def test_cues_are_words_of_the_product_and_no_people() -> None:
    recipe = load_appearance_recipe(SHIPPED)
    assert set(recipe.cues) <= set(vocabulary().cues)
    assert "person" not in recipe.cues
    assert recipe.golden.cue in recipe.cues


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"cues": ["person"]}, "people are never embedded"),
        ({"sources": one_source(things={0: "person"})}, "people are never embedded"),
        ({"sources": one_source(use="maybe")}, "field sources.0.use"),
        ({"colour": 1}, "field colour"),
        ({"street": {**content()["street"], "min_scale": 0}}, "field street.min_scale"),
    ],
)
def test_recipes_that_are_refused(tmp_path: Path, replaced: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_appearance_recipe(write(tmp_path, **replaced))


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load_appearance_recipe(tmp_path / "none.yaml")


def test_things_have_a_place_and_a_side(tmp_path: Path) -> None:
    write_source(tmp_path, "walls", {"a": 2, "b": 1, "c": 1})
    recipe = load_appearance_recipe(write(tmp_path, sources=one_source(val=["b"], test=["c"], min_side_px=16)))
    things = read_things(recipe, tmp_path)
    assert [(thing.place, thing.side) for thing in things] == [
        ("a", "train"),
        ("a", "train"),
        ("b", "val"),
        ("c", "test"),
    ]
    assert all(thing.kind == "sign" for thing in things)


def test_evaluated_sources_are_all_test(tmp_path: Path) -> None:
    write_source(tmp_path, "walls", {"a": 2, "b": 1})
    recipe = load_appearance_recipe(write(tmp_path, sources=one_source(use="evaluate", min_side_px=16)))
    assert {thing.side for thing in read_things(recipe, tmp_path)} == {"test"}


def test_small_things_and_surplus_pictures_are_left_out(tmp_path: Path) -> None:
    write_source(tmp_path, "walls", {"a": 4, "b": 2})
    few = load_appearance_recipe(write(tmp_path, sources=one_source(test=["b"], train_pictures=1, min_side_px=16)))
    sides = [thing.side for thing in read_things(few, tmp_path)]
    assert (sides.count("train"), sides.count("test")) == (1, 2)
    large = load_appearance_recipe(write(tmp_path, sources=one_source(min_side_px=500)))
    assert read_things(large, tmp_path) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"test": ["nowhere"]}, "has no picture of the place 'nowhere'"),
        ({"name": "missing"}, "no picture below"),
        ({"place_pattern": "^(x+)"}, "does not fit the scene 'a'"),
    ],
)
def test_sources_that_do_not_fit(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    write_source(tmp_path, "walls", {"a": 1})
    recipe = load_appearance_recipe(write(tmp_path, sources=one_source(**fields)))
    with pytest.raises(DatasetError, match=message):
        read_things(recipe, tmp_path)


def test_a_broken_label_line_is_named(tmp_path: Path) -> None:
    write_source(tmp_path, "walls", {"a": 1})
    (tmp_path / "walls" / "labels" / "walls_000.txt").write_text("3 0.5 x 0.1 0.1\n", encoding="ascii")
    recipe = load_appearance_recipe(write(tmp_path, sources=one_source()))
    with pytest.raises(DatasetError, match=r"walls_000\.txt:1: expected 'class cx cy w h'"):
        read_things(recipe, tmp_path)


def test_a_missing_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="with the columns source, image, scene"):
        read_things(load_appearance_recipe(SHIPPED), tmp_path)
