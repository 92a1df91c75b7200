"""A whole small bundle to break in one place per test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from models.signing import seal_folder
from tests.detector.model.onnx_bytes import constant_network
from tests.signing import KEY

# Two anchors: a bicycle of 20x10 px around (48, 32), sure, and a faint person beside it. Columns are anchors.
RAW = np.array(
    [[48, 70], [32, 30], [20, 8], [10, 20], [0.04, 0.20], [0.80, 0.01]],
    np.float32,
)[None]
NMS_FREE = np.array([[38, 27, 58, 37, 0.80, 1], [66, 20, 74, 40, 0.20, 0], [0, 0, 9, 9, 0.02, 0]], np.float32)[None]


def card(**model: Any) -> dict[str, Any]:
    """A card that fits `RAW`; keywords replace fields of its model section."""
    return {
        "schema": "kerbwatch-bundle/1",
        "name": "tiny",
        "version": "1.0.0",
        "created": "2026-05-17",
        "licence": "CC0-1.0",
        "description": {"zh": "测试", "en": "test"},
        "model": {
            "file": "model.onnx",
            "input": {
                "name": "images",
                "height_px": 64,
                "width_px": 96,
                "colour": "rgb",
                "scale": 1 / 255,
                "pad_value": 114,
            },
            "output": {"name": "output0", "layout": "raw"},
            "nms_iou": 0.7,
            "max_detections": 300,
            **model,
        },
        "cues": [
            {"name": "person", "min_confidence": 0.25, "origin": "kept"},
            {"name": "bicycle", "min_confidence": 0.25, "origin": "trained"},
        ],
        "golden": {
            "image": "golden.png",
            "detections": "golden.npz",
            "iou_min": 0.99,
            "confidence_tolerance": 0.01,
        },
        "training": {},
        "metrics": [],
        "good_for": {},
        "unmeasured": {},
    }


@dataclass
class BundleFolder:
    """A bundle on disk that tests change; `seal` lists and signs it anew."""

    dir: Path

    def write_card(self, content: dict[str, Any]) -> None:
        (self.dir / "card.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        self.seal()

    def write(self, name: str, data: bytes) -> None:
        (self.dir / name).write_bytes(data)
        self.seal()

    def write_golden(self, **arrays: np.ndarray) -> None:
        np.savez(self.dir / "golden.npz", **arrays)
        self.seal()

    def seal(self) -> None:
        seal_folder(self.dir, KEY)


GOLDEN = {
    "xyxy": np.array([[38, 27, 58, 37]], np.float32),
    "confidence": np.array([0.8], np.float32),
    "cue": np.array([1], np.int64),
}


def tiny_bundle(path: Path) -> BundleFolder:
    """A bundle whose network sees one bicycle in everything; its golden picture has the network's own size."""
    folder = BundleFolder(path)
    folder.dir.mkdir()
    (folder.dir / "model.onnx").write_bytes(constant_network(RAW))
    cv2.imwrite(str(folder.dir / "golden.png"), np.full((64, 96, 3), 90, np.uint8))
    np.savez(folder.dir / "golden.npz", **GOLDEN)
    folder.write_card(card())
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> BundleFolder:
    """A signed bundle in a folder of its own; see `tiny_bundle`."""
    return tiny_bundle(tmp_path / "tiny")
