"""The server of the fault run: a real `kerbwatch serve` that can be killed, and an audit of what it stored."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.paths import ROOT

_START_S = 60.0


class KilledServer:
    """A server on one port and one data folder, over many lives."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.data = folder / "server"
        self._first_start = folder / "first-start.json"
        self._log = folder / "server.log"
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "kerbwatch", "serve", "--data", str(self.data), "--port", str(self.port)]
        self._command += ["--site", str(site), "--first-start-file", str(self._first_start)]
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        self.starts += 1
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2.0, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start; its last words:\n{self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def enrolment_codes(self, count: int) -> list[str]:
        """So many one-time codes, asked for as a reviewer would."""
        first = json.loads(self._first_start.read_text())
        codes: list[str] = []
        with httpx.Client(base_url=self.url, trust_env=False) as browser:
            who = {"name": first["reviewer"], "password": first["password"]}
            signed_in = browser.post("/api/v1/session", json=who).raise_for_status().json()
            for _ in range(count):
                answer = browser.post("/api/v1/devices/codes", headers={"X-CSRF-Token": signed_in["csrf_token"]})
                codes.append(answer.raise_for_status().json()["code"])
        return codes


@dataclass(frozen=True)
class StoredReport:
    """A report as the server's database has it."""

    report_id: str
    device_id: str
    hit_key: str
    sealed: bytes
    sightings: int
    missing_files: int


def stored_reports(data: Path) -> list[StoredReport]:
    """Every report in the database, read past the server."""
    (database,) = data.glob("*.sqlite")
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT id, device_id, hit_key, sealed_json,"
            " (SELECT count(*) FROM sightings WHERE sightings.report_id = reports.id),"
            " (SELECT count(*) FROM evidence WHERE evidence.report_id = reports.id AND stored_at IS NULL) FROM reports"
        ).fetchall()
    return [StoredReport(*row) for row in rows]


def stored_files(data: Path) -> Iterator[Path]:
    """Every file of the evidence store; each is named by its SHA-256."""
    for path in (data / "evidence").rglob("*"):
        if path.is_file():
            yield path


def lay_out(data: Path, out: Path) -> None:
    """The server's reports and evidence in the layout `kerbwatch verify` reads."""
    (out / "reports").mkdir(parents=True)
    (out / "evidence").mkdir()
    suffixes: dict[str, str] = {}
    for report in stored_reports(data):
        (out / "reports" / f"{report.report_id}.json").write_bytes(report.sealed)
        for item in json.loads(report.sealed)["body"]["evidence"]:
            suffixes[item["sha256"]] = {"image/jpeg": ".jpg", "image/png": ".png"}.get(item["media_type"], ".mp4")
    for path in stored_files(data):
        os.link(path, out / "evidence" / f"{path.name}{suffixes.get(path.name, '.stray')}")
