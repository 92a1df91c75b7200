"""Where the processor time of a look goes: `python -m benchmarks.edge_throughput.stages`.

Every stage of decode, detect and track on the 1080p25 clip by itself, one thread, median CPU milliseconds per picture;
the network as the bundle's file has it and as it is rewritten while it is loaded (`detector.model.lighten`), in turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import TypeVar

import av
import cv2
from av.video.reformatter import VideoReformatter

from benchmarks.edge_throughput.clip import FPS, street_clip
from benchmarks.paths import BUNDLE
from detector.frame import Frame
from detector.model.letterbox import Letterbox
from detector.model.session import OnnxSession
from detector.model.yolo import Detector, open_detector
from detector.tracking import Tracker
from models.signing import workshop_trust

_Made = TypeVar("_Made")


class Stages:
    """Sums up CPU time by stage."""

    def __init__(self) -> None:
        self._spent_s: dict[str, list[float]] = {}

    def timed(self, stage: str, work: Callable[[], _Made]) -> _Made:
        """What `work` makes; its CPU time counts for `stage`."""
        start_s = time.process_time()
        made = work()
        self._spent_s.setdefault(stage, []).append(time.process_time() - start_s)
        return made

    def print(self) -> None:
        """The table, the first three pictures left out."""
        print("| stage | CPU ms |\n|---|---|")
        for stage, spent_s in self._spent_s.items():
            print(f"| {stage} | {1000 * median(spent_s[3:]):.2f} |")


def run(detector: Detector, plain: OnnxSession, pictures: int) -> Stages:
    """Measure on the clip's first pictures."""
    stages, to_bgr = Stages(), VideoReformatter()
    letterbox = Letterbox(detector.bundle.card.model.input)
    tracker = Tracker("clip", detector.cue_names)
    started = datetime(2026, 5, 17, tzinfo=UTC)
    with av.open(str(street_clip())) as clip:
        stream = clip.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        decoded = clip.decode(stream)
        for number in range(pictures):
            picture = stages.timed("H.264", lambda: next(decoded))
            image = stages.timed("to BGR", lambda p=picture: to_bgr.reformat(p, format="bgr24").to_ndarray())
            nchw, _ = stages.timed("letterbox", lambda i=image: letterbox(i))
            stages.timed("network, as in the file", lambda n=nchw: plain.run(n))
            stages.timed("network, rewritten", lambda n=nchw: detector.session.run(n))
            found = stages.timed("letterbox, network, boxes", lambda i=image: detector.detect(i))
            frame = Frame(image, number, started, number / FPS, "clip")
            stages.timed("tracker", lambda f=frame, d=found: tracker.update(f, d))
    return stages


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60, help="of the clip's 250")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    detector = open_detector(BUNDLE, trust=workshop_trust())
    run(detector, OnnxSession(detector.bundle.model, rewrite=False), args.pictures).print()


if __name__ == "__main__":
    main()
