"""What a kill left of the coverage logs: vehicles switch the box off by its power, and such a patrol has no end."""

from __future__ import annotations

from pathlib import Path

import structlog

from detector.errors import KerbwatchError
from detector.geo.crs import Crs
from edge.coverage.log import close_left
from edge.coverage.publish import COVERAGE_FILE, publish

log = structlog.get_logger("box")


def publish_left(folder: Path, crs: Crs) -> None:
    """Publish the looks of patrols that were killed; a full disk costs the layer, not the start.

    Args:
        folder: the box's state folder, which the caller holds.
        crs: the system that the site publishes in.
    """
    try:
        if close_left(folder):
            publish(folder, folder / COVERAGE_FILE, crs)
    except KerbwatchError as error:
        log.warning("the coverage of the last run could not be published", why=str(error))
