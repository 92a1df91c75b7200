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


_FACADES = {"name": "s", "origin": "o", "licence": "l", "attribution": "a", "labels": {3: "signboard"}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "kitti"}, r"field sources\.0\.format"),
        ({"format": "voc"}, "maps class 3, but voc knows names only"),
        ({"format": "export", "split": {"val": ["p"]}}, "brings its own split"),
        ({"keep_together_s": 30}, "keep_together_s but no time_pattern"),
        ({"keep_together_s": 0, "time_pattern": "x"}, r"field sources\.0\.keep_together_s"),
        ({"time_pattern": "("}, r"field sources\.0\.time_pattern: .*not a regular expression"),
        ({"place_pattern": "["}, r"field sources\.0\.place_pattern: .*not a regular expression"),
        ({"chip_pattern": "_(\\d+)_(\\d+)"}, r"needs the groups \(\?P<row>\) and \(\?P<column>\)"),
        ({"name": "../s"}, r"field sources\.0\.name: .*must be a path below"),
        ({"name": "/s"}, r"field sources\.0\.name: .*must be a path below"),
        ({"split": {"val": ["p", "q"], "test": ["q"]}}, "names the place 'q' for val and for test"),
        ({"annotations": "/etc/passwd"}, r"field sources\.0\.annotations: .*must be a path below"),
        ({"annotations": "../labels"}, r"field sources\.0\.annotations: .*must be a path below"),
        ({"corrections": ["a\\b"]}, r"field sources\.0\.corrections\.0: .*must be a path below"),
        ({"exif_labels": "maybe"}, r"field sources\.0\.exif_labels"),
    ],
)
def test_bad_sources(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(_change({"sources": [{**_FACADES, **fields}]})), encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_classes_go_by_id_or_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipes" / "recipe.yaml"
    path.parent.mkdir()
    labels = {3: "signboard", "sign": "signboard", "3": "signboard"}
    path.write_text(yaml.safe_dump(_change({"sources": [{**_FACADES, "labels": labels}]})), encoding="utf-8")
    recipe = load_recipe(path)
    assert list(recipe.sources[0].labels) == [3, "sign", "3"]
    assert recipe.corrections_root == tmp_path / "corrections"


_UNFOLDS = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (later, later, b", ".join([b"*%c" % (later - 1)] * 9)) for later in b"bcdefghij"
)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"\xff\xfe\x00",
        b"a: [1",
        b"- 1",
        b"version: 2026-02-30",
        b"version: " + b"9" * 5000,
        b"[" * 20_000,
        pytest.param(_UNFOLDS + b"name: *j", id="references that unfold to gigabytes"),
    ],
)
def test_unreadable_recipes(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "recipe.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        load_recipe(path)
