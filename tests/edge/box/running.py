"""A whole box run as a process: a recording stands for its camera, everything else is as on a vehicle."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from socket import socket
from typing import Final

import av
import httpx

from edge.demo import find_clip
from tests.edge.clips import write_pictures

ROOT: Final = Path(__file__).resolve().parents[3]
SITE: Final = ROOT / "edge" / "demo_site"
WALL_S: Final = (7.48, 9.64)
"""The shot of two bicycles without riders."""


def write_wall(path: Path) -> Path:
    """The wall shot there and back: a camera that stands, and bicycles that stay."""
    with av.open(str(find_clip())) as clip:
        shot = [p.to_ndarray(format="bgr24") for p in clip.decode(video=0) if WALL_S[0] <= (p.time or 0.0) < WALL_S[1]]
    return write_pictures(path, [*shot, *reversed(shot)] * 2, fps=25, key_every=25)


def free_port() -> int:
    """One that nobody listens on."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, wall: Path, port: int, more: str = "") -> Path:
    """The configuration of a box whose camera plays a recording for ever."""
    path = folder / "box.yaml"
    path.write_text(
        f"state: state\nsite: {SITE}\n"
        f"cameras:\n  - {{camera_id: wall-cam, address: 'file://{wall}?loop', look: {{by: time, every_s: 0.3}}}}\n"
        f"page: {{port: {port}}}\n{more}"
    )
    return path


def start(config: Path, *more: str) -> subprocess.Popen[bytes]:
    """`kerbwatch box run`, what it says on its standard output."""
    command = [sys.executable, "-W", "error", "-m", "kerbwatch", "box", "run", str(config), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_for(true: Callable[[], bool], process: subprocess.Popen[bytes], timeout_s: float = 60.0) -> None:
    """Wait until something is true of a running box; one that ends first, or takes too long, fails with its words."""
    until_s = time.monotonic() + timeout_s
    while not true():
        if process.poll() is not None or time.monotonic() > until_s:
            process.kill()
            assert process.stdout is not None
            raise AssertionError(process.stdout.read().decode()[-3000:])
        time.sleep(0.1)


def metric(port: int, name: str) -> float:
    """A figure of the box by how its line begins; -1 while there is none."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5.0, trust_env=False).text
    except httpx.TransportError:
        return -1.0
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)), -1.0)
