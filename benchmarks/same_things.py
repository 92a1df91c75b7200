"""A real standing camera watched at every picture and by motion: the same reports?

The clips are patrolled twice as a user would, with the shipped model. The two shots of the demonstration's montage have
things that break an order; the others are real streets on which nothing does, so there the look-alikes are compared.
Reports are the same when kind and outcome are, and their places lie within half a metre.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA
from benchmarks.processes import Cost, run
from edge.demo import LOOKS, SITE, find_clip
from edge.result import PlaceLine, ReportLine
from tests.edge.street import write_street

SAME_PLACE_M = 0.5
WAYS = {"every picture": [], "by motion, all": ["--by-motion"], "by motion, 5/s": ["--by-motion", "--every-s", "0.2"]}


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of one standing camera, as options of `kerbwatch patrol`."""

    name: str
    options: tuple[str, ...]


def shots(scratch: Path) -> Iterator[Shot]:
    """The demonstration's, and the clips of real streets."""
    for look in LOOKS[1:]:
        given = ("--source", str(find_clip()), "--site", str(SITE), "--camera", look.camera)
        times = ("--from-s", str(look.from_s), "--to-s", str(look.to_s), "--start-utc", look.start_utc)
        yield Shot(look.camera, (*given, *times))
    for name, size_px, height_m, pitch_deg, fov_deg in (
        ("intel_car-detection.mp4", (768, 432), 8.0, -60.0, 60.0),
        ("intel_person-bicycle-car-detection.gif", (480, 270), 8.0, -40.0, 60.0),
        ("otc_Cars-Cyclist.mp4", (800, 600), 5.0, -25.0, 70.0),
    ):
        site = write_street(
            scratch / Path(name).stem, image_px=size_px, height_m=height_m, pitch_deg=pitch_deg, fov_deg=fov_deg
        )
        source = str(SHARED_DATA / "video" / name)
        yield Shot(name, ("--source", source, "--site", str(site), "--start-utc", "2026-05-17T00:00:00Z"))


def patrolled(shot: Shot, way: Sequence[str], out: Path) -> tuple[Mapping[str, Any], Cost]:
    """What `kerbwatch patrol --json` says, and what the process cost."""
    command = [sys.executable, "-m", "kerbwatch", "patrol", "--json", "--threads", "1", "--model", str(BUNDLE)]
    cost = run([*command, *shot.options, *way, "--out", str(out)], ROOT)
    return json.loads(cost.stdout), cost


def same(a: ReportLine, b: ReportLine) -> bool:
    """Whether two reports speak of one thing in one way."""
    if (a.kind, a.outcome) != (b.kind, b.outcome) or (a.place is None) != (b.place is None):
        return False
    return a.place is None or b.place is None or _apart_m(a.place, b.place) <= SAME_PLACE_M


def _apart_m(a: PlaceLine, b: PlaceLine) -> float:
    north_m = 111_195.0 * (a.lat_deg - b.lat_deg)
    east_m = 111_195.0 * (a.lon_deg - b.lon_deg) * math.cos(math.radians(a.lat_deg))
    return math.hypot(north_m, east_m)


def print_clips() -> int:
    """Print the table; 1 when a report went missing."""
    missing = 0
    print(f"{'clip':40}{'way':>16}{'looks':>7}{'CPU-s':>8}{'reports':>9}{'found':>7}{'extra':>7}  look-alikes")
    with tempfile.TemporaryDirectory() as scratch:
        for number, shot in enumerate(shots(Path(scratch))):
            reference: list[ReportLine] | None = None
            for way, options in WAYS.items():
                result, cost = patrolled(shot, options, Path(scratch) / f"{number}-{way}")
                reports = [ReportLine.from_json(line) for line in result["reports"]]
                reference = reports if reference is None else reference
                found = sum(any(same(one, other) for other in reports) for one in reference)
                extra = sum(not any(same(one, other) for other in reference) for one in reports)
                missing += len(reference) - found
                print(
                    f"{shot.name:40}{way:>16}{result['frames']:>7}{cost.cpu_s:>8.2f}{len(reports):>9}"
                    f"{found:>7}{extra:>7}  {dict(result['look_alikes'])}",
                    flush=True,
                )
    print(f"reports that looking by motion misses: {missing}")
    return int(missing > 0)


if __name__ == "__main__":
    raise SystemExit(print_clips())
