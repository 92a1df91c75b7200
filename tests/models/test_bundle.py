from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.errors import BundleError
from detector.model.bundle import load_bundle
from models.bundle import Card, read_golden, write_bundle, write_card
from models.errors import DatasetError
from models.recipe import load_recipe
from tests.signing import KEY, TRUST

SHIPPED = Path(__file__).parents[2] / "datasets" / "recipes" / "street-n.yaml"
METHOD = {"zh": "方法", "en": "a method"}


@pytest.fixture
def card() -> Card:
    recipe = load_recipe(SHIPPED)
    training = {"method": METHOD, "start_weights": "none", "sources": []}
    metrics = [
        {"cue": "signboard", "source": "s", "split": "test", "images": 2, "places": 1, "boxes": 3,
         "AP50": 0.5, "AP50-95": 0.25, "precision": None, "recall": 0.0, "note": {"zh": "注", "en": "a note"}}
    ]  # fmt: skip
    return Card("test", "1.0.0", "CC0-1.0", recipe.cues, recipe.texts, training, metrics)


def test_a_written_card_is_read_back(zoo_street: Path, tmp_path: Path, card: Card) -> None:
    folder = shutil.copytree(zoo_street, tmp_path / "bundle")
    write_card(folder, card, load_recipe(SHIPPED).export, key=KEY)
    bundle = load_bundle(folder, TRUST)  # signature, sums, ports and golden files agree with the new card
    assert (bundle.card.name, bundle.card.version) == ("test", "1.0.0")
    assert bundle.card.metrics == list(card.metrics)
    assert bundle.model_sha256 == load_bundle(zoo_street).model_sha256
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "| signboard | s | test | 2 | 1 | 3 | 0.5 | 0.25 | – | 0.0 |" in page
    assert "a note" in page


@pytest.mark.train
@pytest.mark.filterwarnings("default")
def test_a_written_bundle_is_signed_by_the_key_given(zoo_street: Path, tmp_path: Path, card: Card) -> None:
    golden = read_golden(zoo_street / "golden.png")
    onnx, spec = zoo_street / "model.onnx", load_recipe(SHIPPED).export
    bundle = write_bundle(tmp_path / "bundle", onnx=onnx, card=card, spec=spec, golden=golden, key=KEY)
    assert bundle.signer.key_id == KEY.key_id
    with pytest.raises(BundleError, match=r"not trusted \(trusted: kerbwatch-release-2026\)"):
        load_bundle(tmp_path / "bundle")


def test_a_card_that_breaks_its_schema_is_not_written(zoo_street: Path, tmp_path: Path, card: Card) -> None:
    folder = shutil.copytree(zoo_street, tmp_path / "bundle")
    spec = load_recipe(SHIPPED).export
    with pytest.raises(BundleError, match=r"model\.nms_iou"):
        write_card(folder, card, spec.model_copy(update={"nms_iou": 1.5}), key=KEY)
    load_bundle(folder)  # the old one still stands


def test_golden_picture_is_blurred_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    cv2.imwrite(str(path), image)
    blurred = read_golden(path, [(10, 5, 30, 25)])
    changed = (blurred != image).any(axis=2)
    assert changed[5:25, 10:30].mean() > 0.9
    assert not changed[:, 30:].any()
    assert blurred[5:25, 10:30].std() < 0.3 * image[5:25, 10:30].std()


def test_unreadable_golden_picture(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot read the golden picture"):
        read_golden(tmp_path / "none.png")
