"""supervision + ONNX Runtime + trackers, put together as their own documentation does. Own environment, no Kerbwatch.

argv: ONNX file, video, pictures, warm-up pictures, file for the boxes, file of the cues' thresholds (JSON).
"""

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import supervision as sv
from trackers import ByteTrackTracker

NETWORK, VIDEO, PICTURES, WARM_UP, BOXES, THRESHOLDS = sys.argv[1:]
NMS_IOU = 0.7


def cpu_s() -> float:
    """CPU seconds of this process and its ended children so far."""
    return sum(os.times()[:4])


def detect(session: ort.InferenceSession, image: np.ndarray, thresholds: np.ndarray) -> sv.Detections:
    """Letterbox, network, boxes above their cue's threshold, non-maximum suppression."""
    port = session.get_inputs()[0]
    height, width = port.shape[2:]
    boxed = sv.letterbox_image(image, (width, height), color=(114, 114, 114))
    nchw = cv2.dnn.blobFromImage(boxed, scalefactor=1 / 255, swapRB=True)
    rows = session.run(None, {port.name: nchw})[0][0].T
    class_id = rows[:, 4:].argmax(axis=1)
    confidence = rows[:, 4:].max(axis=1)
    keep = confidence >= thresholds[class_id]
    centre, size = rows[keep, :2], rows[keep, 2:4]
    gain = min(width / image.shape[1], height / image.shape[0])
    pad = np.array([width - round(image.shape[1] * gain), height - round(image.shape[0] * gain)]) // 2
    xyxy = (np.hstack([centre - size / 2, centre + size / 2]) - np.tile(pad, 2)) / gain
    found = sv.Detections(xyxy=xyxy, confidence=confidence[keep], class_id=class_id[keep])
    return found.with_nms(threshold=NMS_IOU)


session = ort.InferenceSession(NETWORK)
thresholds = np.array(json.loads(Path(THRESHOLDS).read_text()), np.float32)
tracker = ByteTrackTracker(frame_rate=25)
found: list[np.ndarray] = []
marks: dict[str, float] = {}
for number, image in enumerate(sv.get_video_frames_generator(VIDEO), start=1):
    detections = detect(session, image, thresholds)
    tracker.update(detections)
    index = np.full(len(detections), number - 1)
    found.append(np.column_stack([index, detections.xyxy, detections.confidence, detections.class_id]))
    if number == 1:
        print("first", flush=True)
        marks["first_cpu_s"] = cpu_s()
    if number == int(WARM_UP):
        marks["warm_cpu_s"] = cpu_s()
    if number == int(PICTURES):
        break
marks["end_cpu_s"] = cpu_s()
np.save(BOXES, np.concatenate(found))
print(json.dumps(marks))
