"""CPU-seconds of an eight-hour shift, for each way of looking.

    python -m benchmarks.shift_energy [--looks 40]

Measured here: what decoding one picture of 1080p25 H.264 costs (made with PyAV from the street clip), what one look
costs (pixels converted, network, tracker), what asking about motion costs, how many looks a kilometre and a minute of
standing take (the simulator's rides through the real pacer), and in how much of the time something moves before a
standing camera (real clips). The rest is arithmetic: every picture of the stream is decoded, 25 a second for eight
hours, since a compressed picture is only to be had through those before it.

Energy in watt-hours is printed only where the machine counts it (Intel RAPL, readable); multiply CPU-seconds by the
watts of one busy core otherwise.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from benchmarks.paths import BUNDLE, SHARED_DATA
from benchmarks.street_sim import AUTONOMOUS, CAR, E_BIKE, RideProfile, build_world
from benchmarks.street_sim.gnss import receive
from benchmarks.street_sim.trial import PUBLISHED_SEED
from benchmarks.street_sim.vehicle import ride
from detector.frame import Frame, Image
from detector.model.yolo import open_detector
from detector.tracking import Tracker
from edge.box.settings import LookSettings
from edge.demo import find_clip
from edge.gnss.odometer import Odometer
from edge.sources.motion import MotionMeter
from edge.sources.pace import Pace, Pacer
from edge.sources.recorded import frames, open_source
from edge.sources.source import Window
from edge.sources.video import luma_of
from edge.triggers import pace_of

SHIFT_S: Final = 8 * 3600.0
SPEED_M_S: Final = 20.0 / 3.6
HZ: Final = 25
SIZE_PX: Final = (1920, 1080)
RAPL: Final = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
STANDING_CLIPS: Final = ("intel_car-detection.mp4", "intel_person-bicycle-car-detection.gif", "otc_Cars-Cyclist.mp4")
START: Final = datetime(2026, 5, 17, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU-seconds of one thread."""

    decode_s: float
    motion_s: float
    look_s: float


def street_1080p25(path: Path, seconds: float) -> None:
    """The street clip, enlarged to 1080p, as a camera sends it: H.264, 4 Mbit/s, a key frame every two seconds."""
    with av.open(str(find_clip())) as given, av.open(str(path), "w") as made:
        out = cast("VideoStream", made.add_stream("libx264", rate=HZ))
        out.width, out.height, out.pix_fmt, out.bit_rate = *SIZE_PX, "yuv420p", 4_000_000
        out.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(2 * HZ)}
        for number, picture in enumerate(given.decode(video=0)):
            if number >= seconds * HZ:
                break
            large = picture.reformat(*SIZE_PX, format="yuv420p")
            large.pts, large.time_base = number, Fraction(1, HZ)
            made.mux(out.encode(large))
        made.mux(out.encode(None))


def decoded(path: Path) -> Iterator[VideoFrame]:
    """Every picture, with one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        yield from container.decode(stream)


def measure(path: Path, looks: int) -> Costs:
    """What decoding, motion and a look cost."""
    begin_s = time.process_time()
    pictures = sum(1 for _ in decoded(path))
    decode_s = (time.process_time() - begin_s) / pictures
    meter = MotionMeter()
    motion_s = 0.0
    for number, picture in enumerate(decoded(path)):
        begin_s = time.process_time()
        meter.update(luma_of(picture), number / HZ)
        motion_s += time.process_time() - begin_s
    return Costs(decode_s, motion_s / pictures, _look_s(path, pictures, looks))


def _look_s(path: Path, pictures: int, looks: int) -> float:
    """Pixels, network and tracker of one look."""
    detector = open_detector(BUNDLE, threads=1)
    tracker = Tracker("street", detector.cue_names)
    every = max(1, pictures // looks)
    spent_s: list[float] = []
    for number, picture in enumerate(decoded(path)):
        if number % every:
            continue
        begin_s = time.process_time()
        image = cast("Image", picture.to_ndarray(format="bgr24"))
        frame = Frame(image, number, START, number / HZ, "street")
        tracker.update(frame, detector.detect(frame.image))
        spent_s.append(time.process_time() - begin_s)
    return float(np.median(spent_s))


def looks_driving(profile: RideProfile, pace: Pace) -> float:
    """Looks a second at 20 km/h on the way, stops included, through the real pacer on the fixes of a receiver."""
    driven = replace(profile, speed_m_s=(SPEED_M_S, SPEED_M_S))
    truth = ride(build_world(PUBLISHED_SEED), driven, np.random.default_rng(0))
    fixes = receive(truth, AUTONOMOUS, START, np.random.default_rng(1)).fixes
    odometer, pacer = Odometer(fixes), Pacer(pace)
    at_s = np.arange(0.0, float(truth.times_s[-1]), 1.0 / HZ).tolist()
    begin = START.timestamp()
    wanted = sum(pacer.wants(s, way_m=odometer.way_m(datetime.fromtimestamp(begin + s, UTC))) for s in at_s)
    way_m = float(np.hypot(*np.diff(truth.east_north_m, axis=0).T).sum())
    return wanted / way_m * SPEED_M_S


def looks_standing(pace: Pace) -> float:
    """Looks a second before real standing cameras; the clips were chosen for what moves in them, so it is much."""
    window = Window(by_motion=True, every_s=pace.every_s)
    looks, seconds = 0, 0.0
    for name in STANDING_CLIPS:
        source = open_source(str(SHARED_DATA / "video" / name), start_utc=START)
        with closing(frames(source, window)) as pictures:
            at_s = [frame.monotonic_s for frame in pictures]
        looks += len(at_s)
        seconds += at_s[-1]
    return looks / seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=40, help="looks that are timed")
    parser.add_argument("--seconds", type=float, default=8.0, help="of 1080p25 video that are decoded")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        video = Path(scratch) / "street.mp4"
        street_1080p25(video, asked.seconds)
        costs = measure(video, asked.looks)
    way, motion = pace_of(LookSettings()), pace_of(LookSettings(by="motion"))
    standing = looks_standing(motion)
    car, bike = looks_driving(CAR, way), looks_driving(E_BIKE, way)
    rows = (
        (f"car, a look every {way.every_m:g} m", car, False),
        (f"e-bike, a look every {way.every_m:g} m", bike, False),
        ("stop and stare: half driving, half by motion", (car + standing) / 2.0, True),
        ("standing camera, by motion, busy street", standing, True),
        (
            f"standing camera, nothing moves (a look in {motion.standing_every_s:g} s)",
            1.0 / motion.standing_every_s,
            True,
        ),
        ("every picture", float(HZ), False),
    )
    print(f"{platform.machine()}, one thread; decoding {1e3 * costs.decode_s:.2f} ms, asking for motion "
          f"{1e3 * costs.motion_s:.2f} ms, a look {1e3 * costs.look_s:.1f} ms of CPU")  # fmt: skip
    print(f"{'profile':60}{'looks/s':>9}{'decode':>10}{'looks':>10}{'CPU-s/shift':>13}{'of a core':>11}")
    for name, looks_hz, by_motion in rows:
        decode_s = SHIFT_S * HZ * (costs.decode_s + costs.motion_s * by_motion)
        look_s = SHIFT_S * looks_hz * costs.look_s
        total_s = decode_s + look_s
        print(f"{name:60}{looks_hz:>9.2f}{decode_s:>10,.0f}{look_s:>10,.0f}{total_s:>13,.0f}{total_s / SHIFT_S:>11.0%}")
    if not RAPL.exists():
        print("watt-hours: not known, this machine has no energy counter (RAPL); CPU-seconds are what it can tell")


if __name__ == "__main__":
    main()
