"""The child process stays small and is told what to do on its standard input alone."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from edge.sources.live.address import LiveAddress, LiveKind
from edge.sources.live.child import Start
from edge.sources.live.decoder_process import child_command, child_environment
from edge.sources.live.messages import Message, MessageReader, PictureMessage, TroubleMessage, encode_order

HEAVY = {"cv2", "onnxruntime", "shapely", "pyproj", "pydantic", "yaml", "httpx", "rich", "PIL", "cryptography"}


def test_it_imports_nothing_heavy():
    modules = ("child", "cut", "opening", "forwarding", "whole", "convert")
    imports = ", ".join(f"edge.sources.live.{name}" for name in modules)
    program = f"import sys, edge.sources.motion, edge.sources.luma, {imports}; print(*sys.modules)"
    command = [*child_command("x")[:2], "-c", program]
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"av", "numpy", "edge"} <= loaded
    assert not HEAVY & loaded


def test_its_environment_holds_no_secrets(monkeypatch):
    monkeypatch.setenv("KERBWATCH_TOKEN", "geheim")
    monkeypatch.setenv("HTTPS_PROXY", "http://a:geheim@proxy")
    assert "geheim" not in repr(child_environment())


def test_the_first_line():
    address = LiveAddress(LiveKind.V4L2, "/dev/video0", (("input_format", "mjpeg"),))
    start = Start(address, "rider:巡", 12, 7, 16.0, 5.0)
    line = start.to_line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert Start.from_line(line) == start
    assert "巡" not in repr(start)


def test_without_orders_it_ends():
    done = subprocess.run(
        child_command("edge.sources.live.child"),
        env=child_environment(),
        input=Start(LiveAddress(LiveKind.RTSP, "rtsp://127.0.0.1:9/s"), None, 1, 0, 1.0, 1.0).to_line(),
        capture_output=True,
        timeout=20,
        check=False,
    )
    # It was told of a parent that is not its own: then the real one has died meanwhile.
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_fault_of_our_own_is_told_from_either_thread(bikes_clip: Path):
    address = LiveAddress(LiveKind.FILE, str(bikes_clip), loop=True)
    with subprocess.Popen(
        child_command("edge.sources.live.child"),
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(Start(address, None, os.getpid(), 999, 5.0, 5.0).to_line())
        reader, told = MessageReader(), list[Message]()
        while data := child.stdout.read(100_000):
            told += reader.feed(data)
            if any(isinstance(message, PictureMessage) for message in told):
                # There is no memory 999 to put it into.
                with suppress(BrokenPipeError):
                    child.stdin.write(encode_order(0))
    assert child.returncode == os.EX_SOFTWARE
    assert isinstance(told[-1], TroubleMessage)
    assert told[-1].text.startswith("its decoder has a fault (OSError in child.py:")
