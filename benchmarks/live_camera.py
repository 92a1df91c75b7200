"""What watching a camera costs: memory, processor time and delay of one RTSP stream, 1080p at 25 pictures a second.

A real RTSP server on the loopback plays numbered pictures; the number tells which one has come, the server's own clock
when it was played. Two looks a second is what a bicycle asks for (one every 2.5 m at 18 km/h).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import rtsp
from edge.box_time import BoxTime
from edge.sources.live.camera import open_camera
from edge.sources.live.decoder_process import child_command, child_environment
from edge.sources.live.picture import LiveCamera, PictureNote

_RATE: Final = 25
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_WARM_UP: Final = 50
"""Pictures before anything is counted."""


@dataclass(frozen=True)
class Watched:
    """One run.

    Attributes:
        cpu_ms: the child's processor time for each decoded picture; own_ms: this process's, for each it was handed.
        arrived_ms: from played by the server to arrived, each picture.
        waited_ms: from arrived to handed out as BGR.
    """

    pictures: int
    handed: int
    cpu_ms: float
    own_ms: float
    rss_mb: float
    pss_mb: float
    arrived_ms: np.ndarray
    waited_ms: np.ndarray
    clip_ms: float


def watch(stream: rtsp.Stream, seconds: float, folder: Path, wants: Callable[[PictureNote], bool] | None) -> Watched:
    """Watch one stream for a while."""
    path = rtsp.write_numbered(folder / "pictures", stream)
    with rtsp.RtspServer(path) as server:
        camera = open_camera(server.address, "front", credentials=None, time=BoxTime())
        try:
            begun_s = server.begun_s()
            return _measure(camera, stream, seconds, begun_s, folder, wants)
        finally:
            camera.close()


def _measure(
    camera: LiveCamera,
    stream: rtsp.Stream,
    seconds: float,
    begun_s: float,
    folder: Path,
    wants: Callable[[PictureNote], bool] | None,
) -> Watched:
    while (frame := camera.newest(timeout_s=20.0)) is None or frame.seq < _WARM_UP:
        pass
    (child,) = rtsp.decoder_pids()
    cpu_s, own_s, seq = _cpu_s(child), time.process_time(), camera.status().pictures
    arrived_ms: list[float] = []
    waited_ms: list[float] = []
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        frame = camera.newest(timeout_s=1.0, wants=wants)
        if frame is None:
            continue
        waited_ms.append((time.monotonic() - frame.monotonic_s) * 1e3)
        number = rtsp.number_of(frame.image)
        # The stream loops: of all times at which this picture was played, the last before it arrived.
        loop_s = stream.frames / stream.rate
        played_s = begun_s + number / stream.rate
        arrived_ms.append((frame.monotonic_s - played_s) % loop_s * 1e3)
    pictures = camera.status().pictures - seq
    cpu_s, own_s = _cpu_s(child) - cpu_s, time.process_time() - own_s
    rss_mb, pss_mb = _memory_mb(child)
    cut_s = time.monotonic()
    assert camera.clip(BoxTime().now() - timedelta(seconds=2), before_s=5.0, after_s=5.0, folder=folder) is not None
    return Watched(
        pictures=pictures,
        handed=len(waited_ms),
        cpu_ms=cpu_s / pictures * 1e3,
        own_ms=own_s / len(waited_ms) * 1e3,
        rss_mb=rss_mb,
        pss_mb=pss_mb,
        arrived_ms=np.array(arrived_ms),
        waited_ms=np.array(waited_ms),
        clip_ms=(time.monotonic() - cut_s) * 1e3,
    )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _memory_mb(pid: int) -> tuple[float, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:] if line.endswith("kB")}
    return kb["Rss"] / 1e3, kb["Pss"] / 1e3


def import_s() -> float:
    """Time from starting a child's interpreter to having all its modules, the best of five."""
    modules = "av, edge.sources.live.child, edge.sources.live.opening, edge.sources.live.whole, edge.sources.motion"
    command = [*child_command("x")[:2], "-c", f"import {modules}"]
    best_s = float("inf")
    for _ in range(5):
        begun_s = time.monotonic()
        subprocess.run(command, env=child_environment(), check=True)
        best_s = min(best_s, time.monotonic() - begun_s)
    return best_s


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the four runs")
    seconds = parser.parse_args().seconds
    if reason := rtsp.missing():
        print(f"skipped: {reason}")
        return
    print(f"start of a child with all its modules: {import_s():.2f} s\n")
    columns = (
        "stream",
        "looks/s",
        "child ms/picture",
        "box ms/look",
        "child RSS, PSS MB",
        "arrived ms p50, p99",
        "waited ms p50, p99",
        "10 s clip ms",
    )
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for codec in ("h264", "hevc"):
        for name, wants in (("2", lambda note: note.seq % 12 == 0), ("25", None)):
            stream = rtsp.Stream(codec, 1920, 1080, _RATE, frames=100, key_every=25)
            with tempfile.TemporaryDirectory() as folder:
                done = watch(stream, seconds, Path(folder), wants)
            arrived, waited = (np.percentile(ms, [50, 99]) for ms in (done.arrived_ms, done.waited_ms))
            cells = (
                f"{codec} 1080p{_RATE}",
                name,
                f"{done.cpu_ms:.1f}",
                f"{done.own_ms:.1f}",
                f"{done.rss_mb:.0f}, {done.pss_mb:.0f}",
                f"{arrived[0]:.0f}, {arrived[1]:.0f}",
                f"{waited[0]:.0f}, {waited[1]:.0f}",
                f"{done.clip_ms:.0f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
