"""strace for the faults below SQLite and the power cuts: install it where we may (root on Debian), else say so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGE = "strace"


def main() -> int:
    """Return 0 always: without strace its tests and rows are left out with the reason printed here."""
    if shutil.which(PACKAGE):
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing strace for the tests of power cuts (about 2 MB) ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE]
        if subprocess.run(command, check=False, env=environment, **quiet).returncode == 0:
            return 0
    print(f"The tests of power cuts will skip: install {PACKAGE} first (apt-get install {PACKAGE}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
