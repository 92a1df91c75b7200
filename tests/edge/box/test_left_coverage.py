"""A box that ends with its vehicle's power publishes what it looked at when it starts again."""

from __future__ import annotations

import json
from pathlib import Path

from structlog.testing import capture_logs

from detector.geo.crs import WGS84
from edge.box.left_coverage import publish_left
from edge.coverage.log import CoverageLog
from edge.coverage.publish import COVERAGE_FILE
from tests.edge.coverage.rides import look


def _killed(folder: Path) -> None:
    log = CoverageLog(folder, "a" * 32)
    log.append(look(15.0))
    log.close(complete=False)


def test_looks_of_a_killed_run_are_published(tmp_path: Path) -> None:
    publish_left(tmp_path, WGS84)
    assert not (tmp_path / COVERAGE_FILE).exists()
    _killed(tmp_path)
    publish_left(tmp_path, WGS84)
    assert len(json.loads((tmp_path / COVERAGE_FILE).read_text("utf-8"))["features"]) == 1


def test_a_layer_that_cannot_be_written_costs_no_start(tmp_path: Path) -> None:
    _killed(tmp_path)
    (tmp_path / COVERAGE_FILE).mkdir()
    with capture_logs() as told:
        publish_left(tmp_path, WGS84)
    assert [line["event"] for line in told] == ["the coverage of the last run could not be published"]
