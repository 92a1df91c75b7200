from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from detector.appearance import Embedder, log10_likelihood_ratio, open_embedder, similarity
from detector.errors import BundleError, InputError
from detector.model.appearance_bundle import Evidence
from models.signing import seal_folder
from tests.detector.model.onnx_bytes import constant_network
from tests.signing import KEY, TRUST

UNIT = np.full((1, 16), 0.25, np.float32)
BOX = np.array([20, 20, 120, 90], np.float32)
NOBODY = np.zeros((0, 4), np.float32)
CARD: dict[str, Any] = {
    "schema": "kerbwatch-appearance/1",
    "name": "tiny",
    "version": "1.0.0",
    "created": "2026-05-17",
    "licence": "CC0-1.0",
    "description": {"zh": "测试", "en": "test"},
    "model": {"file": "model.onnx", "input": "crop", "output": "embedding", "size": 16},
    "crop": {
        "side_px": 64,
        "context_share": 0.15,
        "person_margin_share": 0.1,
        "min_side_px": 12,
        "min_visible_share": 0.5,
    },
    "cues": ["bicycle", "stall"],
    "evidence": {"similarity": [0.0, 1.0], "log10_ratio": [-1.0, 1.0]},
    "golden": {"image": "golden.png", "expected": "golden.npz", "cue": "stall", "similarity_min": 0.999},
    "training": {},
    "metrics": [],
    "good_for": {"zh": "", "en": ""},
    "unmeasured": {"zh": "", "en": ""},
}


def write(folder: Path, answer: NDArray[np.float32] = UNIT, expected: NDArray[Any] = UNIT[0], **replaced: Any) -> Path:
    """A signed bundle whose network always answers `answer`; keywords replace ``section__field`` of the card."""
    card = copy.deepcopy(CARD)
    for name, value in replaced.items():
        section, _, field = name.partition("__")
        if field:
            card[section][field] = value
        else:
            card[section] = value
    folder.mkdir()
    (folder / "card.yaml").write_text(yaml.safe_dump(card, allow_unicode=True), encoding="utf-8")
    (folder / "model.onnx").write_bytes(constant_network(answer, (1, 4, 64, 64), "crop", "embedding"))
    cv2.imwrite(str(folder / "golden.png"), np.full((100, 150, 3), 90, np.uint8))
    np.savez(folder / "golden.npz", xyxy=BOX, person_xyxy=NOBODY, embedding=expected)
    seal_folder(folder, KEY)
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Embedder:
    return open_embedder(write(tmp_path / "tiny"), TRUST)


def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)


def test_embeds_a_thing(tiny: Embedder) -> None:
    vector = tiny.embed(picture(), BOX, "bicycle", NOBODY)
    assert vector is not None
    assert vector.dtype == np.float32
    assert np.array_equal(vector, UNIT[0])
    assert tiny.model == "tiny 1.0.0"


def test_a_person_is_never_embedded(tiny: Embedder) -> None:
    with pytest.raises(InputError, match="people are never embedded"):
        tiny.embed(picture(), BOX, "person", NOBODY)


def test_a_box_of_people_has_no_vector(tiny: Embedder) -> None:
    assert tiny.embed(picture(), BOX, "stall", BOX[None]) is None


def test_other_cues_are_refused_by_name(tiny: Embedder) -> None:
    with pytest.raises(InputError, match=r"cue .car. cannot be embedded by tiny 1\.0\.0; it knows bicycle, stall"):
        tiny.embed(picture(), BOX, "car", NOBODY)


def test_a_grey_picture_is_refused(tiny: Embedder) -> None:
    with pytest.raises(InputError, match="give BGR uint8"):
        tiny.embed(picture()[:, :, 0], BOX, "stall", NOBODY)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"cues": ["person", "stall"]}, "people are never embedded"),
        ({"cues": ["bicycle"]}, "golden cue 'stall' is not among the cues"),
        ({"schema": "kerbwatch-bundle/1"}, "card.yaml: schema: "),
        ({"crop__side_px": 100}, "card.yaml: crop.side_px: "),
        ({"crop__side_px": 96}, "has the ports"),
        ({"model__size": 32}, "has the ports"),
        ({"model__input": "images"}, "has the ports"),
        ({"model__file": "other.onnx"}, "named in card.yaml but not listed"),
        ({"golden__image": "other.png"}, "named in card.yaml but not listed"),
        ({"golden__image": "golden.npz"}, "golden.npz is not a PNG"),
        ({"golden__expected": "golden.png"}, "golden.png cannot be read"),
        ({"evidence": {"similarity": [0.0, 1.0], "log10_ratio": [1.0, 0.0]}}, "log10_ratio must not fall"),
        ({"evidence": {"similarity": [0.0, 1.0], "log10_ratio": [0.0, 0.5, 1.0]}}, "one each is needed"),
        ({"expected": UNIT[0, :8]}, "golden.npz holds"),
        ({"expected": UNIT[0].astype(np.float64)}, "golden.npz holds"),
        ({"expected": -UNIT[0]}, "is embedded with similarity -1.0000"),
        ({"answer": np.full((1, 16), np.nan, np.float32)}, "numbers that are none"),
    ],
)
def test_bundles_that_are_refused(tmp_path: Path, replaced: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        open_embedder(write(tmp_path / "bad", **replaced), TRUST)


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "bad")
    model = bytearray((folder / "model.onnx").read_bytes())
    model[-20] ^= 1
    (folder / "model.onnx").write_bytes(model)
    with pytest.raises(BundleError, match="the file was changed or cut"):
        open_embedder(folder, TRUST)


def test_an_unknown_signer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="which is not trusted"):
        open_embedder(write(tmp_path / "strange"))


@pytest.mark.parametrize(("similar", "expected"), [(-1.0, -1.0), (0.25, -0.5), (1.0, 1.0), (2.0, 1.0)])
def test_evidence_is_interpolated_and_clamped(similar: float, expected: float) -> None:
    evidence = Evidence(similarity=(0.0, 1.0), log10_ratio=(-1.0, 1.0))
    assert log10_likelihood_ratio(similar, evidence) == pytest.approx(expected)


def test_similarity_is_the_cosine() -> None:
    assert similarity(UNIT[0], -UNIT[0]) == pytest.approx(-1.0)
