"""The whole way with a random backbone on drawn pictures: small, but every step is the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from detector.appearance import open_embedder
from models.appearance.make import make_appearance
from models.appearance.recipe import load_appearance_recipe
from models.errors import DatasetError
from tests.models.appearance.test_recipe import one_source, write
from tests.models.networks import random_start_weights
from tests.signing import KEY, TRUST

pytestmark = pytest.mark.train


@contextmanager
def no_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    assert title
    yield lambda done, total: None


def nobody(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.zeros((0, 4))


def draw(root: Path) -> None:
    """Four streets with three coloured boards each."""
    generator = np.random.default_rng(0)
    lines = ["source,image,scene"]
    for folder in ("images", "labels"):
        (root / "walls" / folder).mkdir(parents=True)
    for number, scene in enumerate("abcdef"):
        image = generator.integers(100, 140, (160, 320, 3), dtype=np.uint8)
        labels = []
        for left in (20, 120, 220):
            pattern = generator.integers(0, 256, (4, 8, 3), dtype=np.uint8)
            image[50:100, left : left + 80] = cv2.resize(pattern, (80, 50), interpolation=cv2.INTER_NEAREST)
            labels.append(f"3 {(left + 40) / 320} {75 / 160} {80 / 320} {50 / 160}\n")
        cv2.imwrite(str(root / "walls" / "images" / f"{number}.png"), image)
        (root / "walls" / "labels" / f"{number}.txt").write_text("".join(labels), encoding="ascii")
        lines.append(f"walls,{number}.png,{scene}")
    (root / "index.csv").write_text("\n".join(lines), encoding="utf-8")


def small(folder: Path, **source: object) -> Path:
    path = write(folder, sources=one_source(**{"val": ["d", "e"], "test": ["f"], **source}))
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["crop"]["side_px"] = 64
    content["learning"].update(views=3, test_views=3, size=8, discriminants=8, steps=5, pictures_per_step=2)
    content["golden"] = {
        "image": "walls/images/0.png",
        "part_px": [0, 20, 140, 140],
        "cue": "signboard",
        "xyxy": [20, 30, 100, 80],
        "person_xyxy": [[30, 40, 45, 80]],
    }
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def test_recipe_to_signed_bundle(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    recipe = load_appearance_recipe(small(tmp_path))
    weights = random_start_weights(tmp_path / "start.pt")
    made = make_appearance(
        recipe, data_root=tmp_path / "data", weights=weights, find_people=nobody, out=tmp_path, key=KEY, bar=no_bar
    )
    embedder = open_embedder(tmp_path / "bundle", TRUST)
    assert made.bundle.model_sha256 == embedder.bundle.model_sha256
    rows = embedder.bundle.card.metrics
    assert {(row["split"], row["different"]) for row in rows} >= {("val", "look-alike"), ("test", "look-alike")}
    assert all(0.0 <= row["auc"] <= 1.0 for row in rows)
    assert embedder.bundle.card.training["sources"][0]["things_learnt"] == 9
    assert "AUC" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "passes.npz").is_file()

    image = cv2.imread(str(tmp_path / "data" / "walls" / "images" / "0.png"))
    box, people = np.array([20, 50, 100, 100]), np.array([[30, 60, 50, 100]])
    first = embedder.embed(image, box, "signboard", people)
    image[60:100, 30:50] = 255
    second = embedder.embed(image, box, "signboard", people)
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()
    assert np.linalg.norm(first) == pytest.approx(1.0, abs=1e-5)


def test_nothing_held_out_is_an_error(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    recipe = load_appearance_recipe(small(tmp_path, val=[], test=[]))
    with pytest.raises(DatasetError, match="no thing is on the val side"):
        make_appearance(
            recipe,
            data_root=tmp_path / "data",
            weights=random_start_weights(tmp_path / "start.pt"),
            find_people=nobody,
            out=tmp_path,
            key=KEY,
            bar=no_bar,
        )
