"""Run every benchmark: `make bench`. Give names to run only those: `make bench ARGS='parity patrol_cost'`."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "parity",
    "verdict_10k",
    "crs_shift",
    "wall_places",
    "clean_clips",
    "patrol_cost",
    "model_cost",
    "edge_throughput",
    "live_camera",
    "gnss_live",
    "scenes",
    "privacy_recall",
    "appearance_roc",
    "real_places",
    "calibration",
    "place_accuracy",
    "verdict_risk",
    "second_pass",
    "coverage_log",
    "label_loop",
    "same_events",
    "shift_energy",
    "alarms",
    "soak",
)


def main(names: list[str]) -> int:
    """Run the named benchmarks, all when none is named; the exit code is 1 when one failed."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
        return 2
    failed = 0
    for name in names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
