"""A receiver to plug in and out: a pseudo terminal in its place, and a link that goes and comes with it."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """A serial receiver under one name, as udev's by-id links give one.

    Attributes:
        settings: of the box, to listen to it.
    """

    def __init__(self, folder: Path) -> None:
        self._link = folder / "usb-receiver"
        self.settings = GnssSettings(serial=self._link)
        self._ends: tuple[int, int] | None = None
        self.plug()

    def plug(self) -> None:
        """Put it in."""
        master, slave = os.openpty()
        tty.setraw(slave)
        self._link.symlink_to(os.ttyname(slave))
        self._ends = master, slave

    def unplug(self) -> None:
        """Pull it out; a second call does nothing."""
        if self._ends is not None:
            self._link.unlink()
            for end in self._ends:
                os.close(end)
            self._ends = None

    def say(self, *sentences: str | bytes) -> None:
        """Write sentences; what nobody reads is lost, as on a real line."""
        if self._ends is not None:
            words = (s if isinstance(s, bytes) else f"{s}\r\n".encode() for s in sentences)
            os.write(self._ends[0], b"".join(words))

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


@contextmanager
def driving(
    receiver: PluggedReceiver, *, every_s: float = 0.1, late_s: float = 0.1, days: float = 0.0
) -> Iterator[None]:
    """It drives east at 5 m/s and says so ten times a second, by the machine's clock put forward by `days`."""
    over = threading.Event()
    begun_s = time.time()

    def drive() -> None:
        while not over.wait(every_s):
            now_s = time.time() - late_s
            at = datetime.fromtimestamp(now_s, UTC) + timedelta(days=days)
            receiver.fix(at, 5.0 * (now_s - begun_s))

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
