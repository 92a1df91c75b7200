"""The trainer library's `track()`. Runs in its own environment: nothing of Kerbwatch is imported.

argv: network (an ONNX file or an OpenVINO folder), video, pictures, warm-up pictures, file for the boxes, height,
width, tracker (``default`` leaves the library's own).
"""

import json
import os
import sys

import numpy as np
from ultralytics import YOLO
from ultralytics.utils import SETTINGS

SETTINGS["sync"] = False
NETWORK, VIDEO, PICTURES, WARM_UP, BOXES, HEIGHT, WIDTH, TRACKER = sys.argv[1:]
found: list[np.ndarray] = []


def take(predictor) -> None:  # noqa: ANN001
    """What the network found, before the tracker smooths the boxes and drops some."""
    for result in predictor.results:
        rows = result.boxes.data.cpu().numpy()
        found.append(np.column_stack([np.full(len(rows), len(found)), rows]))


def cpu_s() -> float:
    """CPU seconds of this process and its ended children so far."""
    return sum(os.times()[:4])


model = YOLO(NETWORK, task="detect")
model.add_callback("on_predict_postprocess_end", take)
settings = {"imgsz": (int(HEIGHT), int(WIDTH)), "stream": True, "verbose": False}
if TRACKER != "default":
    settings["tracker"] = TRACKER
marks: dict[str, float] = {}
for number, _result in enumerate(model.track(VIDEO, **settings), start=1):
    if number == 1:
        print("first", flush=True)
        marks["first_cpu_s"] = cpu_s()
    if number == int(WARM_UP):
        marks["warm_cpu_s"] = cpu_s()
    if number == int(PICTURES):
        break
marks["end_cpu_s"] = cpu_s()
np.save(BOXES, np.concatenate(found[: int(PICTURES)]))
print(json.dumps(marks))
