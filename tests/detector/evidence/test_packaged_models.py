"""A model inside an installed package is used only when it is the one that was measured."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from detector.errors import InputError
from detector.evidence.packaged_models import PackagedModel, find_packaged

NETWORK = b"a network"
MODEL = PackagedModel("kwfaces", "1.2.0", "kwfaces/face.onnx", hashlib.sha256(NETWORK).hexdigest(), "MIT")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installed package `kwfaces` with its model; gives the model's path."""
    info = tmp_path / "kwfaces-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kwfaces\nVersion: 1.2.0\n", encoding="utf-8")
    (tmp_path / "kwfaces").mkdir()
    model = tmp_path / MODEL.file
    model.write_bytes(NETWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return model


def test_it_is_found_by_its_package(installed: Path) -> None:
    assert find_packaged(MODEL) == installed


def test_without_the_package_there_is_none() -> None:
    assert find_packaged(replace(MODEL, package="kerbwatch-no-such-package")) is None


def test_another_file_is_refused(installed: Path) -> None:
    installed.write_bytes(NETWORK + b"!")
    with pytest.raises(InputError, match=r"has SHA-256 .* expected .* install kwfaces==1\.2\.0, or remove"):
        find_packaged(MODEL)


def test_a_package_without_the_file_is_refused(installed: Path) -> None:
    installed.unlink()
    with pytest.raises(InputError, match=r"package kwfaces 1\.2\.0 holds no kwfaces/face\.onnx"):
        find_packaged(MODEL)
