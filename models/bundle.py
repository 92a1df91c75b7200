"""Writes a bundle: the folder that carries a model to the devices.

``model.onnx``, ``card.yaml`` (what it sees, how it is fed, what it was trained on, what it was measured at),
``golden.png`` and ``golden.npz`` (a picture and what the model must find in it, so that a device notices a broken
backend before it patrols), ``README.md`` (the card for people), ``SHA256SUMS`` and its signature. Reading and checking
a bundle is ``detector.model``'s work, and the last step here.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from detector.frame import Image
from detector.model.bundle import Bundle
from detector.model.card import SCHEMA, BothLanguages, CueSpec, parse_card
from detector.model.yolo import open_detector
from detector.signing import SigningKey
from models.errors import DatasetError
from models.pseudo_labels import load_network
from models.readme import readme
from models.recipe import CardTexts, ExportSpec
from models.signing import seal_folder, trust_of_key


@dataclass(frozen=True)
class Card:
    """What the makers know about a model; ``write_bundle`` adds how it is fed and its golden output.

    ``training`` and ``metrics`` are for people and free in form.
    """

    name: str
    version: str
    licence: str
    cues: tuple[CueSpec, ...]
    texts: CardTexts
    training: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]] = ()
    pictures: Sequence[str] = ()
    """Files in the bundle's folder that show curves and failures."""


def write_bundle(
    folder: Path,
    *,
    onnx: Path,
    card: Card,
    spec: ExportSpec,
    golden: Image,
    key: SigningKey,
    layout: Literal["raw", "nms_free"] = "raw",
) -> Bundle:
    """Fill ``folder`` with a bundle, replacing an older one in it, and sign it with ``key``.

    The golden output is the trainer library's own answer on the ONNX file: a device that reproduces it reproduces
    what the trainer meant. The finished bundle is opened and has to pass that test here too.

    Returns:
        The bundle as a device that trusts ``key`` reads it.

    Raises:
        BundleError: the written bundle does not pass the device's own checks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if onnx.resolve() != (folder / "model.onnx").resolve():
        shutil.copyfile(onnx, folder / "model.onnx")
    cv2.imwrite(str(folder / "golden.png"), golden)
    xyxy, confidence, cue = _golden(folder / "model.onnx", folder / "golden.png", card.cues, spec)
    np.savez(folder / "golden.npz", xyxy=xyxy, confidence=confidence, cue=cue)
    write_card(folder, card, spec, layout, key=key)
    return open_detector(folder, trust=trust_of_key(key)).bundle


def read_golden(path: Path, blur_px: Sequence[tuple[int, int, int, int]] = ()) -> Image:
    """A picture for the golden test, with rectangles (left, top, right, bottom) averaged to a few cells.

    Raises:
        DatasetError: it cannot be read.
    """
    image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"cannot read the golden picture {path}")
    for left, top, right, bottom in blur_px:
        part = image[top:bottom, left:right]
        cells = cv2.resize(part, (2, 2), interpolation=cv2.INTER_AREA)
        image[top:bottom, left:right] = cv2.resize(cells, (right - left, bottom - top))
    return image


def write_card(
    folder: Path, card: Card, spec: ExportSpec, layout: Literal["raw", "nms_free"] = "raw", *, key: SigningKey
) -> None:
    """Write ``card.yaml`` and ``README.md`` of a bundle, leaving model and golden files as they are, and sign anew.

    Raises:
        BundleError: the card breaks its schema.
    """
    content = _card(card, spec, layout)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    parse_card(text.encode())
    (folder / "card.yaml").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(readme(card.name, content), encoding="utf-8")
    seal_folder(folder, key)


def _golden(onnx: Path, image: Path, cues: Sequence[CueSpec], spec: ExportSpec) -> tuple[NDArray[Any], ...]:
    """The trainer library's detections on the golden picture, above each cue's threshold: xyxy, confidence, cue."""
    (result,) = load_network(onnx).predict(
        str(image),
        imgsz=(spec.height_px, spec.width_px),
        conf=min(cue.min_confidence for cue in cues),
        iou=spec.nms_iou,
        max_det=spec.max_detections,
        device="cpu",
        verbose=False,
    )
    cue = result.boxes.cls.numpy().astype(np.int64)
    confidence = result.boxes.conf.numpy().astype(np.float32)
    keep = confidence >= np.array([each.min_confidence for each in cues], np.float32)[cue]
    xyxy = result.boxes.xyxy.numpy().astype(np.float32)
    return xyxy[keep], confidence[keep], cue[keep]


def _card(card: Card, spec: ExportSpec, layout: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": card.name,
        "version": card.version,
        "created": datetime.now(UTC).date().isoformat(),
        "licence": card.licence,
        "description": _both(card.texts.description),
        "model": {
            "file": "model.onnx",
            "input": {
                "name": "images",
                "height_px": spec.height_px,
                "width_px": spec.width_px,
                "colour": "rgb",
                "scale": 1 / 255,
                "pad_value": 114,
            },
            "output": {"name": "output0", "layout": layout},
            "nms_iou": spec.nms_iou,
            "max_detections": spec.max_detections,
        },
        "cues": [cue.model_dump() for cue in card.cues],
        "golden": {
            "image": "golden.png",
            "detections": "golden.npz",
            "iou_min": 0.99,
            "confidence_tolerance": 0.01,
        },
        "training": dict(card.training),
        "metrics": [dict(row) for row in card.metrics],
        "good_for": _both(card.texts.good_for),
        "unmeasured": _both(card.texts.unmeasured),
        "pictures": list(card.pictures),
    }


def _both(text: BothLanguages) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
