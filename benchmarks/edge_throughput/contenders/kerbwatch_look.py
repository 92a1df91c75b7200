"""Kerbwatch's own part of the same work: decode, `Detector.detect` (all of `Watch.look`) and the tracker.

argv: bundle, video, pictures, warm-up pictures, file for the boxes, back end, seconds between looks (0: every picture).
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from detector.model.yolo import open_detector
from detector.tracking import Tracker, TrackerLimits
from edge.sources import Window, frames, open_source
from models.signing import workshop_trust

BUNDLE, VIDEO, PICTURES, WARM_UP, BOXES, BACKEND, EVERY_S = sys.argv[1:]


def cpu_s() -> float:
    """CPU seconds of this process and its ended children so far."""
    return sum(os.times()[:4])


def main() -> None:
    """Look at the pictures; print the CPU marks as JSON."""
    cv2.setNumThreads(1)  # as edge.patrol does
    every_s = float(EVERY_S)
    source = open_source(VIDEO, start_utc=datetime(2026, 5, 17, tzinfo=UTC), interval_s=None)
    detector = open_detector(Path(BUNDLE), threads=1, backend=BACKEND, trust=workshop_trust())
    usual = TrackerLimits()
    limits = TrackerLimits(lost_s=max(usual.lost_s, 2.5 * every_s), tentative_s=max(usual.tentative_s, 1.5 * every_s))
    tracker = Tracker(source.source_id, detector.cue_names, limits)
    found: list[np.ndarray] = []
    marks: dict[str, float] = {}
    window = Window(to_s=(int(PICTURES) - 0.5) / 25, every_s=every_s)
    for frame in frames(source, window):
        detections = detector.detect(frame.image)
        tracker.update(frame, detections)
        index = np.full(len(detections), frame.seq)
        found.append(np.column_stack([index, detections.xyxy, detections.confidence, detections.cue]))
        if frame.seq == 0:
            print("first", flush=True)
            marks["first_cpu_s"] = cpu_s()
        if frame.seq >= int(WARM_UP) - 1 and "warm_cpu_s" not in marks:
            marks["warm_cpu_s"], marks["warm_at"] = cpu_s(), frame.seq + 1
    marks["end_cpu_s"] = cpu_s()
    np.save(BOXES, np.concatenate(found))
    print(json.dumps(marks))


main()
