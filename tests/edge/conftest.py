"""Fixtures of the edge's tests."""

from __future__ import annotations

import os
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
