"""What the coverage log weighs, and what it costs the patrol.

    python -m benchmarks.coverage_log [--hours 0.5]

A vehicle drives blocks at 15 km/h with a fix and two pictures a second. The pictures are noise: what is measured is the
log, not the street. The time is what the log adds to each picture of a patrol, whose network takes some 80 ms.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.progress import track as progress

from detector.frame import Fix, Frame
from detector.geo.camera import Lens, VehicleCamera, profile_sigmas
from detector.geo.plane import LocalPlane
from edge.coverage.log import CoverageLog, logs
from edge.coverage.looks import LookLog
from edge.coverage.publish import publish

PLANE = LocalPlane(117.2, 34.26)
START = datetime(2026, 5, 17, 0, 0, tzinfo=UTC)
SPEED_M_S = 15 / 3.6
BLOCK_M = 200.0
STEP_S = 0.5
SIZE_PX = (1280, 720)


def ride(hours: float) -> Iterator[Fix]:
    """Round one block after the other, eastwards."""
    for step in range(int(hours * 3600 / STEP_S)):
        round_, along = divmod(step * STEP_S * SPEED_M_S, 4 * BLOCK_M)
        side, way = divmod(along, BLOCK_M)
        corner = np.array([(0, 0), (1, 0), (1, 1), (0, 1)][int(side)]) * BLOCK_M + (BLOCK_M * (round_ % 40), 0.0)
        heading_deg = (90.0 - 90.0 * side) % 360.0
        turn = np.radians(heading_deg)
        at_m = corner + way * np.array([np.sin(turn), np.cos(turn)])
        ((lon_deg, lat_deg),) = PLANE.lon_lat_deg(at_m).tolist()
        at = START + timedelta(seconds=step * STEP_S)
        yield Fix(lon_deg, lat_deg, 3.0, at, heading_deg=heading_deg, sigma_heading_deg=2.0, speed_m_s=SPEED_M_S)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0.5)
    hours = parser.parse_args().hours
    camera = VehicleCamera("front", 1.8, 0.0, -8.0, 0.0, 0.0, 0.0, Lens.from_fov(*SIZE_PX, 70.0), profile_sigmas("car"))
    image = np.random.default_rng(0).integers(0, 256, (SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    steps = int(hours * 3600 / STEP_S)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        log = CoverageLog(folder, "0" * 32)
        looks = LookLog(camera, camera.observed_by, log.append)
        tracemalloc.start()
        spent_s = 0.0
        for step, fix in enumerate(progress(ride(hours), total=steps, description="shift")):
            frame = Frame(image, step, fix.at, step * STEP_S, "shift", fix=fix)
            began_s = time.process_time()
            looks.saw(frame)
            spent_s += time.process_time() - began_s
        looks.end()
        log.close(complete=True)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        count = publish(folder, folder / "coverage.geojson")
        (path,) = logs(folder)
        print(f"{hours:g} h, {hours * SPEED_M_S * 3.6:.0f} km, {steps} pictures: {count} looks")
        log_mb, layer_mb = (file.stat().st_size / 1e6 for file in (path, folder / "coverage.geojson"))
        print(f"log {log_mb:.2f} MB, coverage.geojson {layer_mb:.2f} MB")
        print(f"{spent_s / steps * 1e3:.1f} ms for each picture, at most {peak_bytes / 1e6:.1f} MB of memory")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
