"""Real clips without a violation, every picture of them: how many cases, and which look-alikes were named.

The sites are those of ``tests/edge/test_clips.py``: all ground is footway, nothing may stand anywhere and no waiting
time excuses anybody, so what keeps a clip clean is what is seen. The right answer is 0 reports on every line.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.paths import BUNDLE, SHARED_DATA
from edge.config import PatrolConfig
from edge.outbox import Outbox
from edge.patrol import run_patrol
from edge.result import PatrolResult
from edge.sources import Window
from edge.summary import look_alikes_text
from tests.edge.street import write_street
from tests.edge.test_clips import CLIPS, START, Clip


def patrol(clip: Clip, folder: Path) -> PatrolResult:
    """One patrol over the whole clip."""
    site = write_street(
        folder / "site",
        image_px=clip.image_px,
        height_m=clip.height_m,
        pitch_deg=clip.pitch_deg,
        fov_deg=clip.fov_deg,
    )
    source = str(SHARED_DATA / "video" / clip.name)
    config = PatrolConfig(sources=(source,), site=site, model=BUNDLE, start_utc=(START,), window=Window())
    with Outbox.open(folder / "state") as outbox:
        return run_patrol(config, outbox)


def main() -> int:
    """Print a line per clip; exit code 1 when a report was made."""
    reports = 0
    for clip in CLIPS:
        with tempfile.TemporaryDirectory() as scratch:
            result = patrol(replace(clip, window=Window()), Path(scratch))
        reports += len(result.reports)
        print(f"{clip.name}: {result.frames} frames, {result.tracks} things, {len(result.reports)} reports")
        print(f"  {look_alikes_text(result)}", flush=True)
    return int(reports > 0)


if __name__ == "__main__":
    sys.exit(main())
