"""The loop: pictures from the cameras to the network, what it finds to the judge. All queues are bounded.

::

    camera thread (one each)   the trigger decides which picture is worth a look      -> its slot
    looking thread             slots in turn -> network                                -> queue
    judging thread             waits for the fix of that moment -> tracker, rules      -> outbox

So decoding, converting, looking and judging overlap, and whoever is late makes the one before him wait; at the
cameras, waiting means that a newer picture takes the older one's place.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from detector.frame import Frame
from detector.model.yolo import Detector
from edge.box.crew import BEAT_S, Crew, Pulse
from edge.box.patient import PatientOutbox
from edge.box.slots import Slots, Waiting
from edge.box.station import Station
from edge.gnss.fixes import LiveFixes
from edge.page.feed import Board
from edge.watch import Looked

QUEUE_MAX: Final = 12
"""Looked pictures that wait for their fix: a receiver speaks once a second, and is a second late."""
FIX_WAIT_S: Final = 1.6
_LOOKS_TIMED = 120


@dataclass(frozen=True, slots=True, eq=False)
class _ToJudge:
    station: Station
    looked: Looked


class Loop:
    """Runs the stations of a box in a crew's threads."""

    def __init__(
        self,
        stations: Sequence[Station],
        detector: Detector,
        fixes: LiveFixes | None,
        reports: PatientOutbox,
        board: Board,
    ) -> None:
        self._stations = tuple(stations)
        self._detector = detector
        self._fixes = fixes
        self._reports = reports
        self._board = board
        self._slots = Slots(len(self._stations))
        self._queue: queue.Queue[_ToJudge] = queue.Queue(QUEUE_MAX)
        self._looking = True
        self._look_s: deque[float] = deque(maxlen=_LOOKS_TIMED)

    @property
    def look_s(self) -> float | None:
        """How long the network takes, median of the last looks; `None` before the first."""
        return median(self._look_s) if self._look_s else None

    def start(self, crew: Crew) -> None:
        """Begin to watch."""
        for number, station in enumerate(self._stations):
            crew.start(f"camera {station.camera_id}", lambda pulse, n=number: self._pull(n, pulse))
        crew.start("look", self._look)
        crew.start("judge", self._judge)

    def _pull(self, number: int, pulse: Pulse) -> None:
        station = self._stations[number]
        while not pulse.over:
            # The pixels are asked for only when the slot is free, so that they are the newest.
            if not self._slots.free(number, BEAT_S):
                continue
            frame = station.camera.newest(timeout_s=BEAT_S, wants=station.trigger.wants)
            if frame is not None and not self._slots.put(Waiting(number, frame, time.monotonic()), BEAT_S):
                station.dropped()

    def _look(self, pulse: Pulse) -> None:
        try:
            while not pulse.over:
                waiting = self._slots.take(BEAT_S)
                if waiting is not None:
                    self._look_at(self._stations[waiting.camera], waiting.frame, pulse)
        finally:
            self._looking = False

    def _look_at(self, station: Station, frame: Frame, pulse: Pulse) -> None:
        began_s = time.monotonic()
        found = self._detector.detect(frame.image)
        self._look_s.append(time.monotonic() - began_s)
        station.looked(began_s - frame.monotonic_s, len(found))
        self._board.looked(station.camera_id, frame, found)
        item = _ToJudge(station, Looked(frame, found))
        while not pulse.over:
            try:
                self._queue.put(item, timeout=BEAT_S)
            except queue.Full:
                continue
            return

    def _judge(self, pulse: Pulse) -> None:
        while self._looking or not self._queue.empty():
            pulse.beat()
            try:
                item = self._queue.get(timeout=BEAT_S / 2)
            except queue.Empty:
                self._pause()
                continue
            self._await_fix(item, pulse)
            item.station.take(item.looked)
        for station in self._stations:
            station.end()
        self._reports.retry()

    def _pause(self) -> None:
        self._reports.retry()
        for station in self._stations:
            station.idle()

    def _await_fix(self, item: _ToJudge, pulse: Pulse) -> None:
        """Wait until the receiver has spoken of the moment, or will not."""
        if self._fixes is None or not item.station.moves:
            return
        frame = item.looked.frame
        until_s = frame.monotonic_s + FIX_WAIT_S
        while not self._fixes.settled(frame.captured_at) and time.monotonic() < until_s:
            pulse.beat()
            time.sleep(0.02)
