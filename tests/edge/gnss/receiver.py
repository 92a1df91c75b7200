"""A receiver to plug in and out: a pseudo terminal in its place, and a link that goes and comes with it."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.box.settings import GnssSettings
from tests.edge.nmea import gga, rmc

EAST = 1 / (111_195.0 * 0.8265)
KNOT_M_S = 0.514444


def wait_for(what: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Whether it became true in time."""
    end_s = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


class PluggedReceiver:
    """A serial receiver under one name, as udev's by-id links give one. Several threads may use it.

    Attributes:
        settings: of the box, to listen to it.
    """

    def __init__(self, folder: Path) -> None:
        self._link = folder / "usb-receiver"
        self.settings = GnssSettings(serial=self._link)
        self._lock = threading.Lock()
        self._ends: tuple[int, int] | None = None
        self.plug()

    def plug(self) -> None:
        """Put it in."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._link.symlink_to(os.ttyname(slave))
        with self._lock:
            self._ends = master, slave

    def unplug(self) -> None:
        """Pull it out; a second call does nothing."""
        with self._lock:
            if self._ends is not None:
                self._link.unlink()
                for end in self._ends:
                    os.close(end)
                self._ends = None

    def say(self, *sentences: str | bytes) -> None:
        """Write sentences; what nobody reads is lost, as on a real line."""
        self._write(b"".join(s if isinstance(s, bytes) else f"{s}\r\n".encode() for s in sentences))

    def pour(self, log: bytes) -> None:
        """Write a long log, as fast as somebody reads it; the rest is lost when nobody does for 5 s."""
        read_s = time.monotonic()
        while log and time.monotonic() - read_s < 5.0:
            written = self._write(log[:4096])
            log = log[written:]
            if written:
                read_s = time.monotonic()
            else:
                time.sleep(0.001)

    def _write(self, words: bytes) -> int:
        with self._lock:
            try:
                return os.write(self._ends[0], words) if self._ends is not None else 0
            except BlockingIOError:
                return 0

    def fix(self, at: datetime, east_m: float, speed_m_s: float = 5.0) -> None:
        """Say where it is: so many metres east, moving east."""
        lon_deg = 117.2 + east_m * EAST
        self.say(rmc(at, lon_deg, 34.26, knots=speed_m_s / KNOT_M_S), gga(at, lon_deg, 34.26))


@contextmanager
def plugged(folder: Path) -> Iterator[PluggedReceiver]:
    """One that is unplugged in the end."""
    receiver = PluggedReceiver(folder)
    try:
        yield receiver
    finally:
        receiver.unplug()


@dataclass(frozen=True, slots=True)
class Driving:
    """A drive due east at 5 m/s, begun at `begun_s` by `time.time` at 117.2 E."""

    begun_s: float


@contextmanager
def driving(
    receiver: PluggedReceiver, *, every_s: float = 0.1, late_s: float = 0.1, days: float = 0.0
) -> Iterator[Driving]:
    """It drives, and says so every `every_s` by the machine's clock put forward by `days`."""
    over = threading.Event()
    drive = Driving(time.time())

    def speak() -> None:
        while not over.wait(every_s):
            # As sentences give it: to hundredths of a second.
            now_s = round(time.time() - late_s, 2)
            receiver.fix(datetime.fromtimestamp(now_s, UTC) + timedelta(days=days), 5.0 * (now_s - drive.begun_s))

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield drive
    finally:
        over.set()
        thread.join()
