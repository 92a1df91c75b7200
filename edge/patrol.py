"""The patrol: pictures in, sealed reports in the outbox.

For every picture: detect, track, keep the best view of each thing (`edge.verdicts`). When things can be judged
together, those that break an order become reports, each durable in the outbox before the next picture is looked at.
Everything follows from the inputs, and from what the site memory held when the patrol was first begun, so a patrol
killed at any moment and run again computes the same hits, and the outbox's unique hit key leaves out those it has
already.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import cv2

from detector.frame import Frame
from detector.geo.camera import VehicleCamera
from detector.tracking import Tracker, TrackerLimits
from edge.config import PatrolConfig
from edge.coverage.recorder import Recorder
from edge.gnss.odometer import Odometer
from edge.interrupt import CtrlC, ctrl_c
from edge.memory import SiteMemory
from edge.outbox import Outbox
from edge.plan import Plan, make_plan
from edge.progress import ProgressBar
from edge.result import PatrolResult
from edge.sources import PictureSource, Source, SourceDamagedError, Window, frames
from edge.tally import Tally
from edge.verdicts import Verdicts
from edge.watch import Watch


def run_patrol(config: PatrolConfig, outbox: Outbox, bar: ProgressBar | None = None) -> PatrolResult:
    """Run a patrol to its end, or until Ctrl-C; every report is in the outbox when this returns.

    Raises:
        InputError: something given is wrong; nothing was looked at yet, or a source turned out to be unreadable.
        TransientError: the disk is full; what was found before is kept.
    """
    # OpenCV's own threads cost more CPU than they save on pictures of this size, next to a busy network.
    cv2.setNumThreads(1)
    plan = make_plan(config, outbox.device_id)
    tally = Tally(plan)
    try:
        with (
            ctrl_c() as pressed,
            SiteMemory.open(outbox.folder, plan.patrol_id) as memory,
            Recorder(plan, outbox.folder, tally) as recorder,
        ):
            tally.warnings += memory.warnings
            memory.forget(min(source.starts_at for source in plan.sources))
            for number, source in enumerate(plan.sources):
                verdicts = Verdicts(plan, source, number, outbox, memory, tally)
                tracker = Tracker(
                    source.source_id,
                    plan.detector.cue_names,
                    tracker_limits(source, plan.window),
                    # Its pose is in cameras.yaml: one that pans would be wrong about every place, not only motion.
                    standing_camera=plan.camera.observed_by == "fixed",
                    camera=plan.camera if isinstance(plan.camera, VehicleCamera) else None,
                )
                watch = Watch(plan, tracker, verdicts, recorder.looks(), tally)
                _SourcePatrol(plan, source, watch, tally, bar or ProgressBar(), pressed).run()
            recorder.complete = True
    except KeyboardInterrupt:
        # Things still in view are left for the next run: half-seen they would be judged otherwise than then.
        tally.interrupted = True
    return tally.result()


class _SourcePatrol:
    """Looks at the pictures of one source, in order."""

    def __init__(
        self, plan: Plan, source: Source, watch: Watch, tally: Tally, bar: ProgressBar, pressed: CtrlC
    ) -> None:
        self._plan = plan
        self._source = source
        self._watch = watch
        self._tally = tally
        self._bar = bar
        self._pressed = pressed
        self._last_s: float | None = None

    def run(self) -> None:
        """From the first picture to the last; a damaged source is used as far as it goes."""
        end_s = self._plan.window.to_s or self._source.duration_s
        self._bar.begin(self._source.source_id, total=end_s)
        try:
            way = Odometer(self._plan.gnss.fixes).way_m if self._plan.gnss else None
            with closing(frames(self._source, self._plan.window, way)) as pictures:
                for frame in pictures:
                    self._pressed.check()
                    self._look(frame)
                    self._tally.saw(frame, self._last_s)
                    self._last_s = frame.monotonic_s
                    self._bar.advance(frame.monotonic_s, self._tally.pace())
        except SourceDamagedError as damage:
            self._tally.partial = True
            self._tally.warnings.append(str(damage))
        self._watch.end_pass()

    def _look(self, frame: Frame) -> None:
        fix = self._plan.gnss.at(frame.captured_at) if self._plan.gnss else None
        self._watch.take(self._watch.look(frame), fix)


def tracker_limits(source: Source, window: Window) -> TrackerLimits:
    """The tracker's patience, stretched to the time between two looks.

    Pictures of a folder are seldom close enough in time to overlap, so each counts on its own there.
    """
    usual = TrackerLimits()
    step_s = window.every_s
    if isinstance(source, PictureSource) and len(source.pictures) > 1:
        step_s = max(step_s, source.duration_s / (len(source.pictures) - 1))
    return replace(
        usual,
        lost_looks=2 if window.every_m or window.by_motion else usual.lost_looks,
        lost_s=max(usual.lost_s, 2.5 * step_s),
        tentative_s=max(usual.tentative_s, 1.5 * step_s),
        confirm_hits=1 if isinstance(source, PictureSource) else usual.confirm_hits,
    )
