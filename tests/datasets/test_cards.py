"""Every source of the recipes has a data card, and the counts on the cards are those of the data."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest

from models.recipe import load_recipe

DATASETS = Path(__file__).parents[2] / "datasets"
CARDS = sorted(path.stem for path in (DATASETS / "cards").glob("*.md") if path.stem != "not-for-detection")
RECIPES = sorted(
    path for path in (DATASETS / "recipes").glob("*.yaml") if "kerbwatch-recipe/1" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_source_of_a_recipe_has_a_card(recipe: Path) -> None:
    content = load_recipe(recipe)
    names = {source.name for source in (*content.sources, *content.evaluation_sources)}
    assert names <= set(CARDS)


@pytest.mark.parametrize("card", CARDS)
def test_counts_are_those_of_the_index(card: str, shared_data: Path) -> None:
    facts = dict(
        re.findall(
            r"^\| [^|]+ · ([\w ]+) \| (.+) \|$", (DATASETS / "cards" / f"{card}.md").read_text(encoding="utf-8"), re.M
        )
    )
    counts: dict[str, list[str]] = defaultdict(list)
    with (shared_data / "detect" / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["source"] == card:
                counts["scenes"].append(row["scene"])
                counts["boxes"].append(row["boxes"])
    assert int(facts["pictures"]) == sum(1 for _ in (shared_data / "detect" / card / "images").iterdir())
    if counts:
        assert int(facts["scenes"]) == len(set(counts["scenes"]))
        assert int(facts["boxes"]) == sum(map(int, counts["boxes"]))


def test_every_folder_of_pictures_has_a_card(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "detect").iterdir() if path.is_dir()} == set(CARDS)
