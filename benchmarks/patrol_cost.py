"""CPU-seconds per frame and peak memory: `kerbwatch patrol` beside the trainer library's `track()`.

Same ONNX file, same video, same run, one CPU each, runs in turn (A B A B ...), medians. The patrol does more (place,
law, blur, seal, evidence); the peer only detects and tracks. Both process every frame.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import cv2

from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA
from benchmarks.processes import Cost, median_cost, run
from tests.edge.street import write_street

PEER = """
import sys
import torch
torch.set_num_threads(1)
from ultralytics import YOLO
from ultralytics.utils import SETTINGS
SETTINGS["sync"] = False
model, video, height, width = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
frames = 0
for result in YOLO(model, task="detect").track(video, imgsz=(height, width), stream=True, verbose=False):
    frames += 1
print(frames)
"""


def patrol_command(video: Path, site: Path, out: Path) -> list[str]:
    """The patrol as a user would type it, on a made-up standing camera."""
    command = [sys.executable, "-m", "kerbwatch", "patrol", "--json", "--source", str(video), "--site", str(site)]
    return [*command, "--start-utc", "2026-05-17T00:00:00Z", "--threads", "1", "--out", str(out)]


def write_site(video: Path, folder: Path) -> Path:
    """A site of the strictest kind around one pole camera that fits the video's pictures."""
    clip = cv2.VideoCapture(str(video))
    size_px = int(clip.get(cv2.CAP_PROP_FRAME_WIDTH)), int(clip.get(cv2.CAP_PROP_FRAME_HEIGHT))
    clip.release()
    return write_street(folder, image_px=size_px, height_m=8.0, pitch_deg=-60.0, fov_deg=60.0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=SHARED_DATA / "video" / "intel_car-detection.mp4")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    model = str(BUNDLE / "model.onnx")
    ours: list[Cost] = []
    peer: list[Cost] = []
    with tempfile.TemporaryDirectory() as scratch:
        site = write_site(options.video, Path(scratch) / "site")
        for i in range(options.runs):
            ours.append(run(patrol_command(options.video, site, Path(scratch) / str(i)), ROOT))
            peer.append(run([sys.executable, "-c", PEER, model, str(options.video), "384", "640"], ROOT))
    frames = int(peer[-1].stdout.split()[-1])
    patrolled = json.loads(ours[-1].stdout)["frames"]
    assert patrolled == frames, f"patrol saw {patrolled} frames, the peer {frames}"
    our_cpu_s, our_mb = median_cost(ours)
    peer_cpu_s, peer_mb = median_cost(peer)
    print(f"{options.video.name}: {frames} frames, one CPU, median of {options.runs} runs, start-up included")
    print(f"{'':28}{'CPU-s/frame':>12}{'peak MB':>10}")
    print(f"{'kerbwatch patrol':28}{our_cpu_s / frames:12.4f}{our_mb:10.0f}")
    print(f"{'ultralytics track()':28}{peer_cpu_s / frames:12.4f}{peer_mb:10.0f}")
    print(f"{'ratio (peer / ours)':28}{peer_cpu_s / our_cpu_s:12.2f}{peer_mb / our_mb:10.2f}")


if __name__ == "__main__":
    main()
