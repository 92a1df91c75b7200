"""The patrol: pictures in, sealed reports in the outbox.

For every picture: detect, track, keep the best view of each thing. When things can be judged together, those that
break an order become reports, each durable in the outbox before the next picture is looked at. Everything follows
from the inputs alone, so a patrol killed at any moment and run again computes the same hits, and the outbox's unique
hit key leaves out those it has already.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Final

import cv2

from detector.errors import InputError
from detector.evidence.best_frame import BestFrame, BestFrames
from detector.evidence.privacy import blur_people
from detector.frame import Frame
from detector.geo.camera import image_px, same_shape
from detector.geo.localise import Unplaced, place_of
from detector.hit import Hit, Place
from detector.report import hit_key
from detector.rules import judge, judge_tracks
from detector.tracking import Tracker, TrackerLimits, TrackUpdate
from detector.tracks import Track
from detector.vocabulary import Outcome
from edge.assemble import Origin, Shot, assemble
from edge.config import PatrolConfig
from edge.interrupt import CtrlC, ctrl_c
from edge.outbox import Outbox
from edge.plan import Plan, make_plan
from edge.progress import ProgressBar
from edge.result import PatrolResult, ReportLine, report_line
from edge.scenes import Scenes
from edge.sources import PictureSource, Source, SourceDamagedError, Window, frames
from edge.stretch import Stretch, gather_gap_s

PICTURES_MAX_BYTES: Final = 96 * 1024 * 1024
"""Kept pictures of this size are judged without waiting for more, well before `BestFrames` must throw any out."""


def run_patrol(config: PatrolConfig, outbox: Outbox, bar: ProgressBar | None = None) -> PatrolResult:
    """Run a patrol to its end, or until Ctrl-C; every report is in the outbox when this returns.

    Raises:
        InputError: something given is wrong; nothing was looked at yet, or a source turned out to be unreadable.
        TransientError: the disk is full; what was found before is kept.
    """
    # OpenCV's own threads cost more CPU than they save on pictures of this size, next to a busy network.
    cv2.setNumThreads(1)
    plan = make_plan(config, outbox.device_id)
    tally = _Tally(plan)
    try:
        with ctrl_c() as pressed:
            for index, source in enumerate(plan.sources):
                _SourcePatrol(plan, source, f"{index}", outbox, tally, bar or ProgressBar(), pressed).run()
    except KeyboardInterrupt:
        # Things still in view are left for the next run: half-seen they would be judged otherwise than then.
        tally.interrupted = True
    return tally.result()


class _Tally:
    """Counts what a patrol finds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began_s = time.monotonic()
        self.frames = 0
        self.watched_s = 0.0
        self.tracks = 0
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
            reports=tuple(self.reports),
            look_alikes=dict(self.look_alikes),
            gnss=self._plan.gnss.counts if self._plan.gnss else None,
            partial=self.partial,
            interrupted=self.interrupted,
            warnings=tuple(self.warnings),
        )


class _SourcePatrol:
    """The patrol of one source."""

    def __init__(
        self, plan: Plan, source: Source, name: str, outbox: Outbox, tally: _Tally, bar: ProgressBar, pressed: CtrlC
    ) -> None:
        self._plan = plan
        self._source = source
        self._name = name
        self._outbox = outbox
        self._tally = tally
        self._bar = bar
        self._pressed = pressed
        self._scenes = Scenes()
        self._scene = 0
        self._pass = 0
        self._size_px: tuple[int, int] | None = None
        self._last_s: float | None = None
        self._tracker = Tracker(
            source.source_id,
            plan.detector.cue_names,
            tracker_limits(source, plan.window),
            # Its pose is in cameras.yaml: one that pans would be wrong about every place, not only about motion.
            standing_camera=plan.camera.observed_by == "fixed",
        )
        self._stretch = Stretch(gather_gap_s(plan.site))
        self._best = BestFrames()
        self._places: dict[str, Place | Unplaced] = {}

    def run(self) -> None:
        """From the first picture to the last; a damaged source is used as far as it goes."""
        end_s = self._plan.window.to_s or self._source.duration_s
        self._bar.begin(self._source.source_id, total=end_s)
        try:
            with closing(frames(self._source, self._plan.window)) as pictures:
                for frame in pictures:
                    self._pressed.check()
                    self._look(frame)
                    self._tally.saw(frame, self._last_s)
                    self._last_s = frame.monotonic_s
                    self._bar.advance(frame.monotonic_s, self._tally.pace())
        except SourceDamagedError as damage:
            self._tally.partial = True
            self._tally.warnings.append(str(damage))
        self._end_pass()

    def _check_shape(self, frame: Frame) -> None:
        """A camera of another shape gives no place at all: refused at the first picture, told when it comes later."""
        height_px, width_px = frame.image.shape[:2]
        if (width_px, height_px) == self._size_px:
            return
        first, self._size_px = self._size_px is None, (width_px, height_px)
        expected = image_px(self._plan.camera)
        if same_shape(expected, self._size_px):
            return
        problem = (
            f"{self._source.source_id}: pictures are {width_px} x {height_px} px, "
            f"camera {self._plan.camera.camera_id!r} of the site is for {expected[0]} x {expected[1]} px, another shape"
        )
        if first:
            raise InputError(f"{problem}: name the right --camera, or mend its image_px in cameras.yaml")
        self._tally.warnings.append(f"{problem}: from picture {frame.seq} on places are unknown")

    def _look(self, frame: Frame) -> None:
        self._check_shape(frame)
        if self._scenes.begins_pass(frame):
            self._end_pass()
            self._pass += 1
        scene = self._scenes.number(frame)
        fix = self._plan.gnss.at(frame.captured_at) if self._plan.gnss else None
        frame = replace(frame, scene=scene, fix=fix)
        found = self._plan.detector.detect(frame.image)
        update = self._tracker.update(frame, found)
        self._take(update)
        if scene != self._scene or self._ripe(frame):
            self._judge()
        self._scene = scene
        self._best.offer(frame, found, update.assignments)

    def _take(self, update: TrackUpdate) -> None:
        self._stretch.take(update)
        self._best.forget(update.dropped)
        for track in update.finished:
            self._tally.tracks += 1
            place = self._places[track.track_id] = place_of(track, self._plan.camera)
            hit = judge(track, place, self._plan.site, self._plan.observed_by)
            # What is allowed on its own stays allowed in a row; only a full bay can still turn against it.
            if hit is None or (hit.outcome is Outcome.ALLOWED and not hit.zone_ids):
                self._best.forget((track.track_id,))

    def _ripe(self, frame: Frame) -> bool:
        return self._stretch.ripe(frame.captured_at) or self._best.kept_bytes > PICTURES_MAX_BYTES

    def _end_pass(self) -> None:
        self._take(self._tracker.flush())
        self._judge()

    def _judge(self) -> None:
        batch = {track.track_id: track for track in self._stretch.release()}
        plan = self._plan
        for hit in judge_tracks(tuple(batch.values()), self._places, plan.site, plan.observed_by):
            if hit.look_alike is not None:
                self._tally.look_alikes[hit.look_alike] += hit.count
            else:
                self._report(hit, batch)
        self._best.forget(batch)
        self._places.clear()

    def _report(self, hit: Hit, tracks: Mapping[str, Track]) -> None:
        track = hit.track
        key = hit_key(self._plan.patrol_id, self._source.sha256, track.first_seen_at, hit.kind, track.ordinal)
        best = self._best.take(track.track_id)
        if best is None:
            self._tally.partial = True
            self._tally.warnings.append(
                f"{track.track_id}: more things in view than pictures can be kept of; this one is not reported"
            )
            return
        report_id = self._outbox.put(
            key, lambda report_id: assemble(report_id, key, hit, self._shot(hit, best, tracks), self._origin())
        )
        self._tally.reports.append(report_line(str(report_id), key, hit, synthetic=self._plan.synthetic))

    def _shot(self, hit: Hit, best: BestFrame, tracks: Mapping[str, Track]) -> Shot:
        frame = best.frame
        blurred = blur_people(frame.image, best.detections, self._plan.privacy)
        others = (tracks[name] for name in hit.member_track_ids if name != hit.track.track_id)
        boxes = [o.xyxy for track in others for o in track.observations if o.frame_id == frame.frame_id]
        return Shot(
            image=blurred.image,
            blur_method=blurred.method,
            frame_id=frame.frame_id,
            captured_at=frame.captured_at,
            fix=frame.fix,
            subject=(best.xyxy, *boxes),
            detections=best.detections,
        )

    def _origin(self) -> Origin:
        plan = self._plan
        return Origin(
            device_id=self._outbox.device_id,
            patrol_id=plan.patrol_id,
            pass_id=f"{plan.patrol_id}/{self._name}.{self._pass}",
            source_id=self._source.source_id,
            source_sha256=self._source.sha256,
            camera_id=plan.camera.camera_id,
            observed_by=plan.observed_by,
            versions=plan.versions,
            synthetic=plan.synthetic,
        )


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
        lost_s=max(usual.lost_s, 2.5 * step_s),
        tentative_s=max(usual.tentative_s, 1.5 * step_s),
        confirm_hits=1 if isinstance(source, PictureSource) else usual.confirm_hits,
    )
