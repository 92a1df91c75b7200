"""The shipped bundle: whole, honest, small, and good enough for what the demo shows."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from detector.model.bundle import load_bundle
from detector.model.signed_folder import read_signed
from detector.model.yolo import Detector, open_detector
from models.readme import readme
from models.recipe import TrainSettings, load_recipe

ZOO = Path(__file__).parents[2] / "models" / "zoo"
RECIPES = Path(__file__).parents[2] / "datasets" / "recipes"
DETECTORS = ("street-n", "aerial-n")


@pytest.fixture(scope="module")
def detector(zoo_street: Path) -> Detector:
    return open_detector(zoo_street)


@pytest.mark.parametrize("name", sorted(path.name for path in ZOO.iterdir() if path.is_dir()))
def test_every_shipped_bundle_is_signed_by_its_makers(name: str) -> None:
    signed = read_signed(ZOO / name)
    assert signed.signer.name.startswith("kerbwatch-release-")


@pytest.mark.parametrize("name", DETECTORS)
def test_card_says_what_the_recipe_says(name: str) -> None:
    card, recipe = load_bundle(ZOO / name).card, load_recipe(RECIPES / f"{name}.yaml")
    assert (card.name, card.version, card.licence) == (recipe.name, recipe.version, recipe.licence)
    for shipped, asked in zip(card.cues, recipe.cues, strict=True):
        assert (shipped.name, shipped.origin, shipped.threshold) == (asked.name, asked.origin, asked.threshold)
        assert shipped.min_confidence == asked.min_confidence or asked.threshold == "chosen"
    # A setting that came after the run was made has its default there.
    assert TrainSettings.model_validate(card.training["run_record"]["settings"]) == recipe.training
    licences = {source["name"]: source["licence"] for source in card.training["sources"]}
    assert all(licences[source.name] in ("CC0-1.0", "CC-BY-4.0") for source in recipe.sources)


@pytest.mark.parametrize(
    ("name", "cue", "source", "places"),
    [("street-n", "signboard", "facade_ads", 7), ("aerial-n", "stall", "bogota_aerial", 1)],
)
def test_card_holds_held_out_numbers_of_the_learnt_cue(name: str, cue: str, source: str, places: int) -> None:
    rows = [row for row in load_bundle(ZOO / name).card.metrics if row["cue"] == cue and row["source"] == source]
    assert {(row["split"], row["places"]) for row in rows} == {("val", places), ("test", places)}
    assert all(0.0 < row["AP50"] < 1.0 for row in rows)


@pytest.mark.parametrize("name", DETECTORS)
def test_readme_is_the_card(name: str) -> None:
    card = load_bundle(ZOO / name).card.model_dump(mode="json", by_alias=True)
    assert (ZOO / name / "README.md").read_text(encoding="utf-8") == readme(card["name"], card)


@pytest.mark.parametrize("name", sorted(path.name for path in ZOO.iterdir() if path.is_dir()))
def test_bundle_is_small_and_names_no_machine(name: str) -> None:
    assert sum(path.stat().st_size for path in (ZOO / name).iterdir()) < 20_000_000
    text = (ZOO / name / "card.yaml").read_text(encoding="utf-8")
    assert not any(word in text for word in ("/home", "/tmp", "/root", "/work", "/opt"))  # noqa: S108


@pytest.mark.parametrize(
    ("first", "last", "cue", "share"),
    [
        (187, 241, "bicycle", 0.5),  # riderless, against a wall; half hidden at both ends of the shot
        (112, 136, "motorcycle", 0.9),  # parked, beside a stopped cyclist
        (112, 136, "bicycle", 0.9),
        (112, 136, "person", 0.9),
    ],
)
def test_sees_the_demo_shots(
    detector: Detector, bikes_clip: Path, first: int, last: int, cue: str, share: float
) -> None:
    seen = []
    with av.open(str(bikes_clip)) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if first <= number <= last and number % 4 == 0:
                found = detector.detect(frame.to_ndarray(format="bgr24"))
                index = detector.cue_names.index(cue)
                seen.append(bool((found.confidence[found.cue == index] >= 0.5).any()))
    assert sum(seen) / len(seen) >= share
