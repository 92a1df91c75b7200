"""A real server, an enrolled device and a signed-in reviewer at a real Chromium, once per test file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.server import street
from tests.server.live import LiveDevice, LiveServer, live_device, live_server
from tests.server.street import Scene
from tests.server.web.browser import Watched, chromium
from tests.server.web.reviewer import Reviewer

DEMO_SITE = ROOT / "edge" / "demo_site"
VENDOR = ROOT / "server" / "web" / "static" / "vendor"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    if not VENDOR.is_dir():
        pytest.skip("needs the pages' JavaScript: make web")
    with live_server(tmp_path_factory.mktemp("live"), site=DEMO_SITE) as running:
        yield running


@pytest.fixture(scope="module")
def device(server: LiveServer) -> Iterator[LiveDevice]:
    with live_device(server) as enrolled:
        yield enrolled


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with chromium(tmp_path_factory.mktemp("profile")) as watched:
        yield watched


@pytest.fixture(scope="module")
def signed_in(browser: Watched, server: LiveServer) -> Reviewer:
    reviewer = Reviewer(browser, server)
    reviewer.log_in()
    reviewer.find(".filters h1")
    return reviewer


@pytest.fixture
def reviewer(signed_in: Reviewer) -> Iterator[Reviewer]:
    """The signed-in reviewer; afterwards nothing may have gone wrong in the console or come from elsewhere."""
    signed_in.watched.console()
    yield signed_in
    assert signed_in.watched.console() == []
    assert signed_in.watched.hosts() == {"127.0.0.1"}


_numbers = count()


@pytest.fixture
def new_case(device: LiveDevice, bikes_clip: Path) -> Callable[..., int]:
    """Sends a report from a place of its own; returns the number of its case."""

    def send(**changes: object) -> int:
        number = next(_numbers)
        # Another quality gives other bytes; another place gives another case.
        scene = Scene(bikes_clip, lon_deg=117.2 + number * 0.01, minutes=number, quality=95 - number)
        return device.send(street.report(device.key, scene.but(**changes)))

    return send
