"""Fault table: the whole box is killed (kill -9) at random moments and started again, as after a crash.

A recording stands for its camera; receiver, server and link are left out of harm's way here, other rows have them.
Reports that lie in the outbox at a kill are what somebody may count on: each must be at the server in the end, once.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import httpx

from benchmarks.fault_server import KilledServer, stored_reports
from benchmarks.fault_table.row import Row, RowResult
from benchmarks.paths import ROOT
from edge.demo import find_clip

SITE: Final = ROOT / "edge" / "demo_site"
WALL_S: Final = (7.48, 9.64)
OTHER_S: Final = (0.2, 1.0)
"""Another shot: the cut to it ends what is in view, so that it is judged."""
STARTING: Final = 0.2
"""Share of the kills that fall into the start."""
SENDING: Final = 0.6
"""Of the others, share that falls into the second after a new report: it is being sent then."""
UP_MAX_S: Final = 60.0
DRAIN_MAX_S: Final = 60.0


def killed(times: int, seed: int, folder: Path) -> RowResult:
    """Start the box, kill it between its start and some seconds after its first look, again and again."""
    rng, server = random.Random(seed), KilledServer(folder, SITE)
    server.start()
    try:
        box = _Box(folder, server)
        counted_on: set[str] = set()
        back_s, wrong = 0.0, []
        for number in range(times):
            box.start()
            if rng.random() < STARTING:
                time.sleep(rng.uniform(0.0, 2.0))
            else:
                took_s = box.wait_for_a_look()
                if took_s is None:
                    wrong.append(f"{number}: no look within {UP_MAX_S:.0f} s of the start; {box.words()}")
                    break
                back_s = max(back_s, took_s)
                if rng.random() < SENDING:
                    box.wait_for_a_report()
                    time.sleep(rng.uniform(0.0, 1.0))
                else:
                    time.sleep(rng.uniform(0.0, 4.0))
            box.kill()
            counted_on |= box.reports()
        box.start()
        until_s = time.monotonic() + DRAIN_MAX_S
        while box.waiting() and time.monotonic() < until_s:
            time.sleep(0.2)
        box.stop()
        counted_on |= box.reports()
        stored = Counter(report.report_id for report in stored_reports(server.data) if not report.missing_files)
        keys = Counter(report.hit_key for report in stored_reports(server.data))
    finally:
        server.kill()
    return RowResult(
        times,
        acknowledged=len(counted_on),
        lost=len(counted_on - set(stored)),
        doubled=sum(count - 1 for count in keys.values()),
        back_s=back_s,
        wrong=tuple(wrong),
        note="back: from the start of the process to its first look, start-up and golden check included",
    )


class _Box:
    """A box that is started many times over one state folder."""

    def __init__(self, folder: Path, server: KilledServer) -> None:
        self._state = folder / "state"
        self._log = folder / "box.log"
        self._config = folder / "box.yaml"
        self._port = server.port + 1 if server.port < 65_000 else server.port - 1
        clip = _write_clip(folder / "shots.mp4")
        self._config.write_text(
            f"state: {self._state}\nsite: {SITE}\n"
            f"cameras:\n  - {{camera_id: wall-cam, address: 'file://{clip}?loop', look: {{by: time, every_s: 0.2}}}}\n"
            f"uplink: {{server: '{server.url}', heartbeat_s: 5}}\npage: {{port: {self._port}}}\n"
        )
        self._command = [sys.executable, "-m", "kerbwatch", "box"]
        environment = {**os.environ, "KERBWATCH_ENROL_CODE": server.enrolment_codes(1)[0]}
        subprocess.run(
            [*self._command, "enrol", str(self._config)],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0

    def start(self) -> None:
        """Start it; it is not up yet when this returns."""
        self._began_s = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "run", str(self._config), "--allow-recordings"],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_for_a_look(self) -> float | None:
        """Seconds from the start to the first look; `None` when there was none in time."""
        while time.monotonic() - self._began_s < UP_MAX_S:
            if self._looks() > 0:
                return time.monotonic() - self._began_s
            time.sleep(0.05)
        return None

    def wait_for_a_report(self) -> None:
        """Wait until one more report lies in the outbox, some seconds at most."""
        before, until_s = len(self.reports()), time.monotonic() + 20.0
        while len(self.reports()) == before and time.monotonic() < until_s:
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As a service manager does."""
        self._end(signal.SIGTERM)

    def reports(self) -> set[str]:
        """Ids of the reports that lie in the outbox."""
        return {row[0] for row in self._rows("SELECT report_id FROM reports")}

    def waiting(self) -> bool:
        """Whether something is not yet known to be at the server; before the first start's end nothing is known."""
        rows = self._rows("SELECT count(*) FROM reports WHERE state != 'stored'")
        return not rows or rows[0][0] > 0

    def words(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-500:] if self._log.exists() else ""

    def _looks(self) -> float:
        with suppress(httpx.TransportError):
            text = httpx.get(f"http://127.0.0.1:{self._port}/metrics", timeout=2.0, trust_env=False).text
            found = re.search(r"^kerbwatch_box_camera_looks_total\{.*\} (\S+)$", text, re.MULTILINE)
            return float(found[1]) if found else 0.0
        return 0.0

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60.0)
            self._process = None

    def _rows(self, statement: str) -> list[tuple]:
        path = self._state / "outbox.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=10.0)) as database:
            try:
                return database.execute(statement).fetchall()
            except sqlite3.OperationalError:
                return []  # killed before the tables were made


def _write_clip(path: Path) -> Path:
    with av.open(str(find_clip())) as source, av.open(str(path), "w") as out:
        pictures = [picture for picture in source.decode(video=0) if picture.time is not None]
        stream = out.add_stream("libx264", rate=25, options={"g": "25", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, "yuv420p"
        shots = [p for low, high in (WALL_S, OTHER_S) for p in pictures if low <= (p.time or 0.0) < high]
        for number, picture in enumerate(shots):
            again = picture.reformat(format="yuv420p")
            again.pts, again.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(again))
        out.mux(stream.encode(None))
    return path


ROWS: Final = (Row("box killed (kill -9)", killed),)
