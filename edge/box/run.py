"""The box's run: opens the parts, lets the threads work, and once a second asks how everything does.

Exit codes: 0 stopped as told; 75 start me again, for a new pack or a passing trouble; others as every command.
"""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

import cv2
import structlog

from detector.errors import InputError, TransientError
from detector.frame import Fix
from edge.assemble import software_version
from edge.box.allocator import give_back_early
from edge.box.crew import Crew
from edge.box.fit import check_addresses
from edge.box.health import BoxHealth, GnssHealth, LinkHealth, StoreHealth
from edge.box.keeping import Keeping
from edge.box.loop import Loop
from edge.box.parts import Parts, open_parts
from edge.box.settings import BoxSettings, load_settings
from edge.box.systemd import Systemd
from edge.box.usage import Usage
from edge.fleet.follow import Follower
from edge.fleet.overrides import effective
from edge.fleet.signs import Fault
from edge.fleet.store import PackStore
from edge.fleet.tell import reason_text, standing_failure

RESTART: Final = 75
_SECOND_S: Final = 1.0
_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger("box")


def run_box(path: Path, shipped_model: Path | None, *, allow_files: bool = False) -> int:
    """Run the box of a `box.yaml` until it is told to stop; gives the exit code.

    Raises:
        InputError: something in the settings or the site is wrong.
        TransientError: the state folder is in use, or the disk is full: start it again.
    """
    # OpenCV's own threads cost more CPU than they save on pictures of this size, next to a busy network.
    cv2.setNumThreads(1)
    give_back_early()
    own = load_settings(path)
    check_addresses(own, allow_files=allow_files)  # before a pack could be blamed for them
    packs = PackStore.open(own)
    decision = packs.begin_start()
    if decision.gave_up is not None:
        log.warning("a pack was given up", version=decision.gave_up.version, why=decision.gave_up.reason)
    failure = standing_failure(packs.state().given_up, decision.pack.version if decision.pack else None)
    with stop_signals() as told, ExitStack() as stack:
        try:
            settings = effective(own, decision.pack)
            parts = stack.enter_context(open_parts(settings, shipped_model, allow_files=allow_files))
        except InputError as error:
            if decision.on_probation and packs.give_up(Fault("self_test", str(error))):
                log.warning("the box does not open with this pack", why=str(error))
                return RESTART
            raise
        if parts.detector.why is not None:
            log.info("back end", why=parts.detector.why.en)
        if failure is not None:
            parts.alarms.tell("pack_rolled_back", failure.version, on=True, figure=reason_text(failure).both())
        keeping = Keeping(settings, packs, parts, _follower(own, parts, shipped_model))
        code = _Run(settings, packs, parts, told, keeping).run()
    if code == 0:
        packs.stopped()
    return code


class _Run:
    """One run of the box."""

    def __init__(
        self,
        settings: BoxSettings,
        packs: PackStore,
        parts: Parts,
        told: threading.Event,
        keeping: Keeping,
    ) -> None:
        self._settings = settings
        self._packs = packs
        self._parts = parts
        self._told = told
        self._alarms = parts.alarms
        self._keeping = keeping
        self._began_s = time.monotonic()
        self._usage = Usage()
        self._systemd = Systemd()
        self._counts = parts.outbox.counts()

    def run(self) -> int:
        parts = self._parts
        with self._keeping.open() as keeping:
            with Crew() as crew:
                loop = Loop(parts.stations, parts.detector, parts.fixes, parts.reports, parts.board)
                if self._packs.prove(parts.detector):  # before the loop has the detector to itself
                    return RESTART
                loop.start(crew)
                keeping.start(crew)
                self._systemd.ready()
                log.info("the box watches", cameras=[station.camera_id for station in parts.stations])
                restart = self._watch(crew, keeping, loop)
                self._systemd.stopping()
                log.info("the box ends: what is in view is judged", restart=restart)
            crew.check()
            keeping.last_words()
        return RESTART if restart else 0

    def _watch(self, crew: Crew, keeping: Keeping, loop: Loop) -> bool:
        """Second after second; True when the box should start again."""
        while not self._told.wait(_SECOND_S):
            crew.check()
            keeping.check()
            trouble = self._parts.time.trouble
            self._alarms.tell("clock_trouble", on=bool(trouble), figure=trouble)
            health = self._health(crew.age_s())
            health = replace(health, alarms=self._alarms.take(health))
            self._parts.board.beat(health, self._fix())
            self._systemd.beat(health)
            if keeping.second(health, loop):
                return True
        return False

    def _health(self, loop_age_s: float) -> BoxHealth:
        parts = self._parts
        cpu_s, rss_bytes = self._usage.now()
        running = self._packs.running
        return BoxHealth(
            at=parts.time.now(),
            monotonic_s=time.monotonic(),
            time_told_by=parts.time.told_by,
            uptime_s=time.monotonic() - self._began_s,
            loop_age_s=loop_age_s,
            software=software_version(),
            pack_version=running.version if running else None,
            cameras=tuple(station.health() for station in parts.stations),
            gnss=parts.fixes.health() if parts.fixes else GnssHealth(),
            link=self._keeping.link() or LinkHealth(used=False),
            store=self._store(),
            reports=parts.reports.written,
            cpu_s=cpu_s,
            rss_bytes=rss_bytes,
        )

    def _fix(self) -> Fix | None:
        """The newest one, for what the rider notes down."""
        fixes = self._parts.fixes.fixes if self._parts.fixes else ()
        return fixes[-1] if fixes else None

    def _store(self) -> StoreHealth:
        parts, trouble = self._parts, ""
        disk = shutil.disk_usage(self._settings.state)
        originals, originals_bytes = 0, 0
        try:
            self._counts = parts.outbox.counts()
            if parts.vault is not None:
                originals, originals_bytes = parts.vault.counts()
        except TransientError as error:
            trouble = str(error)
        held = parts.reports.held()
        return StoreHealth(
            disk_free_bytes=disk.free,
            disk_bytes=disk.total,
            outbox=self._counts,
            originals=originals,
            originals_bytes=originals_bytes,
            trouble=held.trouble or trouble,
        )


def _follower(own: BoxSettings, parts: Parts, shipped_model: Path | None) -> Follower | None:
    """Takes the server's packs where the box's own settings want that."""
    default_model = own.model or shipped_model
    if not own.fleet.follow or default_model is None:
        return None
    device_id = parts.outbox.device_id
    return Follower(PackStore.open(own), own, device_id=device_id, default_model=default_model)


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM, Ctrl-C and a terminal that is closed set; a second one ends the program at once."""
    told = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if told.is_set():
            signal.default_int_handler(number, frame)
        told.set()

    before = {number: signal.signal(number, note) for number in _STOPS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
