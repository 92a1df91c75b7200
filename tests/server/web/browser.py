"""A real headless Chromium for the page tests, and what it saw: console messages and every request."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

MISSING = "needs Chromium: apt-get install chromium chromium-driver fonts-noto-cjk"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # The map draws with WebGL in software.
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def installed() -> bool:
    """Whether browser and driver are on this machine."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@dataclass
class Watched:
    """A driver whose console and network are written down."""

    driver: webdriver.Chrome
    requests: list[str]

    def console(self) -> list[str]:
        """Messages of warnings and errors since the last call; drawing WebGL in software is slow and says so."""
        entries = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
        return [entry["message"] for entry in entries if "GL Driver Message" not in entry["message"]]

    def hosts(self) -> set[str]:
        """Every host the pages asked, since the start."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        hosts = {urlsplit(url).hostname for url in self.requests if url.startswith(("http", "ws"))}
        return {host for host in hosts if host}


@contextmanager
def chromium(
    profile: Path, *flags: str, width_px: int = 1440, height_px: int = 760, dark: bool = False, phone: bool = False
) -> Iterator[Watched]:
    """A browser with a fresh profile; closed when the block is left."""
    options = Options()
    binary = shutil.which("chromium")
    assert binary
    options.binary_location = binary
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}", f"--window-size={width_px},{height_px}"):
        options.add_argument(flag)
    if dark:
        options.add_argument("--blink-settings=preferredColorScheme=0")
    if phone:
        metrics = {"width": width_px, "height": height_px, "pixelRatio": 2.0, "touch": True}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.set_page_load_timeout(20)
        yield Watched(driver, [])
    finally:
        driver.quit()
