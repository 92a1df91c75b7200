"""One camera watched: pictures through detector, tracker and judge, wherever they come from.

A look has two halves, so that a live box need not wait for its receiver: `look` asks the network at once, `take` gives
what it found to tracker and judge when the fix of that moment is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from detector.detections import Detections
from detector.errors import InputError
from detector.frame import Fix, Frame
from detector.geo.camera import image_px, same_shape
from detector.tracking import Tracker
from edge.coverage.looks import LookLog
from edge.plan import Plan
from edge.scenes import Scenes
from edge.tally import Tally
from edge.verdicts import Verdicts


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A picture and what the network found in it."""

    frame: Frame
    found: Detections


class Watch:
    """Looks at one camera's pictures, in order. `look` and `take` may run in different threads, each in one."""

    def __init__(self, plan: Plan, tracker: Tracker, verdicts: Verdicts, looks: LookLog | None, tally: Tally) -> None:
        """Use one for each source."""
        self._plan = plan
        self._tracker = tracker
        self._verdicts = verdicts
        self._looks = looks
        self._tally = tally
        self._scenes = Scenes()
        self._scene = 0
        self._size_px: tuple[int, int] | None = None

    def look(self, frame: Frame) -> Looked:
        """What the network finds."""
        return Looked(frame, self._plan.detector.detect(frame.image))

    def take(self, looked: Looked, fix: Fix | None) -> None:
        """Follow what was found, and judge what can be judged; reports are in the outbox when this returns.

        Raises:
            InputError: the first picture has another shape than the camera of the site.
        """
        self._check_shape(looked.frame)
        if self._scenes.begins_pass(looked.frame):
            self.end_pass()
        scene = self._scenes.number(looked.frame)
        frame = replace(looked.frame, scene=scene, fix=fix)
        if self._looks is not None:
            self._looks.saw(frame)
        update = self._tracker.update(frame, looked.found)
        self._verdicts.take(update)
        if scene != self._scene or self._verdicts.ripe(frame):
            self._verdicts.judge()
        self._scene = scene
        self._verdicts.offer(frame, looked.found, update.assignments)

    def end_pass(self) -> None:
        """End every track and judge them: the source is over, or the next picture is of another pass."""
        self._verdicts.end_pass(self._tracker.flush())
        if self._looks is not None:
            self._looks.end()

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
            f"{frame.source_id}: pictures are {width_px} x {height_px} px, "
            f"camera {self._plan.camera.camera_id!r} of the site is for {expected[0]} x {expected[1]} px, another shape"
        )
        if first:
            raise InputError(f"{problem}: name the right --camera, or mend its image_px in cameras.yaml")
        self._tally.warnings.append(f"{problem}: from picture {frame.seq} on places are unknown")
