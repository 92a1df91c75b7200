"""A running service for tests of pages and labels: real pictures go in over HTTP, a reviewer is signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

from server.services import Services
from server.settings import make_settings
from tests.server import street
from tests.server.harness import Running, run
from tests.server.live import LiveDevice, enrol
from tests.server.street import Scene

HTML = {"Accept": "text/html"}


@dataclass
class Service:
    """A service with one enrolled device and one signed-in reviewer; `pages` is his browser, without scripts."""

    running: Running
    device: LiveDevice
    pages: httpx.Client
    clip: Path
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def services(self) -> Services:
        """The parts of the service."""
        return self.running.services

    def new_case(self, **changes: object) -> int:
        """A report from a place of its own; returns the number of its case."""
        number = next(self._numbers)
        scene = Scene(self.clip, lon_deg=117.2 + number * 0.01, minutes=number, quality=95 - number)
        return self.device.send(street.report(self.device.key, scene.but(**changes)))

    def log_in(self, **more: str) -> dict[str, str]:
        """The filled-in log-in form."""
        credentials = self.running.credentials
        return {"name": credentials.reviewer, "password": credentials.password, **more}

    def page(self, path: str) -> str:
        """The HTML of a page."""
        return self.pages.get(path, headers=HTML).raise_for_status().text

    def csrf(self) -> str:
        """The CSRF token of the reviewer's pages."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page("/devices"))
        assert found
        return found.group(1)

    def act(self, case: int, action: str, version: int = 1, **fields: str) -> None:
        """Sends a form of the case page, as a browser without scripts does."""
        form = {"csrf_token": self.csrf(), "version": str(version), **fields}
        answer = self.pages.post(f"/cases/{case}/{action}", data=form, headers=HTML)
        assert answer.status_code == 303, answer.text


@contextmanager
def in_process(folder: Path, clip: Path, site: Path | None = None) -> Iterator[Service]:
    """Runs a service on a new data folder."""
    with run(make_settings(data=folder, site=site)) as running:
        pages = running.client()
        service = Service(running, enrol(running.client(), running.credentials.enrolment_code), pages, clip)
        assert pages.post("/login", data=service.log_in()).status_code == 303
        yield service
