"""The shipped appearance bundle: whole, small, honest, and blind to people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from detector.appearance import Embedder, log10_likelihood_ratio, open_embedder, similarity
from detector.errors import InputError
from models.appearance.bundle import appearance_readme
from models.appearance.recipe import load_appearance_recipe
from models.cli import app

ROOT = Path(__file__).parents[3]
ZOO = ROOT / "models" / "zoo" / "appearance-n"
RECIPE = ROOT / "datasets" / "recipes" / "appearance-n.yaml"
NOBODY = np.zeros((0, 4), np.float32)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder(ZOO)


def test_verify_knows_the_bundle(embedder: Embedder) -> None:
    result = CliRunner().invoke(app, ["verify", str(ZOO)])
    assert result.exit_code == 0, result.output
    assert f"appearance-n {embedder.bundle.card.version}: ok" in result.output
    assert "signed by kerbwatch-release-" in result.output


def street(seed: int) -> NDArray[np.uint8]:
    """A smooth random picture: something to look at."""
    import cv2

    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


BOX = np.array([60, 50, 220, 200], np.float32)
PERSON = np.array([[100, 80, 140, 200]], np.float32)


def test_card_says_what_the_recipe_says(embedder: Embedder) -> None:
    card, recipe = embedder.bundle.card, load_appearance_recipe(RECIPE)
    assert (card.name, card.version, card.licence) == (recipe.name, recipe.version, recipe.licence)
    assert card.cues == recipe.cues
    assert card.training["settings"] == recipe.learning.model_dump()
    assert card.training["passes"]["street"] == recipe.street.model_dump(mode="json")


def test_nothing_is_learnt_from_what_may_not_ship(embedder: Embedder) -> None:
    learnt = {row["name"]: row["things_learnt"] for row in embedder.bundle.card.training["sources"]}
    assert {name for name, count in learnt.items() if count} == {"facade_ads", "bogota_aerial", "bikes_nerve"}


def test_card_holds_held_out_numbers(embedder: Embedder) -> None:
    rows = embedder.bundle.card.metrics
    assert {(row["source"], row["different"]) for row in rows if row["split"] == "test"} >= {
        ("facade_ads", "look-alike"),
        ("bogota_aerial", "look-alike"),
        ("facade_ads", "random"),
        ("bogota_aerial", "random"),
    }
    assert all(row["low"] <= row["auc"] <= row["high"] for row in rows)


def test_readme_is_the_card(embedder: Embedder) -> None:
    card = embedder.bundle.card.model_dump(mode="json", by_alias=True)
    assert (ZOO / "README.md").read_text(encoding="utf-8") == appearance_readme(card)


def test_bundle_is_small_and_names_no_machine() -> None:
    assert sum(path.stat().st_size for path in ZOO.iterdir()) < 6_500_000
    text = (ZOO / "card.yaml").read_text(encoding="utf-8")
    assert not any(word in text for word in ("/home", "/tmp", "/root", "/work"))  # noqa: S108


def test_a_vector_is_a_unit_vector(embedder: Embedder) -> None:
    vector = embedder.embed(street(0), BOX, "stall", NOBODY)
    assert vector is not None
    assert vector.dtype == np.float32
    assert vector.shape == (embedder.bundle.card.model.size,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_another_person_in_the_box_changes_no_bit_of_the_vector(embedder: Embedder, seed: int) -> None:
    image = street(0)
    other = image.copy()
    other[80:200, 100:140] = street(seed + 1)[80:200, 100:140]
    mine = embedder.embed(image, BOX, "stall", PERSON)
    theirs = embedder.embed(other, BOX, "stall", PERSON)
    assert mine is not None
    assert theirs is not None
    assert mine.tobytes() == theirs.tobytes()
    unmasked = embedder.embed(other, BOX, "stall", NOBODY)
    assert unmasked is not None
    assert unmasked.tobytes() != mine.tobytes()


def test_people_alone_have_no_vector(embedder: Embedder) -> None:
    assert embedder.embed(street(0), PERSON[0], "stall", PERSON) is None
    with pytest.raises(InputError, match="people are never embedded"):
        embedder.embed(street(0), PERSON[0], "person", NOBODY)


def test_darker_and_shifted_is_nearer_than_another_thing(embedder: Embedder) -> None:
    golden = embedder.bundle.golden
    darker = (golden.image * 0.8).astype(np.uint8)
    same = embedder.embed(darker, golden.xyxy + 2, "signboard", golden.person_xyxy)
    wall = embedder.embed(golden.image, np.array([2, 20, 50, 110]), "signboard", NOBODY)
    assert same is not None
    assert wall is not None
    evidence = embedder.bundle.card.evidence
    near, far = similarity(same, golden.embedding), similarity(wall, golden.embedding)
    assert near > far
    assert log10_likelihood_ratio(near, evidence) > 0 > log10_likelihood_ratio(far, evidence)
