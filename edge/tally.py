"""Counts what a patrol finds while it runs."""

from __future__ import annotations

import time
from collections import Counter

from detector.frame import Frame
from edge.coverage.totals import Looked
from edge.gnss import FixTrack
from edge.plan import Plan
from edge.registered import Shifts
from edge.result import PatrolResult, ReportLine


class Tally:
    """Counts what a patrol finds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began_s = time.monotonic()
        self.frames = 0
        self.watched_s = 0.0
        self.tracks = 0
        self.seen_before = 0
        self.looked: Looked | None = None
        self.shifts = Shifts()
        self.reports: list[ReportLine] = []
        self.look_alikes: Counter[str] = Counter()
        self.warnings = list(plan.warnings)
        self.partial = False
        self.interrupted = False

    def saw(self, frame: Frame, last_s: float | None) -> None:
        """One more picture was looked at; `last_s` is the time of the one before it."""
        self.frames += 1
        self.watched_s += 0.0 if last_s is None else frame.monotonic_s - last_s

    def pace(self) -> str:
        """Pictures per second and reports, for the progress bar."""
        rate = self.frames / max(time.monotonic() - self._began_s, 1e-3)
        return f"{rate:.1f} 帧/秒 · pictures/s, {len(self.reports)} 份 · reports"

    def result(self) -> PatrolResult:
        """The sum of it."""
        return PatrolResult(
            patrol_id=self._plan.patrol_id,
            camera=self._plan.camera.camera_id,
            frames=self.frames,
            watched_s=self.watched_s,
            wall_s=time.monotonic() - self._began_s,
            tracks=self.tracks,
            seen_before=self.seen_before,
            looked=self.looked,
            registered=self.shifts.result(),
            reports=tuple(self.reports),
            look_alikes=dict(self.look_alikes),
            gnss=self._plan.gnss.counts if isinstance(self._plan.gnss, FixTrack) else None,
            partial=self.partial,
            interrupted=self.interrupted,
            warnings=tuple(self.warnings),
        )
