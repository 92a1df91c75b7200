"""A service of one's own for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.harness import Running, make_settings, run


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A service that was just started for the first time."""
    with run(make_settings(tmp_path / "data")) as service:
        yield service
