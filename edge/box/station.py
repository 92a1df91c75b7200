"""One camera of the box, and its patrols one after another.

A live patrol has no end of its own: it ends when the box does, when it has lasted long enough, or when the clock was
set. Then everything in view is judged, the coverage log is closed and published, and the next one begins.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from detector.errors import InputError, KerbwatchError
from detector.evidence.privacy import PrivacyModels
from detector.frame import Fix
from detector.geo.camera import Camera, VehicleCamera
from detector.hit import Hit
from detector.model.yolo import Detector
from detector.report import Versions
from detector.site.model import Site
from detector.tracking import Tracker, TrackerLimits
from edge.alarms.pictures import PictureWatch
from edge.box.coverage_layer import CoverageLayer
from edge.box.health import CameraHealth
from edge.box.patient import PatientMemory, PatientOutbox
from edge.box.repeats import Repeats
from edge.box.settings import CameraSettings
from edge.coverage.log import CoverageLog
from edge.coverage.looks import Look, LookLog
from edge.gnss.fixes import LiveFixes
from edge.originals import Originals
from edge.outbox import Outbox
from edge.plan import Plan
from edge.sources import Window
from edge.sources.live.picture import LiveCamera
from edge.stretch import Stretch, gather_gap_s
from edge.tally import Tally
from edge.triggers import Trigger, tracker_limits
from edge.true_time import TrueTime
from edge.verdicts import Verdicts
from edge.watch import Looked, Watch

PATROL_MAX: Final = timedelta(hours=2)
"""A patrol no longer than this keeps its log and its memory of warnings small."""
WAIT_S: Final = 30.0
"""What has gone out of sight is judged after so long at the latest, though the view is never empty."""
STANDING_PASS: Final = timedelta(seconds=120)
"""A standing camera's passes: what never leaves the view is judged so often, its dwell counted over passes."""
MOVING_PASS: Final = timedelta(seconds=600)
"""The same for a vehicle, which may stand too."""
IDLE_S: Final = 45.0
"""Without a look for so long everything in view is judged: the vehicle stands, or the camera is away."""
_AGES_MAX = 2000
_AGES_S = 300.0

log = structlog.get_logger("box")


@dataclass(frozen=True, slots=True)
class Shared:
    """What all cameras of a box have in common."""

    site: Site
    detector: Detector
    privacy: PrivacyModels
    versions: Versions
    outbox: Outbox
    reports: PatientOutbox
    fixes: LiveFixes | None
    time: TrueTime
    rest_s: float
    layer: CoverageLayer | None


@dataclass(frozen=True, slots=True)
class _Live:
    """A live camera as reports name it: it has no bytes to hash."""

    source_id: str
    sha256: str = ""


class Station:
    """One camera. `take`, `idle` and `end` belong to the judging thread, `looked` to the looking one."""

    def __init__(
        self,
        shared: Shared,
        settings: CameraSettings,
        number: int,
        camera: LiveCamera,
        trigger: Trigger,
        pictures: PictureWatch,
        originals: Originals | None = None,
    ) -> None:
        """Use one for each camera.

        Args:
            number: of the camera within the box, from 0.
            pictures: sees every look, for dirt on the lens and a knocked mount.
            originals: keeps the unblurred originals of its reports; `None` keeps none.
        """
        self.camera = camera
        self.trigger = trigger
        self.camera_id = settings.camera_id
        self._shared = shared
        self._number = number
        self._limits = tracker_limits(settings.look)
        self._pictures = pictures
        self._originals = originals
        self._pose: Camera = shared.site.camera(settings.camera_id)
        self._patrol: _Patrol | None = None
        self._looks = 0
        self._found = 0
        self._dropped = 0
        self._ages: deque[tuple[float, float]] = deque(maxlen=_AGES_MAX)
        self._took_s = time.monotonic()
        self._trouble = ""
        self._repeats = Repeats()

    @property
    def moves(self) -> bool:
        """Whether places hang on the receiver."""
        return self._pose.observed_by != "fixed"

    @property
    def found(self) -> int:
        """Boxes the network found since the start."""
        return self._found

    def looked(self, age_s: float, found: int) -> None:
        """A picture of this age when its look began went through the network, which found so many boxes."""
        now_s = time.monotonic()
        self._looks += 1
        self._found += found
        self._ages.append((now_s, age_s))
        while self._ages and now_s - self._ages[0][0] > _AGES_S:
            self._ages.popleft()

    def dropped(self) -> None:
        """A wanted picture gave way to a newer one."""
        self._dropped += 1

    def health(self) -> CameraHealth:
        """How it does."""
        ages = sorted(age for _, age in tuple(self._ages))
        p99_s = ages[min(len(ages) - 1, int(0.99 * len(ages)))] if ages else None
        return CameraHealth(self.camera_id, self.camera.status(), self._looks, self._dropped, p99_s, self._trouble)

    def take(self, looked: Looked) -> None:
        """Follow and judge what a look found; what is reported lies in the outbox when this returns."""
        frame = looked.frame
        self._took_s = time.monotonic()
        patrol = self._patrol
        if patrol is not None and patrol.over(frame.captured_at, self._shared.time.steps):
            self.end()
            patrol = None
        if patrol is None:
            patrol = self._patrol = _Patrol(
                self._shared,
                self._pose,
                self.camera_id,
                self._number,
                frame.captured_at,
                limits=self._limits,
                told=self._told,
                originals=self._originals,
            )
        fix = self._shared.fixes.at(frame.captured_at) if self._shared.fixes and self.moves else None
        self._pictures.saw(frame, fix)
        try:
            patrol.take(looked, fix)
            self._trouble = ""
        except InputError as error:
            self._tell(str(error))

    def idle(self) -> None:
        """Judge what is in view when no look has come for long."""
        if self._patrol is not None and time.monotonic() - self._took_s > IDLE_S:
            self._patrol.watch.end_pass()
            self._took_s = time.monotonic()

    def end(self) -> None:
        """End the patrol: everything in view is judged, and the coverage published."""
        patrol, self._patrol = self._patrol, None
        if patrol is not None:
            try:
                patrol.end()
            except InputError as error:
                # Of this camera alone: the others end as they should, and the box goes on.
                self._tell(str(error))

    def _told(self, hit: Hit) -> bool:
        """Whether the same was reported from the same spot a while ago; if not, it is now."""
        last = hit.track.observations[-1]
        fixes = self._shared.fixes
        odometer_m = fixes.odometer_m if fixes is not None and self.moves else 0.0
        if self._repeats.told(hit.kind, last.xyxy, hit.track.last_seen_at, odometer_m):
            return True
        self._repeats.tell(hit.kind, last.xyxy, hit.track.last_seen_at, odometer_m)
        return False

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("a look could not be judged", camera=self.camera_id, why=trouble)


class _Patrol:
    """One patrol of one camera."""

    def __init__(
        self,
        shared: Shared,
        pose: Camera,
        camera_id: str,
        number: int,
        began_at: datetime,
        *,
        limits: TrackerLimits,
        told: Callable[[Hit], bool],
        originals: Originals | None,
    ) -> None:
        self._shared = shared
        self._began_at = began_at
        self._pass_at = began_at
        self._pass_max = STANDING_PASS if pose.observed_by == "fixed" else MOVING_PASS
        self._steps = shared.time.steps
        plan = _plan(shared, pose, camera_id, began_at)
        self.tally = Tally(plan)
        self._memory = PatientMemory(shared.outbox.folder, plan.patrol_id, began_at)
        verdicts = Verdicts(
            plan,
            _Live(camera_id),
            number,
            shared.reports,
            self._memory,
            self.tally,
            stretch=Stretch(gather_gap_s(shared.site), wait_s=WAIT_S, rest_s=shared.rest_s),
            told=told,
            originals=originals,
        )
        tracker = Tracker(
            camera_id,
            shared.detector.cue_names,
            limits,
            standing_camera=pose.observed_by == "fixed",
            camera=pose if isinstance(pose, VehicleCamera) else None,
        )
        self._coverage = _Coverage(shared, plan, pose)
        self.watch = Watch(plan, tracker, verdicts, self._coverage.looks, self.tally)

    def take(self, looked: Looked, fix: Fix | None) -> None:
        """One more look, of this pass or the next."""
        now = looked.frame.captured_at
        if now - self._pass_at > self._pass_max:
            self.watch.end_pass()
            self._pass_at = now
        self.watch.take(looked, fix)

    def over(self, now: datetime, steps: int) -> bool:
        """Whether the next picture belongs to another patrol."""
        return steps != self._steps or not timedelta(0) <= now - self._began_at < PATROL_MAX

    def end(self) -> None:
        try:
            self.watch.end_pass()
        finally:
            self._memory.close()
            self._coverage.end()


class _Coverage:
    """The coverage log of a patrol; a full disk costs the log, not the watch."""

    def __init__(self, shared: Shared, plan: Plan, pose: Camera) -> None:
        self._shared = shared
        self._log: CoverageLog | None = None
        self._missing = False
        self.looks: LookLog | None = None
        if shared.site.coverage:
            try:
                self._log = CoverageLog(shared.outbox.folder, plan.patrol_id)
            except KerbwatchError as error:
                log.warning("no coverage log", why=str(error))
                return
            self.looks = LookLog(pose, plan.observed_by, self._keep)

    def end(self) -> None:
        """Close it, and have it published."""
        if self._log is None:
            return
        try:
            self._log.close(complete=True)
        except KerbwatchError as error:
            log.warning("the coverage log could not be closed", why=str(error))
        if self._shared.layer is not None:
            self._shared.layer.ask()

    def _keep(self, look: Look) -> None:
        if self._log is None:
            return
        try:
            self._log.append(look)
            self._missing = False
        except KerbwatchError as error:
            if not self._missing:
                self._missing = True
                log.warning("looks are missing from the coverage log", why=str(error))


def _plan(shared: Shared, pose: Camera, camera_id: str, began_at: datetime) -> Plan:
    parts = [shared.outbox.device_id, camera_id, began_at.isoformat(), shared.versions.model_sha256, shared.site.sha256]
    return Plan(
        patrol_id=hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32],
        site=shared.site,
        camera=pose,
        observed_by=pose.observed_by,
        detector=shared.detector,
        sources=(),
        window=Window(),
        gnss=shared.fixes if pose.observed_by != "fixed" else None,
        privacy=shared.privacy,
        versions=shared.versions,
        warnings=(),
    )
