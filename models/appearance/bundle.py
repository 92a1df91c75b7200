"""Writes an appearance bundle: network, card, golden thing, README, hashes and signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from detector.appearance import Embedder, open_embedder
from detector.appearance_crop import masked_crop
from detector.errors import BundleError
from detector.model.appearance_bundle import SCHEMA, Evidence, parse_appearance_card
from detector.model.session import OnnxSession
from detector.signing import SigningKey
from models.appearance.recipe import AppearanceRecipe
from models.appearance.things import read_picture
from models.signing import seal_folder, trust_of_key

SIMILARITY_MIN = 0.999
MODEL, GOLDEN_IMAGE, GOLDEN = "model.onnx", "golden.png", "golden.npz"


def write_appearance_bundle(
    folder: Path,
    recipe: AppearanceRecipe,
    *,
    data_root: Path,
    training: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]],
    evidence: Evidence,
    key: SigningKey,
) -> Embedder:
    """Make a bundle of the ``model.onnx`` that lies in `folder`, sign it, and open it as a device does.

    Raises:
        BundleError: the card breaks its schema, the golden thing cannot be embedded, or the written bundle does not
            pass the device's own checks.
        DatasetError: the golden picture cannot be read.
    """
    left, top, right, bottom = recipe.golden.part_px
    image = np.ascontiguousarray(read_picture(data_root / recipe.golden.image)[top:bottom, left:right])
    cv2.imwrite(str(folder / GOLDEN_IMAGE), image)
    xyxy = np.array(recipe.golden.xyxy, np.float32)
    people = np.array(recipe.golden.person_xyxy, np.float32).reshape(-1, 4)
    card = _card(recipe, training, metrics, evidence)
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=120)
    crop = parse_appearance_card(text.encode()).crop.spec()
    planes = masked_crop(image, xyxy, people, crop)
    if planes is None:
        raise BundleError("the golden thing is too small or hidden by people: choose another in the recipe")
    embedding = OnnxSession((folder / MODEL).read_bytes()).run(planes)[0]
    np.savez(folder / GOLDEN, xyxy=xyxy, person_xyxy=people, embedding=embedding)
    (folder / "card.yaml").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(appearance_readme(card), encoding="utf-8")
    seal_folder(folder, key)
    return open_embedder(folder, trust_of_key(key))


def _card(
    recipe: AppearanceRecipe, training: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]], evidence: Evidence
) -> dict[str, Any]:
    texts = recipe.texts
    return {
        "schema": SCHEMA,
        "name": recipe.name,
        "version": recipe.version,
        "created": datetime.now(UTC).date().isoformat(),
        "licence": recipe.licence,
        "description": texts.description.model_dump(),
        "model": {"file": MODEL, "input": "crop", "output": "embedding", "size": recipe.learning.size},
        "crop": recipe.crop.model_dump(),
        "cues": list(recipe.cues),
        "evidence": {name: list(values) for name, values in evidence.model_dump().items()},
        "golden": {
            "image": GOLDEN_IMAGE,
            "expected": GOLDEN,
            "cue": recipe.golden.cue,
            "similarity_min": SIMILARITY_MIN,
        },
        "training": dict(training),
        "metrics": [dict(row) for row in metrics],
        "good_for": texts.good_for.model_dump(),
        "unmeasured": texts.unmeasured.model_dump(),
    }


def appearance_readme(card: Mapping[str, Any]) -> str:
    """The card as a page for people, so that its numbers stand in one place only."""
    header = ("source", "kind", "split", "things", "different", "pairs", "AUC", "95 %", "TPR @ FPR 1 %")
    rows = [
        (
            *(str(row[key]) for key in ("source", "kind", "split", "things", "different")),
            f"{row['same_pairs']} / {row['different_pairs']}",
            f"{row['auc']:.3f}",
            f"{row['low']:.3f} – {row['high']:.3f}",
            f"{row['tpr']:.3f}",
        )
        for row in card["metrics"]
    ]
    sources = [
        (row["name"], row["origin"], row["licence"], str(row["things_learnt"])) for row in card["training"]["sources"]
    ]
    parts = [
        f"# {card['name']} {card['version']}",
        *_both(card["description"]),
        f"{card['crop']['side_px']}x{card['crop']['side_px']} → {card['model']['size']} · {card['created']} · "
        f"{card['licence']}",
        "## 适用 · Good for",
        *_both(card["good_for"]),
        "## 未测量 · Not measured",
        *_both(card["unmeasured"]),
        "## 实测 · Measured",
        "虚拟巡查，地点从未参与训练。different = 负样本：random 为其他地点的同类；"
        "look-alike 为同图同类及向量最近的五个同类。",
        "Virtual passes of places never learnt from. different = what the same thing is told from: random = its kind "
        "at other places; look-alike = its kind in the same picture, and the five with the nearest vectors.",
        _table(header, rows),
        "## 训练 · Training",
        f"起始权重 · Start weights: {card['training']['start_weights']}",
        _table(("source", "origin", "licence", "things learnt"), sources),
        "\n".join(f"- {row['attribution']}" for row in card["training"]["sources"]),
    ]
    return "\n\n".join(parts) + "\n"


def _both(text: Mapping[str, str]) -> tuple[str, str]:
    return text["zh"], text["en"]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
