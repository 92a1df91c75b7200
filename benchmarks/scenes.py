"""Hits on the labelled scenes: does the right verdict come out, per kind?

Runs ``kerbwatch models scenes`` with the shipped bundles, so the published table is the command's own. Kinds whose
bundle is not in the zoo are named as skipped.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA

AERIAL = ROOT / "models" / "zoo" / "aerial-n"
OUT = ROOT / "benchmarks" / "out" / "scenes"


def main() -> int:
    """Print the tables; the pictures and scenes.json go to ``benchmarks/out/scenes``."""
    if not SHARED_DATA.is_dir():
        print(f"needs the real data folder {SHARED_DATA} (set KERBWATCH_SHARED)")
        return 0
    command = [sys.executable, "kerbwatch.py", "models", "scenes", "datasets/scenes"]
    command += ["--data-root", str(SHARED_DATA), "--street", str(BUNDLE), "--out", str(OUT)]
    if AERIAL.is_dir():
        command += ["--aerial", str(AERIAL)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
