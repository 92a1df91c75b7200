"""GStreamer's RTSP server for the tests of live cameras: install it where we may, else say what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gir1.2-gst-plugins-base-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
)
SYSTEM_PYTHON = "/usr/bin/python3"
PROBE = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstApp', '1.0');"
    "gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "assert all(map(Gst.ElementFactory.find, 'appsrc h264parse h265parse rtph264pay rtph265pay'.split()))"
)


def installed() -> bool:
    """Whether a server can be run by the system's Python, where GStreamer's bindings live."""
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", PROBE], capture_output=True, check=False).returncode == 0


def main() -> int:
    """Return 0 always: without the server its tests skip with the reason printed here."""
    if installed():
        return 0
    names = " ".join(PACKAGES)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing GStreamer's RTSP server for the tests of live cameras (about 150 MB) ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
        if subprocess.run(command, check=False, env=environment, **quiet).returncode == 0 and installed():
            return 0
    print(f"The tests of live cameras will skip: install GStreamer's RTSP server first (apt-get install {names}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
