"""A real service killed with SIGKILL in the middle of a PATCH keeps every promise it made."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np

from detector.evidence.seal import DeviceKey
from tests.server.harness import PATCHING, TUS, begin, enrolment, item, picture, put, sealed, send
from tests.server.live import ROOT

DATA = picture(1, width_px=2200, height_px=1600)
KILLS = 4


class Service:
    """`kerbwatch serve` in its own process, to be killed and started again on one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.credentials = folder / "first-start.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "kerbwatch", "serve", "--data", str(self.folder / "data"), "--port", "0"]
        command += ["--first-start-file", str(self.credentials)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if b"http://" in line:
                self.url = "http://" + line.decode().partition("http://")[2].strip().rstrip("/")
                return
        raise AssertionError("the service did not start")

    def end(self, how: signal.Signals) -> int:
        assert self.process
        assert self.process.stdout
        self.process.send_signal(how)
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        return code


def slow_patch(url: str, location: str, token: str, offset: int) -> None:
    """Sends the rest in small pieces until the link dies."""

    def pieces() -> Iterator[bytes]:
        for start in range(offset, len(DATA), 64 * 1024):
            yield DATA[start : start + 64 * 1024]
            time.sleep(0.01)

    headers = {**PATCHING, "Upload-Offset": str(offset), "Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, timeout=20) as client:
        try:
            client.patch(location, content=pieces(), headers=headers)
        except httpx.TransportError:
            return


def test_offsets_stay_honest_over_kills(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    service = Service(tmp_path)
    service.start()
    key = DeviceKey.generate()
    told = json.loads(service.credentials.read_text())
    assert service.credentials.stat().st_mode & 0o777 == 0o600
    answer = httpx.post(f"{service.url}/api/v1/devices/enrol", json=enrolment(key, told["enrolment_code"], "n"))
    token = answer.json()["token"]
    authorised = {"Authorization": f"Bearer {token}"}
    report = sealed(key, evidence=(item(DATA, width_px=2200, height_px=1600),))
    with httpx.Client(base_url=service.url, headers=authorised, timeout=20) as device:
        assert put(device, report).status_code == 201
        location = begin(device, DATA).headers["Location"]
    parts = tmp_path / "data" / "uploads"
    promised = 0
    for _ in range(KILLS):
        sender = threading.Thread(target=slow_patch, args=(service.url, location, token, promised))
        sender.start()
        time.sleep(float(rng.uniform(0.1, 0.6)))
        service.end(signal.SIGKILL)
        sender.join()
        service.start()
        with httpx.Client(base_url=service.url, headers=authorised, timeout=20) as device:
            offset = int(device.head(location, headers=TUS).headers["Upload-Offset"])
            state = device.get(f"/api/v1/reports/{report.body.report_id}").json()
        assert offset >= promised
        promised = offset
        if promised == len(DATA):
            assert state["complete"]
            break
        # What is promised is on the disk, and is the file's own beginning.
        kept = (parts / f"{location.rpartition('/')[2]}.part").read_bytes()
        assert kept[:promised] == DATA[:promised]
        assert not state["complete"]
    with httpx.Client(base_url=service.url, headers=authorised, timeout=20) as device:
        if promised < len(DATA):
            assert send(device, location, promised, DATA[promised:]).status_code == 204
        assert device.get(f"/api/v1/reports/{report.body.report_id}").json()["complete"]
        assert put(device, report).status_code == 200
    sha256 = hashlib.sha256(DATA).hexdigest()
    stored = tmp_path / "data" / "evidence" / sha256[:2] / sha256
    assert stored.read_bytes() == DATA
    assert service.end(signal.SIGTERM) == 0
    assert list(parts.iterdir()) == []
