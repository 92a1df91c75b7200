"""The uplink that runs for ever against a real server, over a link that fails and under a clock that jumps.

Reports with pictures of some 100 kB go through `edge.uplink.service` to `kerbwatch serve`, until so many requests met a
fault (or the clock jumped so often) and everything is stored. Then the server's own database is held against the
outbox: each report once, each file whole.
"""

from __future__ import annotations

import atexit
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks.fault_server import KilledServer, stored_files, stored_reports
from benchmarks.fault_table.row import Row, RowResult
from benchmarks.faulty_proxy import FAULTS, FaultyProxy
from benchmarks.paths import ROOT
from detector.report import ReportBody
from edge.box.settings import UplinkSettings
from edge.device import open_key
from edge.outbox import Outbox
from edge.parcels import EvidenceFile
from edge.true_time import Told
from edge.uplink import Pace, enrol
from edge.uplink.service import UplinkService
from edge.wire import Timeouts
from tests.edge.reports import body, key_of

CUTS: Final = tuple(fault for fault in FAULTS if fault.startswith("cut") or fault == "no answer")
_LIMIT_S: Final = 600.0
_BUDGET_BYTES: Final = 1024**3
_SITE: Final = ROOT / "edge" / "demo_site"


@dataclass
class JumpingTime:
    """True time told by the box's own clock alone, which somebody sets forward and back by days."""

    ahead: timedelta = timedelta(0)
    steps: int = 0
    told_by: Told = "system"

    def now(self) -> datetime:
        """The clock."""
        return datetime.now(UTC) + self.ahead

    def at(self, monotonic_s: float) -> datetime:
        """The clock then, had it stood as it does now."""
        return self.now() + timedelta(seconds=monotonic_s - time.monotonic())

    def heard_gnss(self, utc: datetime, monotonic_s: float) -> None:
        """Nobody listens: this box has no receiver."""
        del utc, monotonic_s

    def heard_server(self, offset_s: float, error_s: float) -> None:
        """Nobody listens, so that the wrong clock stays wrong: the worst case."""
        del offset_s, error_s

    def jump(self, chance: random.Random) -> None:
        """A day forward, a day back, or right again."""
        self.ahead = timedelta(days=chance.choice((-1, 0, 1)))
        self.steps += 1


@dataclass
class Field:
    """A server, a link to it, and a box that sends."""

    server: KilledServer
    link: FaultyProxy
    outbox: Outbox
    service: UplinkService
    time: JumpingTime
    noise: np.random.Generator
    put: int = 0
    slowest_s: float = 0.0
    keys: list[str] = field(default_factory=list)

    def put_report(self) -> None:
        """One more report with a picture of its own."""
        height_px, width_px = 240, int(self.noise.integers(200, 400))
        image = self.noise.integers(0, 255, (height_px, width_px, 3), np.uint8)
        file = EvidenceFile.of(cv2.imencode(".jpg", image)[1].tobytes(), ".jpg")
        ordinal, self.put = self.put, self.put + 1

        def build(report_id: uuid.UUID) -> tuple[ReportBody, list[EvidenceFile]]:
            made = body(ordinal, report_id, self.outbox.device_id, [file])
            (item,) = made.evidence
            sized = item.model_copy(update={"width_px": width_px, "height_px": height_px, "boxes": ()})
            return made.model_copy(update={"evidence": (sized,), "track_id": f"clip/{ordinal}"}), [file]

        self.outbox.put(key_of(ordinal), build)

    def keep_sending(self, faults: Callable[[], int], times: int, between: Callable[[], None]) -> None:
        """Put reports until so many faults were met, then wait until all is stored.

        Raises:
            TimeoutError: it takes too long.
        """
        until_s = time.monotonic() + _LIMIT_S
        while faults() < times or self.outbox.counts().stored < self.put:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{faults()} faults, {self.outbox.counts()} after {_LIMIT_S} s")
            self.service.check()
            self.slowest_s = max(self.slowest_s, self.service.alive_age_s)
            if faults() < times and self.outbox.counts().waiting < 3:
                self.put_report()
            between()
            time.sleep(0.02)

    def audit(self) -> tuple[int, int, list[str]]:
        """Lost, doubled, and what else is wrong, by the server's own database and files."""
        sent = {str(report.report_id): report.sealed for report in self.outbox.reports()}
        mine = self.outbox.device_id
        at_server = [report for report in stored_reports(self.server.data) if report.device_id == mine]
        stored = {report.report_id: report.sealed for report in at_server}
        lost = len(sent.keys() - stored.keys()) + sum(report.missing_files for report in at_server)
        doubled = len(at_server) - len({report.hit_key for report in at_server})
        doubled += sum(report.sightings != 1 for report in at_server)
        wrong = [f"report {name} differs" for name in sent.keys() & stored.keys() if sent[name] != stored[name]]
        wrong += [
            f"file {path.name} has other bytes"
            for path in stored_files(self.server.data)
            if sha256(path.read_bytes()).hexdigest() != path.name
        ]
        return lost, doubled, [*wrong, *self.outbox.troubles()]


@cache
def _server() -> KilledServer:
    """One server for all rows; ended with this process."""
    folder = Path(tempfile.mkdtemp(prefix="kerbwatch-faults-server-"))
    server = KilledServer(folder, _SITE)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)  # the last one registered is the first to run
    server.start()
    return server


@contextmanager
def playing_field(folder: Path, seed: int, failing: float, faults: Sequence[str]) -> Generator[Field]:
    """Everything running; ended at the end of the block."""
    server = _server()
    link = FaultyProxy(server.port, failing=0.0, seed=seed, faults=faults)
    try:
        state = folder / "state"
        enrol(state, link.url, server.enrolment_codes(1)[0], open_key(state), "box")
        with Outbox.open(state) as outbox:
            clock = JumpingTime()
            settings = UplinkSettings(
                server=link.url, metered="yes", metered_sends="clips", budget_bytes_per_day=_BUDGET_BYTES
            )
            service = UplinkService(
                outbox,
                state,
                settings,
                clock,
                lambda: None,
                lambda orders: None,
                tuple,
                zone=UTC,
                pace=Pace(first_wait_s=0.05, wait_max_s=1.0, chunk_bytes=32 * 1024),
                timeouts=Timeouts(2, 2, 5),
            )
            link.failing = failing
            link.seen.clear()
            service.start()
            try:
                yield Field(server, link, outbox, service, clock, np.random.default_rng(seed))
            finally:
                service.stop()
    finally:
        link.close()


def bad_link(failing: float, kinds: Sequence[str], times: int, seed: int, folder: Path) -> RowResult:
    """So many requests meet a fault."""
    with playing_field(folder, seed, failing, kinds) as box:
        box.keep_sending(lambda: box.link.seen.total() - box.link.seen["passed on"], times, lambda: None)
        lost, doubled, wrong = box.audit()
    seen = ", ".join(f"{kind} {count}" for kind, count in sorted(box.link.seen.items()))
    failed = box.link.seen.total() - box.link.seen["passed on"]
    return RowResult(failed, box.put, lost, doubled, box.slowest_s, tuple(wrong), note=f"requests: {seen}")


def jumping_clock(times: int, seed: int, folder: Path) -> RowResult:
    """The box's clock jumps by a day, forward and back, while it uploads; nobody ever tells the right time."""
    chance = random.Random(seed)
    with playing_field(folder, seed, 0.1, FAULTS) as box:
        box.keep_sending(lambda: box.time.steps, times, lambda: box.time.jump(chance))
        lost, doubled, wrong = box.audit()
        today = datetime.now(UTC).date()
        payload_bytes = sum(path.stat().st_size for report in box.outbox.reports() for path in report.files)
        counted = {day: box.outbox.sent_bytes(str(today + timedelta(days=day))) for day in (-1, 0, 1)}
    if sum(counted.values()) < payload_bytes:
        wrong.append(f"{counted} bytes counted, but {payload_bytes} were stored")
    note = f"bytes counted by day: {counted}; a clock set back opens no second budget"
    return RowResult(box.time.steps, box.put, lost, doubled, box.slowest_s, tuple(wrong), note)


ROWS = (
    Row("server fails 30 % of requests", partial(bad_link, 0.3, FAULTS)),
    Row("link cut at random bytes", partial(bad_link, 0.5, CUTS)),
    Row("clock ± 1 day during the upload", jumping_clock),
)
