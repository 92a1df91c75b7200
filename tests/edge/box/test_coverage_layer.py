"""A box that ends with its vehicle's power publishes what it looked at when it starts again."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from structlog.testing import capture_logs

from detector.geo.crs import WGS84
from edge.box.coverage_layer import CoverageLayer
from edge.box.crew import Pulse
from edge.coverage.log import CoverageLog
from edge.coverage.publish import COVERAGE_FILE
from tests.edge.coverage.rides import look


def _killed(folder: Path) -> None:
    log = CoverageLog(folder, "a" * 32)
    log.append(look(15.0))
    log.close(complete=False)


def _works_until(layer: CoverageLayer, done: threading.Event | None, wait_s: float) -> None:
    pulse = Pulse(threading.Event())
    thread = threading.Thread(target=layer.work, args=(pulse,))
    thread.start()
    try:
        until_s = time.monotonic() + wait_s
        while time.monotonic() < until_s and not (done is not None and done.is_set()):
            time.sleep(0.05)
    finally:
        pulse.stop.set()
        thread.join(30.0)
    assert not thread.is_alive()


def test_looks_of_a_killed_run_are_published(tmp_path: Path) -> None:
    _killed(tmp_path)
    layer, there = CoverageLayer(tmp_path, WGS84), threading.Event()
    watcher = threading.Thread(target=lambda: _wait_for(tmp_path / COVERAGE_FILE, there))
    watcher.start()
    _works_until(layer, there, 30.0)
    watcher.join()
    assert len(json.loads((tmp_path / COVERAGE_FILE).read_text("utf-8"))["features"]) == 1


def test_nothing_left_is_nothing_published(tmp_path: Path) -> None:
    _works_until(CoverageLayer(tmp_path, WGS84), None, 1.5)
    assert not (tmp_path / COVERAGE_FILE).exists()


def test_a_layer_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    _killed(tmp_path)
    (tmp_path / COVERAGE_FILE).mkdir()
    with capture_logs() as told:
        layer = CoverageLayer(tmp_path, WGS84)
        heard = threading.Event()
        watcher = threading.Thread(target=lambda: _wait_until(lambda: bool(told), heard))
        watcher.start()
        _works_until(layer, heard, 30.0)
        watcher.join()
    assert [line["event"] for line in told] == ["the coverage log could not be published"]
    assert COVERAGE_FILE in told[0]["why"]


def _wait_for(path: Path, there: threading.Event) -> None:
    _wait_until(path.exists, there)


def _wait_until(true: object, there: threading.Event) -> None:
    until_s = time.monotonic() + 30.0
    while time.monotonic() < until_s and not true():  # type: ignore[operator]
        time.sleep(0.05)
    there.set()
