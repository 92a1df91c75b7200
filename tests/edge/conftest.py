"""Fixtures of the edge's tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bundle(zoo_street: Path) -> Path:
    """The model bundle that patrols run with: the shipped one, or the one that KERBWATCH_BUNDLE names."""
    return Path(os.environ.get("KERBWATCH_BUNDLE", zoo_street))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A device's state folder."""
    return tmp_path / "state"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 KB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True, check=False, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
