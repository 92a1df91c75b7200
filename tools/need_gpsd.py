"""gpsd for the test against a real one: install it where we may (root on Debian), else say what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGE = "gpsd"


def main() -> int:
    """Return 0 always: without gpsd its test skips with the reason printed here."""
    if shutil.which("gpsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing gpsd for its test (about 1 MB) ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE]
        if subprocess.run(command, check=False, env=environment, **quiet).returncode == 0:
            return 0
    print(f"The test against a real gpsd will skip: install {PACKAGE} first (apt-get install {PACKAGE}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
