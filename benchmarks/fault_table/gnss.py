"""Fault table: the receiver is pulled out and put in, tells a date 19.6 years off, and the box's clock is set."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.fault_table.row import Row, RowResult
from edge.box_time import BoxTime
from edge.gnss import GNSS_ERA
from edge.gnss.live import LiveReceiver
from edge.gnss.nmea import NmeaReader
from tests.edge.clocks import NOON, SetClocks
from tests.edge.gnss.receiver import EAST, driving, plugged, wait_for
from tests.edge.nmea import gga, rmc

_UNSET: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_ERROR_MAX_S: Final = 0.3
_OFF_MAX_M: Final = 0.5
"""The receiver drives straight on at 5 m/s: what is interpolated must lie where it was."""


def unplugged(times: int, seed: int, folder: Path) -> RowResult:
    """A driving receiver is pulled out, within a sentence or between two, and put in again up to 1.5 s later."""
    rng = random.Random(seed)
    wrong: list[str] = []
    back_s = 0.0
    with ExitStack() as stack:
        plug = stack.enter_context(plugged(folder))
        drive = stack.enter_context(driving(plug))
        receiver = stack.enter_context(LiveReceiver(plug.settings, BoxTime()))
        if not wait_for(lambda: receiver.health().state == "fix"):
            return RowResult(0, wrong=("no fix before anything was done",))
        for number in range(times):
            before_m = receiver.odometer_m
            plug.say(b"$GNRMC,1200"[: rng.randrange(12)])
            plug.unplug()
            pulled = datetime.now(UTC)
            time.sleep(rng.uniform(0.0, 1.5))
            plug.plug()
            put_s, put = time.monotonic(), datetime.now(UTC)
            if not wait_for(lambda since=put: bool(receiver.fixes) and receiver.fixes[-1].at > since, 15.0):
                wrong.append(f"{number}: no fix within 15 s: {receiver.health().trouble}")
                continue
            back_s = max(back_s, time.monotonic() - put_s)
            if receiver.odometer_m < before_m:
                wrong.append(f"{number}: the odometer went back")
            moments = [pulled + timedelta(seconds=rng.uniform(-1.0, 2.0)) for _ in range(20)]
            wrong += [f"{number}: {off}" for off in (_off(receiver, drive.begun_s, m) for m in moments) if off]
    return RowResult(times, back_s=back_s, wrong=tuple(wrong))


def _off(receiver: LiveReceiver, begun_s: float, moment: datetime) -> str:
    """A sentence when the place at a moment is known otherwise than it was."""
    fix = receiver.at(moment)
    if fix is None:
        return ""
    off_m = (fix.lon_deg - 117.2) / EAST - 5.0 * (moment.timestamp() - begun_s)
    return f"the place at {moment:%H:%M:%S.%f} is {off_m:.1f} m off" if abs(off_m) > _OFF_MAX_M else ""


def another_era(times: int, seed: int, folder: Path) -> RowResult:
    """A receiver of another GPS era, in sentences, on a box whose own clock is right, unset or a day off."""
    rng = random.Random(seed)
    wrong: list[str] = []
    for number in range(times):
        real = NOON + timedelta(days=rng.uniform(0.0, 2000.0))
        system = rng.choice([real, _UNSET, real + _DAY, real - _DAY])
        clocks = SetClocks(system, real)
        box, reader = BoxTime(clocks), NmeaReader()
        eras = rng.choice([-1, 1])  # two digits of a year do not reach further
        if rng.random() < 0.5:
            box.heard_server(clocks.server_ahead_s(), 0.5)
        late_s = rng.uniform(0.05, 0.4)
        for _ in range(30):
            clocks.run(1.0)
            at = clocks.real() - timedelta(seconds=late_s) + eras * GNSS_ERA
            for sentence in (rmc(at, 117.2, 34.26), gga(at, 117.2, 34.26)):
                for heard in reader.feed(sentence.encode(), clocks.monotonic_s()):
                    box.heard_gnss(heard.fix.at, heard.heard_s)
        wrong += [f"{number}: {what}" for what in _wrong_time(box, clocks)]
        if "1 x 1024 weeks off" not in box.trouble:
            wrong.append(f"{number}: the roll-over is not named")
    return RowResult(times, wrong=tuple(wrong))


def clock_set(times: int, seed: int, folder: Path) -> RowResult:
    """The system clock is set forward or back by a day at any moment once a receiver or the server has spoken."""
    rng = random.Random(seed)
    wrong: list[str] = []
    for number in range(times):
        clocks = SetClocks(rng.choice([NOON, _UNSET, NOON + _DAY]))
        box = BoxTime(clocks)
        by_receiver = rng.random() < 0.5
        _tell(box, clocks, rng, by_receiver=by_receiver)
        steps, last = box.steps, box.now()
        for _ in range(20):
            if rng.random() < 0.3:
                clocks.set_by(rng.choice([_DAY, -_DAY]))
            if rng.random() < 0.2:
                _tell(box, clocks, rng, by_receiver=by_receiver)
            clocks.run(rng.uniform(0.01, 30.0))
            now = box.now()
            if now < last:
                wrong.append(f"{number}: time went back by {(last - now).total_seconds():.3f} s")
            last = now
        if box.steps != steps:
            wrong.append(f"{number}: {box.steps - steps} steps")
        wrong += [f"{number}: {what}" for what in _wrong_time(box, clocks)]
    return RowResult(times, wrong=tuple(wrong))


def _tell(box: BoxTime, clocks: SetClocks, rng: random.Random, *, by_receiver: bool) -> None:
    if not by_receiver:
        off_s = rng.uniform(-0.1, 0.1)
        box.heard_server(clocks.server_ahead_s(off_s), 0.1)
        return
    for _ in range(8):
        clocks.run(1.0)
        box.heard_gnss(clocks.real() - timedelta(seconds=rng.uniform(0.1, 0.4)), clocks.monotonic_s())


def _wrong_time(box: BoxTime, clocks: SetClocks) -> list[str]:
    error_s = (box.now() - clocks.real()).total_seconds()
    told = [] if box.told_by in ("gnss", "server") else [f"the time is told by {box.told_by}"]
    return told + ([f"{error_s:+.2f} s off"] if abs(error_s) > _ERROR_MAX_S else [])


ROWS: tuple[Row, ...] = (
    Row("GNSS unplugged and replugged", unplugged),
    Row("GNSS date 1024 weeks off", another_era),
    Row("clock +-1 day, box time", clock_set),
)
