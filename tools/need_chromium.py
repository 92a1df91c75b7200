"""Chromium for the browser tests: install it where we may (root on Debian), else say what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = ["chromium", "chromium-driver", "fonts-noto-cjk"]


def main() -> int:
    """Return 0 always: without Chromium the browser tests skip with the reason printed here."""
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests (about 110 MB) ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
        if subprocess.run(command, check=False, env=environment, **quiet).returncode == 0:
            return 0
    print(f"Browser tests will skip: install {' '.join(PACKAGES)} first (apt-get install {' '.join(PACKAGES)}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
