"""A bundle that is not whole is refused with the file, the values and the fix."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.errors import BundleError
from detector.model.bundle import load_bundle
from detector.model.signature import sign_sums
from tests.detector.model.conftest import GOLDEN, NMS_FREE, RAW, BundleFolder, card
from tests.detector.model.onnx_bytes import constant_network
from tests.signing import KEY, TRUST


def test_a_whole_bundle_loads(tiny: BundleFolder) -> None:
    bundle = load_bundle(tiny.dir, TRUST)
    assert bundle.cue_names == ("person", "bicycle")
    assert bundle.model_sha256 == hashlib.sha256((tiny.dir / "model.onnx").read_bytes()).hexdigest()
    assert bundle.golden_image.shape == (64, 96, 3)
    assert bundle.golden.names() == ["bicycle"]


def _change_byte(folder: BundleFolder) -> None:
    path = folder.dir / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def _add_file(folder: BundleFolder) -> None:
    (folder.dir / "extra.py").write_text("print()")


def _add_folder(folder: BundleFolder) -> None:
    (folder.dir / "weights").mkdir()


def _lose(name: str) -> Callable[[BundleFolder], None]:
    return lambda folder: (folder.dir / name).unlink()


def _unlist(name: str) -> Callable[[BundleFolder], None]:
    def change(folder: BundleFolder) -> None:
        (folder.dir / name).unlink()
        folder.seal()

    return change


def _sums(text: str) -> Callable[[BundleFolder], None]:
    """A list of hashes that its signer did sign."""

    def change(folder: BundleFolder) -> None:
        (folder.dir / "SHA256SUMS").write_text(text)
        (folder.dir / "SHA256SUMS.sig").write_bytes(sign_sums(text.encode(), KEY))

    return change


def _huge_png(folder: BundleFolder) -> None:
    """A PNG of a few bytes that says it is 60000x60000."""
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    data = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    folder.write("golden.png", data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change_byte, r"model\.onnx has SHA-256 [0-9a-f]{64}, SHA256SUMS says [0-9a-f]{64}"),
        (_add_file, r"extra\.py is not listed in SHA256SUMS"),
        (_add_folder, r"weights is not listed in SHA256SUMS"),
        (_lose("golden.npz"), r"golden\.npz is missing"),
        (_lose("SHA256SUMS"), r"SHA256SUMS is missing"),
        (_unlist("card.yaml"), r"SHA256SUMS does not list card\.yaml"),
        (_unlist("golden.png"), r"golden\.png: named in card\.yaml but not listed"),
        (_sums("abc  model.onnx\n"), r"SHA256SUMS line 1 is 'abc  model\.onnx'"),
        # A name that climbs out of the folder is no plain file name.
        (_sums("0" * 64 + "  ../model.onnx\n"), r"SHA256SUMS line 1"),
        (_huge_png, r"golden\.png is 60000x60000"),
        (lambda folder: folder.write("golden.png", b"GIF89a"), r"golden\.png is not a PNG"),
        (lambda folder: folder.write("golden.png", b"\x89PNG\r\n\x1a\n" + b"\0\0\0\1" * 8), r"cannot be decoded"),
        (lambda folder: folder.write("golden.npz", b"PK\x03\x04"), r"golden\.npz cannot be read"),
        # Arrays of objects would need pickle.
        (lambda folder: folder.write_golden(xyxy=np.array([{}], object)), r"golden\.npz cannot be read"),
        (lambda folder: folder.write_golden(xyxy=GOLDEN["xyxy"]), r"golden\.npz holds .*expected"),
        (
            lambda folder: folder.write_golden(**{**GOLDEN, "cue": np.array([7], np.int64)}),
            r"golden\.npz: cue index 7 has no name",
        ),
        (
            lambda folder: folder.write_golden(**{**GOLDEN, "cue": np.zeros(200_000, np.int64)}),
            r"golden\.npz unfolds to \d+ bytes",
        ),
        (lambda folder: folder.write("model.onnx", b"not a network"), r"model\.onnx cannot be loaded"),
    ],
)
def test_what_is_not_whole_is_refused(tiny: BundleFolder, change: Callable[[BundleFolder], None], message: str) -> None:
    change(tiny)
    with pytest.raises(BundleError, match=message):
        load_bundle(tiny.dir, TRUST)


def test_a_file_is_no_bundle(tiny: BundleFolder) -> None:
    with pytest.raises(BundleError, match="is not a folder"):
        load_bundle(tiny.dir / "model.onnx")


def _set(path: str, value: Any) -> dict[str, Any]:
    content: dict[str, Any] = card()
    *parents, last = path.split(".")
    at: Any = content
    for part in parents:
        at = at[int(part)] if part.isdigit() else at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("schema", "kerbwatch-bundle/9", "schema"),
        ("licence", None, "licence"),
        ("colour", "red", "colour"),
        ("model.input.height_px", 50, "model.input.height_px"),
        ("model.input.width_px", "wide", "model.input.width_px"),
        ("model.input.colour", "bgr", "model.input.colour"),
        ("model.input.scale", 0, "model.input.scale"),
        ("model.output.layout", "boxes", "model.output.layout"),
        ("model.file", "../../etc/passwd", "model.file"),
        ("model.nms_iou", 1.5, "model.nms_iou"),
        ("cues", [], "cues"),
        ("cues.0.min_confidence", 25, "cues.0.min_confidence"),
        ("cues.0.origin", "guessed", "cues.0.origin"),
        ("cues.1.name", "person", "cue 'person' is listed twice"),
        ("description.en", None, "description.en"),
    ],
)
def test_a_bad_card_names_its_field(tiny: BundleFolder, path: str, value: Any, field: str) -> None:
    tiny.write_card(_set(path, value))
    with pytest.raises(BundleError, match=rf"card\.yaml: .*{field}"):
        load_bundle(tiny.dir, TRUST)


def test_a_card_that_is_no_yaml(tiny: BundleFolder) -> None:
    tiny.write("card.yaml", b"name: [")
    with pytest.raises(BundleError, match=r"card\.yaml is not YAML"):
        load_bundle(tiny.dir, TRUST)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (constant_network(RAW, input_shape=(1, 3, 96, 64)), r"is \(1, 3, 96, 64\), card\.yaml says \(1, 3, 64, 96\)"),
        (constant_network(RAW, input_name="x"), r"calls it 'x', card\.yaml 'images'"),
        (constant_network(RAW, output_name="y"), r"calls it 'y', card\.yaml 'output0'"),
        (constant_network(RAW.astype(np.float64)), r"output0 is tensor\(double\)"),
        # An NMS-free head under a card that says raw, and a raw head of another number of cues.
        (constant_network(NMS_FREE), r"output output0 is \(1, 3, 6\), but layout 'raw' with 2 cues needs \(1, 6, N\)"),
        (constant_network(RAW[:, :5]), r"output output0 is \(1, 5, 2\)"),
    ],
)  # fmt: skip
def test_the_network_must_be_what_the_card_says(tiny: BundleFolder, network: bytes, message: str) -> None:
    tiny.write("model.onnx", network)
    with pytest.raises(BundleError, match=message):
        load_bundle(tiny.dir, TRUST)


def test_too_many_entries_are_not_even_read(tmp_path: Path) -> None:
    for i in range(40):
        (tmp_path / f"{i}.bin").write_bytes(b"")
    with pytest.raises(BundleError, match="holds 40 entries"):
        load_bundle(tmp_path)
