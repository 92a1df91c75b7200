from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.vocabulary import vocabulary
from models.errors import RecipeError
from models.recipe import load_recipe

SHIPPED = Path(__file__).parents[2] / "datasets" / "recipes" / "street-n.yaml"


def test_shipped_recipe_reads_and_speaks_the_vocabulary() -> None:
    recipe = load_recipe(SHIPPED)
    assert [cue.name for cue in recipe.learnt] == ["signboard"]
    assert {cue.name for cue in recipe.cues} <= set(vocabulary().cues)


def _change(change: dict[str, Any]) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    return {**raw, **change}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "kerbwatch-recipe/2"}, "field schema"),
        ({"colour": "red"}, "field colour"),  # unknown fields are typing errors
        ({"training": {"epochs": 0}}, r"field training.epochs: .* \(got 0\)"),
        ({"export": {"height_px": 385}}, "field export.height_px"),  # strides of 32
        ({"cues": []}, "field cues"),
        (
            {"cues": [{"name": "car", "origin": "kept", "min_confidence": 0.2}], "sources": []},
            "nothing to train",
        ),
        (
            {
                "cues": [
                    {"name": "signboard", "origin": "trained", "min_confidence": 0.2},
                    {"name": "car", "origin": "kept", "min_confidence": 0.2},
                ]
            },
            "list the kept cues first",
        ),
        (
            {"sources": [{"name": "s", "origin": "o", "licence": "l", "attribution": "a", "labels": {0: "car"}}]},
            "source 's' labels 'car', which is not among the trained cues signboard",
        ),
    ],
)
def test_bad_recipes(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(_change(change)), encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"a: [1", b"- 1"])
def test_unreadable_recipes(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "recipe.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        load_recipe(path)
