"""Reads a model bundle and refuses one that is not whole, or not signed by somebody trusted.

A bundle is a signed folder (`detector.model.signed_folder`): ``model.onnx``, ``card.yaml``, ``golden.png``,
``golden.npz``, ``SHA256SUMS`` and ``SHA256SUMS.sig``. Nothing in it is parsed before signature and hashes hold, and
nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from detector.errors import BundleError, InputError
from detector.frame import Image
from detector.model.card import ModelCard, parse_card
from detector.model.session import ModelPort, model_ports
from detector.model.signed_folder import SUMS, read_signed
from detector.model.signers import Signer, Trust

CARD = "card.yaml"
MAX_GOLDEN_PIXELS = 16_000_000
MAX_GOLDEN_ARRAY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model bundle whose signature, hashes, card, network ports and golden files agree.

    Attributes:
        dir: the folder it was read from.
        card: how the model is fed and what it sees.
        model: bytes of the ONNX file.
        model_sha256: their hash, hex; reports name it.
        sums_sha256: hash of ``SHA256SUMS``, hex: the name of the whole bundle, thresholds included.
        signer: who vouches for it.
        golden_image: BGR uint8 (H, W, 3).
        golden: what the model must find in `golden_image`.
    """

    dir: Path
    card: ModelCard
    model: bytes = field(repr=False)
    model_sha256: str
    sums_sha256: str
    signer: Signer
    golden_image: Image = field(repr=False, compare=False)
    golden: Detections = field(repr=False, compare=False)

    @property
    def cue_names(self) -> tuple[str, ...]:
        """The model's cues in index order."""
        return tuple(cue.name for cue in self.card.cues)


def load_bundle(folder: Path, trust: Trust | None = None) -> Bundle:
    """Read and check the bundle in `folder`.

    Args:
        trust: whose bundles are loaded; `None` takes the shipped list alone (`detector.model.signers.shipped_trust`).

    Raises:
        BundleError: it is unsigned or signed by somebody else; a file is missing, unlisted, too large or does not
            match its hash; the card breaks its schema, or was made when its signer's key was not in use; the
            network's input or output is not what the card says; the golden files cannot be read.
    """
    folder = Path(folder)
    signed = read_signed(folder, trust)
    files = signed.files
    if CARD not in files:
        raise BundleError(f"{folder / SUMS} does not list {CARD}; build the bundle again")
    card = parse_card(files[CARD])
    signed.signer.check_day(card.created, folder / CARD)
    for name in (card.model.file, card.golden.image, card.golden.detections):
        if name not in files:
            raise BundleError(f"{folder / name}: named in {CARD} but not listed in {SUMS}; build the bundle again")
    model = files[card.model.file]
    _check_ports(card, *model_ports(model))
    cue_names = tuple(cue.name for cue in card.cues)
    return Bundle(
        dir=folder,
        card=card,
        model=model,
        model_sha256=hashlib.sha256(model).hexdigest(),
        sums_sha256=signed.sums_sha256,
        signer=signed.signer,
        golden_image=_golden_image(card.golden.image, files[card.golden.image]),
        golden=_golden_detections(card.golden.detections, files[card.golden.detections], cue_names),
    )


def _check_ports(card: ModelCard, inputs: tuple[ModelPort, ...], outputs: tuple[ModelPort, ...]) -> None:
    spec, file = card.model, card.model.file
    if len(inputs) != 1 or len(outputs) != 1:
        raise BundleError(f"{file} has {len(inputs)} inputs and {len(outputs)} outputs; one of each is needed")
    for port, name in ((inputs[0], spec.input.name), (outputs[0], spec.output.name)):
        if port.name != name:
            raise BundleError(f"{file} calls it {port.name!r}, card.yaml {name!r}: correct the card or export again")
        if port.dtype != "tensor(float)":
            raise BundleError(f"{file}: {name} is {port.dtype}, only tensor(float) runs; export without half precision")
    shape = (1, 3, spec.input.height_px, spec.input.width_px)
    if inputs[0].shape != shape:
        raise BundleError(
            f"{file}: input {spec.input.name} is {inputs[0].shape}, card.yaml says {shape} "
            "(height, width): correct the card or export at that size"
        )
    _check_output(card, outputs[0].shape)


def _check_output(card: ModelCard, shape: tuple[int | str | None, ...]) -> None:
    layout, rows = card.model.output.layout, 4 + len(card.cues)
    expected = f"(1, {rows}, N)" if layout == "raw" else "(1, N, 6)"
    axis = {"raw": 1, "nms_free": 2}[layout]
    size = {"raw": rows, "nms_free": 6}[layout]
    if len(shape) != 3 or shape[0] != 1 or shape[axis] != size or not isinstance(shape[3 - axis], int):
        raise BundleError(
            f"{card.model.file}: output {card.model.output.name} is {shape}, but layout {layout!r} with "
            f"{len(card.cues)} cues needs {expected}: correct cues or layout in card.yaml, or export again"
        )


def _golden_image(name: str, data: bytes) -> Image:
    # The size stands in the PNG header: a small file must not unfold into gigabytes.
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        raise BundleError(f"{name} is not a PNG; build the bundle again")
    width_px, height_px = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if not 0 < width_px * height_px <= MAX_GOLDEN_PIXELS:
        raise BundleError(f"{name} is {width_px}x{height_px}, at most {MAX_GOLDEN_PIXELS} pixels are allowed")
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise BundleError(f"{name} cannot be decoded; build the bundle again")
    return image


def _golden_detections(name: str, data: bytes, cue_names: tuple[str, ...]) -> Detections:
    wanted = {"xyxy": np.float32, "confidence": np.float32, "cue": np.int64}
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            size_bytes = sum(entry.file_size for entry in packed.infolist())
        if size_bytes > MAX_GOLDEN_ARRAY_BYTES:
            raise BundleError(f"{name} unfolds to {size_bytes} bytes, at most {MAX_GOLDEN_ARRAY_BYTES} are allowed")
        with np.load(BytesIO(data), allow_pickle=False) as npz:
            arrays: dict[str, NDArray[Any]] = {key: npz[key] for key in npz.files}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{name} cannot be read: {error}; build the bundle again") from error
    found = {key: array.dtype.type for key, array in arrays.items()}
    if found != wanted:
        raise BundleError(f"{name} holds {found}, expected {wanted}; build the bundle again")
    try:
        return Detections(arrays["xyxy"], arrays["confidence"], arrays["cue"], cue_names)
    except InputError as error:
        raise BundleError(f"{name}: {error}; build the bundle again") from error
