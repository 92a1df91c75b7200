"""Start weights by path or by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import CheckpointError
from models.start_weights import resolve_weights


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "any name.pt"
    file.write_bytes(b"weights")
    assert resolve_weights(file) == file


@pytest.mark.parametrize("given", ["nowhere/yolo26n.pt", "weights.pt", "YOLO26N.pt", "yolo;rm.pt", "../yolo26n.pt"])
def test_what_is_neither_file_nor_name(given: str) -> None:
    with pytest.raises(CheckpointError, match=r"no weights at .*give --weights a \.pt file"):
        resolve_weights(Path(given))


@pytest.mark.parametrize("given", ["yolo26n", "yolo26n.pt"])
def test_a_name_is_found_in_the_cache(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "kerbwatch" / "weights" / "yolo26n.pt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"weights")
    assert resolve_weights(Path(given)) == kept
