"""Large pieces go back to the system as soon as they are free."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PICTURES = """
import numpy as np
from edge.box.allocator import give_back_early
from edge.box.usage import Usage
assert give_back_early()
before = Usage().now()[1]
pictures = [np.ones((1080, 1920, 3), np.uint8) for _ in range(20)]
held = Usage().now()[1] - before
del pictures
print(held // 1_000_000, (Usage().now()[1] - before) // 1_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux'")
def test_pictures_that_are_gone_take_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _PICTURES], capture_output=True, text=True, check=True)
    held_mb, left_mb = map(int, done.stdout.split())
    assert held_mb > 100
    assert left_mb < 5
