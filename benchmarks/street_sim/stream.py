"""A drive as the product's own loop gets it: picture after picture with its fix and the boxes found in it.

`with_gnss` hands out tracks as if a tracker never erred; here the boxes go through the real tracker. There are no
pixels: pictures are black, so nothing but boxes and fixes can tell how the camera moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import numpy as np

from benchmarks.street_sim.gnss import GnssProfile, receive
from benchmarks.street_sim.passes import Drive, pass_start
from benchmarks.street_sim.sight import Seen
from detector.detections import Detections
from detector.frame import Frame
from detector.tracks import Box
from edge.gnss import FixTrack

CUE_NAMES: Final = (
    "a_board",
    "bicycle",
    "cart",
    "goods",
    "motorcycle",
    "person",
    "signboard",
    "stall",
    "table",
    "umbrella",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a stream, before anybody decides to look at it."""

    frame: Frame
    found: Detections


@dataclass(slots=True, eq=False)
class Stream:
    """All pictures of a drive, and the truth about every box.

    Attributes:
        fixes: of the receiver, on the pictures' clock.
        things: row in `World.things` by (number of the picture, box).
    """

    drive: Drive
    fixes: FixTrack
    things: dict[tuple[int, Box], int] = field(default_factory=dict[tuple[int, Box], int])

    def pictures(self) -> Iterator[Picture]:
        """In order, those without any box too."""
        drive, lens = self.drive, self.drive.camera.lens
        start = drive.world.params.at + pass_start(drive.number)
        black = np.zeros((lens.height_px, lens.width_px, 3), np.uint8)
        first, step_s = drive.seen[0], 1.0 / drive.sight.frames_hz
        begin_s = first.time_s - first.seq * step_s
        by_picture: dict[int, list[Seen]] = {}
        for seen in drive.seen:
            by_picture.setdefault(seen.seq, []).append(seen)
        for seq in range(drive.seen[-1].seq + 1):
            at_s = begin_s + seq * step_s
            at = start + timedelta(seconds=at_s)
            frame = Frame(black, seq, at, at_s, "sim", "sim", self.fixes.at(at))
            yield Picture(frame, self._found(seq, by_picture.get(seq, [])))

    def _found(self, seq: int, seen: list[Seen]) -> Detections:
        """The boxes of things, and of what stands beside them, best first as a model gives them."""
        boxes = [(one.confidence, one.cue, one.xyxy, one.index) for one in seen]
        boxes += [(beside.confidence, beside.cue, beside.xyxy, one.index) for one in seen for beside in one.companions]
        boxes.sort(key=lambda box: -box[0])
        xyxy = np.array([box[2] for box in boxes], np.float32).reshape(-1, 4)
        for row, (_, _, _, index) in zip(xyxy.tolist(), boxes, strict=True):
            left, top, right, bottom = row
            self.things[seq, (left, top, right, bottom)] = index
        return Detections(
            xyxy,
            np.array([box[0] for box in boxes], np.float32),
            np.array([CUE_NAMES.index(box[1]) for box in boxes], np.int64),
            CUE_NAMES,
        )


def stream(drive: Drive, gnss: GnssProfile) -> Stream:
    """The drive with one receiver's fixes; the same as `with_gnss` gives."""
    rng = np.random.default_rng((drive.world.seed, 4, drive.number, *drive.camera.camera_id.encode()))
    reception = receive(drive.ride, gnss, drive.world.params.at + pass_start(drive.number), rng)
    return Stream(drive, FixTrack(reception.fixes).shifted(reception.clock_s))
