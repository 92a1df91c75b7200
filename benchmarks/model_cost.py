"""What a picture costs per bundle and back end: CPU milliseconds, peak memory, and whether the boxes stay the same.

Run it with the `[train]` and `[openvino]` extras installed::

    python -m benchmarks.model_cost [BUNDLE ...] --images 40 --runs 3

Every run is a process of its own with one thread on one CPU, back ends in turns. ONNX Runtime in float32 is the peer:
the agreement counts boxes that have a partner of the same cue at IoU >= 0.9 over all boxes of both. The int8 row is
quantised here (convolutions, per channel) on pictures of the same folders that are not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks.paths import ROOT, SHARED_DATA
from benchmarks.processes import run
from detector.boxes import iou_matrix
from detector.errors import InputError
from detector.model.backends import BACKENDS, start_session
from detector.model.bundle import Bundle, load_bundle
from detector.model.session import OnnxSession
from detector.model.yolo import Detector
from models.signing import workshop_trust

IOU_MIN = 0.9
WARM_UP = 3
INT8 = "onnxruntime-int8"
CALIBRATION_PICTURES = 24
ZOO = ROOT / "models" / "zoo"


def measure(bundle_dir: Path, backend: str, network: Path, pictures: list[Path], boxes: Path) -> None:
    """Detect on every picture in this process; print the median CPU milliseconds, write the boxes."""
    bundle = load_bundle(bundle_dir, workshop_trust())
    model = network.read_bytes()
    session = OnnxSession(model) if backend == INT8 else start_session(backend, model, threads=1)
    detector = Detector(bundle, session)
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in pictures]
    for image in images[:WARM_UP]:
        detector.detect(image)
    found: list[np.ndarray] = []
    times_ms: list[float] = []
    for number, image in enumerate(images):
        start_s = time.process_time()
        detections = detector.detect(image)
        times_ms.append(1000 * (time.process_time() - start_s))
        columns = np.full(len(detections), number), detections.xyxy, detections.confidence, detections.cue
        found.append(np.column_stack(columns))
    np.save(boxes, np.concatenate(found))
    print(json.dumps({"ms": median(times_ms)}))


def agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of boxes that have a partner; rows are picture, x1, y1, x2, y2, confidence, cue."""
    paired = 0
    for number in np.union1d(ours[:, 0], theirs[:, 0]):
        a, b = ours[ours[:, 0] == number], theirs[theirs[:, 0] == number]
        overlaps = iou_matrix(a[:, 1:5].astype(np.float32), b[:, 1:5].astype(np.float32)) * (a[:, 6:7] == b[:, 6])
        fits = overlaps >= IOU_MIN
        paired += min(int(fits.any(1).sum()), int(fits.any(0).sum())) if fits.size else 0
    return 2 * paired / max(len(ours) + len(theirs), 1)


def pictures_of(bundle: Bundle, data: Path, count: int) -> tuple[list[Path], list[Path]]:
    """Pictures to measure on and, between them, pictures to calibrate on, evenly from the card's source folders."""
    names = [source["name"] for source in bundle.card.training.get("sources", ())]
    folders = [data / "detect" / name / "images" for name in names if (data / "detect" / name / "images").is_dir()]
    if not folders:
        sys.exit(f"none of the card's sources {', '.join(names)} is below {data / 'detect'}: give --data")
    measured: list[Path] = []
    calibration: list[Path] = []
    for folder in folders:
        paths = sorted(folder.iterdir())
        measured += [paths[i] for i in np.linspace(0, len(paths) - 1, -(-count // len(folders))).round().astype(int)]
        rest = [path for path in paths if path not in measured]
        step = max(len(rest) * len(folders) // CALIBRATION_PICTURES, 1)
        calibration += rest[::step][: -(-CALIBRATION_PICTURES // len(folders))]
    return measured, calibration


def unusable(bundle: Bundle, backend: str) -> str | None:
    """Why a back end cannot be measured here, or None."""
    try:
        start_session(backend, bundle.model, threads=1)
    except InputError as error:
        return str(error)
    return None


def compare(bundle_dir: Path, data: Path, images: int, runs: int) -> None:
    """One bundle's table."""
    from models.quantise import quantise

    bundle = load_bundle(bundle_dir, workshop_trust())
    pictures, calibration = pictures_of(bundle, data, images)
    with tempfile.TemporaryDirectory() as folder:
        int8 = Path(folder) / "int8.onnx"
        quantise(bundle, [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in calibration], int8)
        networks = dict.fromkeys(BACKENDS, bundle_dir / bundle.card.model.file) | {INT8: int8}
        reasons = {name: unusable(bundle, name) for name in BACKENDS}
        usable = [name for name in networks if reasons.get(name) is None]
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in usable}
        for _ in range(runs):
            for name in usable:
                worker = [sys.executable, "-m", "benchmarks.model_cost", "--worker", name, str(networks[name])]
                cost = run([*worker, str(bundle_dir), str(Path(folder) / f"{name}.npy"), *map(str, pictures)], ROOT)
                ms = float(json.loads(cost.stdout.splitlines()[-1])["ms"])
                costs[name].append((ms, cost.peak_bytes / 1e6))
        peer = np.load(Path(folder) / "onnxruntime.npy")
        print(f"\n{bundle.card.name} {bundle.card.version}: {len(pictures)} pictures, {len(peer)} boxes, {runs} runs\n")
        print(
            "| back end | CPU ms per picture | ratio | peak MB | box agreement | file MB |\n|---|---|---|---|---|---|"
        )
        base_ms = median(ms for ms, _ in costs["onnxruntime"])
        for name in usable:
            ms, mb = median(ms for ms, _ in costs[name]), median(mb for _, mb in costs[name])
            same = agreement(peer, np.load(Path(folder) / f"{name}.npy"))
            size = networks[name].stat().st_size / 1e6
            print(f"| {name} | {ms:.1f} | {base_ms / ms:.2f} | {mb:.0f} | {same:.4f} | {size:.1f} |")
    for name, reason in reasons.items():
        if reason is not None:
            print(f"\n{name}: not measured. {reason}")


def main() -> int:
    """Print a table per bundle."""
    if sys.argv[1:2] == ["--worker"]:
        backend, network, bundle, boxes, *pictures = sys.argv[2:]
        measure(Path(bundle), backend, Path(network), [Path(path) for path in pictures], Path(boxes))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="*", default=[ZOO / "street-n", ZOO / "aerial-n"])
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    args = parser.parse_args()
    for bundle in args.bundles:
        compare(bundle, args.data, args.images, args.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
