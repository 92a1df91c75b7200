"""What the box costs, children included."""

from __future__ import annotations

import subprocess
import sys
import time

from edge.box.usage import Usage

_BURN = """
import time
end = time.process_time() + 0.5
while time.process_time() < end: pass
print("done", flush=True)
input()
"""


def test_a_child_counts_while_it_lives_and_after() -> None:
    usage = Usage()
    before_s, rss_bytes = usage.now()
    assert rss_bytes > 5_000_000
    with subprocess.Popen([sys.executable, "-c", _BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"done\n"
        with_child_s, with_child_bytes = usage.now()
        assert with_child_s >= before_s + 0.45
        assert with_child_bytes > rss_bytes + 1_000_000
        child.communicate(b"\n")
    time.sleep(0.05)
    after_s, after_bytes = usage.now()
    assert after_s >= with_child_s
    assert after_bytes < with_child_bytes
