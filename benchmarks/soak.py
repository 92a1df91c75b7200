"""Soak: a whole box for an hour on a looped RTSP stream, a receiver and a server, all of them real.

GStreamer serves the 1080p25 street clip in a loop, a pseudo-terminal plays the receiver of a vehicle that drives up and
down a street at 20 km/h, `kerbwatch serve` takes what is found, and `kerbwatch box run` looks every 2.5 m. Every ten
seconds the box's own metrics and the memory of its processes are read. Goals: after the warm-up memory grows by less
than 1 MB an hour, and the 99th percentile of a picture's age when its look begins stays below 500 ms.

`python -m benchmarks.soak --minutes 60`; a picture of it goes to docs/pictures/soak.png with `--picture`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

from benchmarks.edge_throughput.clip import street_clip
from benchmarks.fault_server import KilledServer
from benchmarks.paths import ROOT
from benchmarks.rtsp import RtspServer, write_video
from tests.edge.gnss.receiver import PluggedReceiver
from tests.edge.nmea import gga, rmc
from tests.edge.street import LAT_DEG, LON_DEG, write_street

SPEED_M_S = 20 / 3.6
REACH_M = 60.0
SAMPLE_S = 10.0
EAST_DEG_PER_M = 1 / (111_195.0 * 0.8265)
GROWTH_MAX_MB_H = 1.0
AGE_MAX_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """The box at one moment.

    `memory_mb` is what its processes have for themselves (anonymous and shared memory), `pss_mb` with their share of
    program files: that share grows when other programs of the machine that use the same libraries end.
    """

    at_s: float
    memory_mb: float
    pss_mb: float
    cpu_s: float
    look_age_p99_s: float | None
    frame_age_s: float | None
    looks: int
    connections: int
    reports: int
    stored: int


def main() -> int:
    """Run it; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=10.0, metavar="MINUTES")
    parser.add_argument("--samples", type=Path, help="write the samples to this file, JSON lines")
    parser.add_argument("--picture", action="store_true", help="draw docs/pictures/soak.png")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kerbwatch-soak-") as name:
        samples = list(soak(Path(name), asked.minutes * 60.0, asked.samples))
    if asked.picture:
        draw(samples, asked.warm_up * 60.0, ROOT / "docs" / "pictures" / "soak.png")
    return report(samples, asked.warm_up * 60.0)


def soak(folder: Path, seconds: float, kept: Path | None) -> Iterator[Sample]:
    """Samples of a box that runs for so long."""
    server = KilledServer(folder, write_site(folder / "site"))
    server.start()
    try:
        with (
            RtspServer(write_video(folder / "street.pictures", street_clip())) as camera,
            receiver(folder) as gnss,
            box(folder, camera.address, gnss, server) as process,
        ):
            began_s = time.monotonic()
            for number in range(1, int(seconds / SAMPLE_S) + 1):
                time.sleep(max(0.0, began_s + number * SAMPLE_S - time.monotonic()))
                if process.poll() is not None:
                    raise RuntimeError(f"the box ended: {(folder / 'box.log').read_text()[-3000:]}")
                sample = take(process.pid, time.monotonic() - began_s)
                if kept is not None:
                    with kept.open("a") as file:
                        file.write(json.dumps(asdict(sample)) + "\n")
                yield sample
    finally:
        server.kill()


def write_site(folder: Path) -> Path:
    """A street around the origin, seen by a vehicle's camera of 1920 x 1080 px."""
    return write_street(
        folder, image_px=(1920, 1080), height_m=1.5, pitch_deg=-6.0, fov_deg=78.0, vehicle=True, bay_at_m=(20.0, 6.0)
    )


@contextmanager
def receiver(folder: Path) -> Iterator[PluggedReceiver]:
    """One that drives up and down the street, a fix a second."""
    gnss, over = PluggedReceiver(folder), threading.Event()

    def drive() -> None:
        began_s = time.time()
        while not over.wait(1.0 - time.time() % 1.0):
            now_s = float(int(time.time()))
            way_m = SPEED_M_S * (now_s - began_s) % (4 * REACH_M)
            east = way_m < 2 * REACH_M
            here_m = way_m - REACH_M if east else 3 * REACH_M - way_m
            at, lon_deg = datetime.fromtimestamp(now_s, UTC), LON_DEG + here_m * EAST_DEG_PER_M
            time.sleep(0.15)  # a receiver's sentences come late
            knots = SPEED_M_S / 0.514444
            gnss.say(
                rmc(at, lon_deg, LAT_DEG, knots=knots, course_deg=90.0 if east else 270.0), gga(at, lon_deg, LAT_DEG)
            )

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield gnss
    finally:
        over.set()
        thread.join()
        gnss.unplug()


@contextmanager
def box(
    folder: Path, camera_url: str, gnss: PluggedReceiver, server: KilledServer
) -> Iterator[subprocess.Popen[bytes]]:
    """A running box, enrolled."""
    config = folder / "box.yaml"
    config.write_text(
        f"state: state\nsite: site\n"
        f"cameras:\n  - {{camera_id: cam, address: '{camera_url}', look: {{by: distance, every_m: 2.5}}}}\n"
        f"gnss: {{serial: '{gnss.settings.serial}'}}\n"
        f"uplink: {{server: '{server.url}', heartbeat_s: 15}}\n"
        f"page: {{port: {PORT}}}\n"
    )
    environment = {**os.environ, "KERBWATCH_ENROL_CODE": server.enrolment_codes(1)[0]}
    command = [sys.executable, "-m", "kerbwatch", "box"]
    subprocess.run([*command, "enrol", str(config)], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with (folder / "box.log").open("wb") as log:
        process = subprocess.Popen([*command, "run", str(config)], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60.0)


PORT = 8796


def take(pid: int, at_s: float) -> Sample:
    """What the box says of itself, and what the system says of its memory."""
    text = httpx.get(f"http://127.0.0.1:{PORT}/metrics", timeout=10.0, trust_env=False).raise_for_status().text

    def figure(name: str) -> float | None:
        found = re.search(rf"^kerbwatch_box_{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    processes = [pid, *_children(pid)]
    return Sample(
        at_s=at_s,
        memory_mb=sum(_memory_bytes(each, "Pss_Anon", "Pss_Shmem") for each in processes) / 1e6,
        pss_mb=sum(_memory_bytes(each, "Pss") for each in processes) / 1e6,
        cpu_s=figure("cpu_seconds_total") or 0.0,
        look_age_p99_s=figure("camera_look_age_p99_seconds"),
        frame_age_s=figure("camera_frame_age_seconds"),
        looks=int(figure("camera_looks_total") or 0),
        connections=int(figure("camera_connections_total") or 0),
        reports=int(figure("reports_total") or 0),
        stored=int(_labelled(text, "outbox_reports", "stored")),
    )


def _labelled(text: str, name: str, state: str) -> float:
    found = re.search(rf'^kerbwatch_box_{name}{{state="{state}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def _memory_bytes(pid: int, *names: str) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kb) for name in names for kb in re.findall(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE))


def growth_mb_h(samples: list[Sample], warm_up_s: float) -> tuple[float, float]:
    """Slope of the memory after the warm-up by least squares, and its standard error, MB an hour."""
    settled = [sample for sample in samples if sample.at_s >= warm_up_s]
    hours = np.array([sample.at_s for sample in settled]) / 3600.0
    memory_mb = np.array([sample.memory_mb for sample in settled])
    off = hours - hours.mean()
    slope = float((off * memory_mb).sum() / (off**2).sum())
    rest = memory_mb - memory_mb.mean() - slope * off
    return slope, float(np.sqrt((rest**2).sum() / max(1, len(settled) - 2) / (off**2).sum()))


def report(samples: list[Sample], warm_up_s: float) -> int:
    """Print the result; 1 when a goal is missed."""
    settled = [sample for sample in samples if sample.at_s >= warm_up_s]
    slope, error = growth_mb_h(samples, warm_up_s)
    ages = [sample.look_age_p99_s for sample in settled if sample.look_age_p99_s is not None]
    last, first = samples[-1], settled[0]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{platform.machine()}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}, load average {load}"
    )
    print(f"{last.at_s / 60:.0f} minutes, the first {warm_up_s / 60:.0f} of them warm-up; 1080p25 over RTSP, 20 km/h")
    print(f"looks {last.looks}, reports {last.reports}, at the server {last.stored}, connections {last.connections}")
    busy = (last.cpu_s - first.cpu_s) / max(1e-9, last.at_s - first.at_s)
    print(f"processor {busy:.2f} s each second, {busy / SPEED_M_S * 1000:.0f} s each kilometre")
    print(
        f"memory of its own {first.memory_mb:.0f} MB after the warm-up, {last.memory_mb:.0f} MB at the end,"
        f" at most {max(sample.memory_mb for sample in samples):.0f} MB; with its share of program files"
        f" {last.pss_mb:.0f} MB"
    )
    grows = slope < GROWTH_MAX_MB_H
    print(
        f"growth {slope:+.2f} MB an hour, standard error {error:.2f}; goal < {GROWTH_MAX_MB_H:g}:"
        f" {'met' if grows else 'MISSED'}"
    )
    worst, middle = max(ages), float(np.median(ages))
    young = worst < AGE_MAX_S
    print(
        f"age of a picture when its look begins, p99 of five minutes: worst {1000 * worst:.0f} ms, median"
        f" {1000 * middle:.0f} ms; goal < {1000 * AGE_MAX_S:.0f} ms: {'met' if young else 'MISSED'}"
    )
    return int(not (grows and young))


def draw(samples: list[Sample], warm_up_s: float, path: Path) -> None:
    """Memory and age over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    minutes = [sample.at_s / 60 for sample in samples]
    figure, (memory, age) = plt.subplots(2, 1, figsize=(8, 4.5), sharex=True)
    memory.plot(minutes, [sample.memory_mb for sample in samples])
    memory.set_ylabel("memory, MB")
    memory.set_ylim(bottom=0)
    age.plot(minutes, [1000 * (sample.look_age_p99_s or 0) for sample in samples])
    age.axhline(1000 * AGE_MAX_S, color="tab:red", linewidth=0.8)
    age.set_ylabel("age of pictures, p99, ms")
    age.set_ylim(bottom=0)
    age.set_xlabel("minutes")
    for axes in (memory, age):
        axes.axvline(warm_up_s / 60, color="tab:gray", linewidth=0.8, linestyle=":")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    sys.exit(main())
