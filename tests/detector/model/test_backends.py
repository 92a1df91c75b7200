"""Backends beside ONNX Runtime: the same boxes, or a refusal that says why."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from detector.boxes import iou_matrix
from detector.errors import BundleError, InputError
from detector.model.backends import BACKENDS, start_session
from detector.model.openvino_session import OpenVinoSession
from detector.model.yolo import open_detector


@pytest.fixture(scope="module")
def network(zoo_street: Path) -> bytes:
    return (zoo_street / "model.onnx").read_bytes()


def test_openvino_finds_what_onnxruntime_finds(zoo_street: Path) -> None:
    theirs = open_detector(zoo_street, backend="openvino")  # passes the golden check or raises
    ours = open_detector(zoo_street)
    picture = np.ascontiguousarray(ours.bundle.golden_image[:, ::-1])
    expected, found = ours.detect(picture), theirs.detect(picture)
    assert theirs.session.backend == "openvino"
    assert found.names() == expected.names()
    assert len(found) > 5
    assert iou_matrix(expected.xyxy, found.xyxy).max(axis=1).min() >= 0.99
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-3)


def test_the_output_is_the_callers_own(network: bytes) -> None:
    session = OpenVinoSession(network)
    black = session.run(np.zeros((1, 3, 384, 640), np.float32))
    kept = black.copy()
    session.run(np.ones((1, 3, 384, 640), np.float32))
    np.testing.assert_array_equal(black, kept)


def test_bf16_is_not_promised_where_the_processor_has_none(network: bytes) -> None:
    import openvino

    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert OpenVinoSession(network, precision="bf16").backend == "openvino-bf16"
    else:
        with pytest.raises(InputError, match=r"does not compute in bf16.*give openvino"):
            start_session("openvino-bf16", network, threads=1)


def test_a_broken_network_is_refused() -> None:
    with pytest.raises(BundleError, match=r"model\.onnx cannot be loaded by OpenVINO"):
        start_session("openvino", b"no network", threads=1)


def test_not_installed(network: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match=r"not installed: pip install 'kerbwatch\[openvino\]'"):
        start_session("openvino", network, threads=1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_backend_without_a_thread(backend: str, network: bytes) -> None:
    with pytest.raises(InputError, match="threads is 0; give 1 or more"):
        start_session(backend, network, threads=0)
