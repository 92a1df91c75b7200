"""Packs and a box for these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packs import Workshop


@pytest.fixture(scope="session")
def shared_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the one bundle of these tests."""
    return tmp_path_factory.mktemp("bundle")


@pytest.fixture
def workshop(tmp_path: Path, shared_bundle: Path) -> Workshop:
    """Makes packs and a box."""
    return Workshop(tmp_path, shared_bundle)
