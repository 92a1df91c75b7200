"""A receiver that is listened to now: fixes as they come, for ever, whatever happens to its cable.

::

    with LiveReceiver(GnssSettings(serial="/dev/ttyACM0"), clock) as receiver:
        if receiver.settled(frame.captured_at):
            fix = receiver.at(frame.captured_at)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Self

from detector.errors import TransientError
from detector.frame import Fix
from edge.box.health import GnssHealth, GnssState
from edge.box.settings import GnssSettings
from edge.gnss.era import GNSS_ERA, eras_off
from edge.gnss.gpsd import GpsdAddress
from edge.gnss.listener import Listener
from edge.gnss.live_odometer import LiveOdometer
from edge.gnss.live_track import MAX_GAP_S, LiveTrack
from edge.gnss.reader import Heard
from edge.gnss.wires import GpsdWire, SerialWire, Wire
from edge.true_time import TrueTime

WAIT_MAX_S: Final = 1.5
"""Longest wait for the fix after a picture: receivers speak every second, and up to half a second late."""
_STALE_S: Final = 3.0
"""A receiver that speaks every second and has said nothing for so long is silent; so old a speed is not known."""
_REOPEN_S: Final = 10.0
"""A wire without a word for so long is opened anew."""
_OFF_MAX_S: Final = 5.0
"""Off the box's true time by more than this, the receiver is not the one that the time was taken from."""
_RETRY_S: Final = 0.25
_RETRY_MAX_S: Final = 3.0
_CLOSE_S: Final = 5.0


class LiveReceiver:
    """`edge.gnss.fixes.LiveFixes` of a serial receiver or a gpsd, read by a thread of its own.

    The thread reconnects for ever, with growing waits up to 3 s. Fixes are judged as those of a log
    (`edge.gnss.live_track`) and kept for a quarter of an hour. Every method may be called from any thread.
    """

    def __init__(self, settings: GnssSettings, clock: TrueTime) -> None:
        """Nothing is opened before `__enter__`.

        Args:
            clock: is told the receiver's time, and says what time it is now.

        Raises:
            InputError: `settings.gpsd` is no address.
        """
        self._open = opener(settings)
        self._clock = clock
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gnss", daemon=True)
        self._track = LiveTrack()
        self._odometer = LiveOdometer()
        self._newest: Heard | None = None
        self._word_s: float | None = None
        self._since_s = time.monotonic()
        self._satellites: int | None = None
        self._broken = ""
        self._eras = 0
        self._off_s = 0.0
        self._connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up and end the thread; a second call does nothing."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_S)

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The good ones of the last quarter of an hour, strictly increasing in time."""
        with self._lock:
            return self._track.fixes

    @property
    def synthetic(self) -> bool:
        """Whether the positions are made up."""
        with self._lock:
            newest = self._track.newest
            return newest is not None and newest.synthetic

    @property
    def satellites(self) -> int | None:
        """In use by the receiver's last word, when it tells."""
        with self._lock:
            return self._satellites

    @property
    def connections(self) -> int:
        """How often the receiver was reached; more than one after it was away."""
        with self._lock:
            return self._connections

    def at(self, utc: datetime) -> Fix | None:
        """The fix at a moment, interpolated, or `None` where nobody knows."""
        with self._lock:
            return self._track.at(utc)

    def settled(self, utc: datetime) -> bool:
        """Whether `at(utc)` need not be waited for: a later fix has come, or none will come in `WAIT_MAX_S`."""
        with self._lock:
            newest = self._track.newest
            if newest is not None and newest.at >= utc:
                return True
            if newest is None or (utc - newest.at).total_seconds() > MAX_GAP_S:
                return True  # whatever comes next is too far from what came before
            silent = self._state(time.monotonic()) == "silent"
        return silent or (self._clock.now() - utc).total_seconds() > WAIT_MAX_S

    @property
    def odometer_m(self) -> float:
        """Way driven since the receiver was opened, metres; never goes back, and stands still without a fix."""
        with self._lock:
            return self._odometer.way_m(time.monotonic())

    @property
    def speed_m_s(self) -> float | None:
        """Over ground, now; `None` when not known, or known no longer."""
        with self._lock:
            return self._speed_m_s(time.monotonic())

    def health(self) -> GnssHealth:
        """How the receiver does, with the reason in one line when it does not."""
        with self._lock:
            now_s = time.monotonic()
            fix = self._newest.fix if self._newest is not None else None
            state = self._state(now_s)
            return GnssHealth(
                state=state,
                fix_age_s=None if self._newest is None else now_s - self._newest.heard_s,
                sigma_m=None if fix is None else fix.sigma_m,
                quality="" if fix is None else fix.quality,
                speed_m_s=self._speed_m_s(now_s),
                odometer_m=self._odometer.way_m(now_s),
                trouble=self._trouble(state, now_s),
            )

    def _speed_m_s(self, now_s: float) -> float | None:
        newest = self._newest
        if newest is None or now_s - newest.heard_s > _STALE_S or self._track.odd:
            return None
        return newest.fix.speed_m_s

    def _state(self, now_s: float) -> GnssState:
        if self._word_s is None or now_s - self._word_s > _STALE_S or not self._thread.is_alive():
            return "silent"
        return "fix" if self._newest is not None and now_s - self._newest.heard_s <= _STALE_S else "no_fix"

    def _trouble(self, state: GnssState, now_s: float) -> str:
        if state == "silent":
            return self._broken
        if state == "no_fix":
            since_s = now_s - (self._since_s if self._newest is None else self._newest.heard_s)
            seen = "" if self._satellites is None else f" with {self._satellites} satellites"
            return f"no fix for {since_s:.0f} s{seen}: does the antenna see the sky? (无定位)"
        if abs(self._off_s) > _OFF_MAX_S:
            return f"the receiver's time is {self._off_s:+.0f} s off: no picture finds its place (定位时间不符)"
        if self._eras:
            return f"the receiver's date is {abs(self._eras)} x 1024 weeks off (mended): a roll-over (周数翻转,已修正)"
        return self._track.odd

    def _run(self) -> None:
        wait_s = 0.0
        try:
            while not self._over.wait(wait_s):
                before = self._connections
                try:
                    with closing(self._open()) as wire:
                        self._listen(Listener(wire))
                except TransientError as error:
                    with self._lock:
                        self._broken, self._word_s = str(error), None
                wait_s = _RETRY_S if self._connections > before else min(2.0 * wait_s or _RETRY_S, _RETRY_MAX_S)
        finally:
            if not self._over.is_set():
                self._broken = "listening to the receiver has failed: restart the box (定位线程已停止)"

    def _listen(self, listener: Listener) -> None:
        """Take what comes until the line breaks or stays without a word for long."""
        begun_s = time.monotonic()
        while not self._over.is_set():
            for heard in listener.hear():
                self._take(heard, synthetic=listener.synthetic)
            wordless_s = time.monotonic() - listener.word_s
            with self._lock:
                self._satellites = listener.satellites
                if wordless_s > _STALE_S:
                    self._broken = listener.why_wordless()
                elif listener.words:
                    self._connections += self._word_s is None or self._word_s < begun_s
                    self._word_s, self._broken = listener.word_s, ""
            if wordless_s > _REOPEN_S:
                return

    def _take(self, heard: Heard, *, synthetic: bool) -> None:
        self._clock.heard_gnss(heard.fix.at, heard.heard_s)
        now = self._clock.at(heard.heard_s)
        eras = eras_off(heard.fix.at, now) or 0
        fix = replace(heard.fix, at=heard.fix.at + eras * GNSS_ERA, synthetic=heard.fix.synthetic or synthetic)
        with self._lock:
            self._eras = eras
            self._off_s = (fix.at - now).total_seconds()
            self._newest = Heard(fix, heard.heard_s)
            shown = self._track.add(fix)
            speed_m_s = None if self._track.odd else fix.speed_m_s
            self._odometer.add_speed(Heard(replace(fix, speed_m_s=speed_m_s), heard.heard_s))
            if speed_m_s is None:
                for judged in shown:
                    self._odometer.add_place(judged.fix, begins=judged.begins)


def opener(settings: GnssSettings) -> Callable[[], Wire]:
    """How the receiver is reached.

    Raises:
        InputError: `settings.gpsd` is no address.
    """
    if settings.serial is not None:
        return partial(SerialWire, settings.serial, settings.baud)
    return partial(GpsdWire, GpsdAddress.parse(f"gpsd://{(settings.gpsd or '').removeprefix('gpsd://')}"))
