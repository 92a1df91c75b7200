"""What an install without extras takes: `python -m benchmarks.edge_throughput.install` (needs a package index).

A fresh environment, `pip install` of this folder as a user would, and what it adds to the empty environment on disk:
as pip leaves it, with every module compiled ahead, and with `--no-compile` after the first patrol has compiled what it
uses.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.paths import ROOT

GOAL_MB = 550


def size_mb(folder: Path) -> float:
    """Disk blocks of a folder, as `du -s` counts them, in MB."""
    files = {(s.st_dev, s.st_ino): s.st_blocks for s in (p.lstat() for p in folder.rglob("*"))}
    return 512 * sum(files.values()) / 1e6


def installed_mb(folder: Path, *flags: str) -> tuple[float, float]:
    """MB of an empty environment and of the same with Kerbwatch in it, after it has been started once."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    empty_mb = size_mb(folder)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", *flags, str(ROOT)], check=True)
    subprocess.run([str(folder / "bin" / "kerbwatch"), "patrol", "--help"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([python, "-c", "import edge.patrol, edge.cli, detector.model.yolo"], check=True)
    return empty_mb, size_mb(folder)


def main() -> None:
    """Print both ways."""
    print(
        "| install | the empty environment, MB | with Kerbwatch, MB | added, MB | goal 550 MB |\n|---|---|---|---|---|"
    )
    for flags in ((), ("--no-compile",)):
        with tempfile.TemporaryDirectory() as scratch:
            empty_mb, full_mb = installed_mb(Path(scratch) / "venv", *flags)
        verdict = "met" if full_mb <= GOAL_MB else "MISSED"
        command = " ".join(("pip install", *flags, "kerbwatch"))
        print(f"| `{command}` | {empty_mb:.0f} | {full_mb:.0f} | {full_mb - empty_mb:.0f} | {verdict} |")


if __name__ == "__main__":
    main()
