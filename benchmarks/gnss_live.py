"""How long a live picture waits for its place, how far off that is, and how right the box's time is.

A receiver that speaks once a second at 9600 baud (about 700 bytes each, as with many satellites in view) is played into
a pseudo terminal piece by piece. A picture is taken every 0.23 s.

    python -m benchmarks.gnss_live [--seconds 20]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from edge.box_time import BoxTime
from edge.gnss.live import LiveReceiver
from tests.edge.gnss.receiver import EAST, KNOT_M_S, PluggedReceiver, plugged
from tests.edge.nmea import gga, rmc, sentence

BYTES_PER_S: Final = 960
CHUNK_BYTES: Final = 32
SPEED_M_S: Final = 5.0
DELAYS_S: Final = (0.05, 0.15, 0.3)
WARM_UP_S: Final = 8.0
SETTLED_MAX_S: Final = 3.0


def speak(plug: PluggedReceiver, delay_s: float, over: threading.Event) -> None:
    """Say each second where it was `delay_s` ago, east of 117.2 by 5 m for each second since 1970 mod 10,000."""
    second = int(time.time()) + 1
    while not over.wait(max(0.0, second + delay_s - time.time())):
        at, lon_deg = datetime.fromtimestamp(second, UTC), 117.2 + place_m(second) * EAST
        satellites = sentence("GPGSV,3,1,12,01,40,083,46,02,17,308,41,12,07,344,39,14,22,228,45")
        used = sentence("GPGSA,A,3,01,02,03,04,05,06,07,08,,,,,1.5,0.9,1.2")
        moment = [
            rmc(at, lon_deg, 34.26, knots=SPEED_M_S / KNOT_M_S),
            sentence("GNVTG,90.0,T,,M,9.7,N,18.0,K,A"),
            gga(at, lon_deg, 34.26),
            *([used] * 2),
            *([satellites] * 6),
        ]
        data = "".join(f"{line}\r\n" for line in moment).encode()
        for i in range(0, len(data), CHUNK_BYTES):
            plug.say(data[i : i + CHUNK_BYTES])
            time.sleep(CHUNK_BYTES / BYTES_PER_S)
        second += 1


def place_m(utc_s: float) -> float:
    """Where the vehicle is, metres east of 117.2."""
    return SPEED_M_S * (utc_s % 10_000)


def ask(receiver: LiveReceiver, clock: BoxTime) -> tuple[float, float]:
    """Seconds that a picture of now waited, and metres its place was off along the way (NaN: unknown)."""
    real_s, moment, begun_s = time.time(), clock.now(), time.monotonic()
    while not receiver.settled(moment) and time.monotonic() - begun_s < SETTLED_MAX_S:
        time.sleep(0.01)
    waited_s, fix = time.monotonic() - begun_s, receiver.at(moment)
    return waited_s, np.nan if fix is None else (fix.lon_deg - 117.2) / EAST - place_m(real_s)


def run(delay_s: float, seconds: float) -> None:
    """One receiver."""
    over, clock = threading.Event(), BoxTime()
    with tempfile.TemporaryDirectory() as folder, plugged(Path(folder)) as plug:
        speaker = threading.Thread(target=speak, args=(plug, delay_s, over))
        speaker.start()
        try:
            with LiveReceiver(plug.settings, clock) as receiver, ThreadPoolExecutor(16) as pictures:
                time.sleep(WARM_UP_S)
                asked = []
                for _ in range(int(seconds / 0.23)):
                    asked.append(pictures.submit(ask, receiver, clock))
                    time.sleep(0.23)
                waits_s, off_m = np.array([one.result() for one in asked]).T
                error_s = (clock.now() - datetime.now(UTC)).total_seconds()
        finally:
            over.set()
            speaker.join()
    known = np.isfinite(off_m)
    print(f"first byte after {delay_s:.2f} s: {known.sum()} of {len(known)} places known", end=", ")
    print(f"wait mean {waits_s.mean():.2f} s, max {waits_s.max():.2f} s", end="; ")
    print(f"time by {clock.told_by} {error_s:+.2f} s, place {np.nanmean(off_m):+.2f} m")


def main() -> None:
    """Print one line for each delay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    for delay_s in DELAYS_S:
        run(delay_s, seconds)


if __name__ == "__main__":
    main()
