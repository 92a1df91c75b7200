"""The real service in its own process, and a real device that is enrolled and sends to it over HTTP."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from detector.evidence.seal import DeviceKey, sealed_bytes
from tests.server.street import Sent

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 30.0


@dataclass(frozen=True)
class LiveServer:
    """A running `kerbwatch serve`."""

    url: str
    data: Path
    reviewer: str
    password: str
    enrolment_code: str


@dataclass(frozen=True)
class LiveDevice:
    """An enrolled device: sends reports and evidence the way the protocol says."""

    key: DeviceKey
    client: httpx.Client

    def send(self, sent: Sent) -> int:
        """Puts the report and every evidence file; returns the case it went into."""
        body = sent.sealed.body
        answer = self.client.put(
            f"/api/v1/reports/{body.report_id}",
            content=sealed_bytes(sent.sealed),
            headers={"Content-Type": "application/json"},
        )
        answer.raise_for_status()
        for sha256, data in sent.files.items():
            self._upload(sha256, data)
        state = self.client.get(f"/api/v1/reports/{body.report_id}").raise_for_status().json()
        assert state["missing_evidence"] == []
        return int(state["case_url"].rsplit("/", 1)[1])

    def _upload(self, sha256: str, data: bytes) -> None:
        named = base64.b64encode(sha256.encode()).decode()
        begun = self.client.post(
            "/api/v1/evidence",
            headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": f"sha256 {named}"},
        )
        begun.raise_for_status()
        if begun.headers.get("Upload-Offset") == str(len(data)):
            return  # another report brought this file
        self.client.patch(
            begun.headers["Location"],
            content=data,
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": "0",
                "Content-Type": "application/offset+octet-stream",
            },
        ).raise_for_status()


@contextmanager
def live_server(folder: Path, *, site: Path | None = None, more: Sequence[str] = ()) -> Iterator[LiveServer]:
    """Starts the service on a free loopback port with a new data folder and `more` options; ends it in order."""
    credentials, log = folder / "first-start.json", folder / "server.log"
    command = [sys.executable, "-m", "kerbwatch", "serve", "--data", str(folder / "server"), "--port", "0"]
    command += ["--first-start-file", str(credentials)]
    if site is not None:
        command += ["--site", str(site)]
    command += more
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=out, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    try:
        url = _url(process, log)
        told = json.loads(credentials.read_text())
        yield LiveServer(url, folder / "server", told["reviewer"], told["password"], told["enrolment_code"])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout
        process.stdout.close()


@contextmanager
def live_device(server: LiveServer) -> Iterator[LiveDevice]:
    """A new device with its own key, enrolled by the server's first code."""
    with httpx.Client(base_url=server.url, timeout=20.0, trust_env=False) as client:
        yield enrol(client, server.enrolment_code)


def enrol(client: httpx.Client, code: str, name: str = "巡查车 07 · patrol car 07") -> LiveDevice:
    """Lets a new device in; from then on the client speaks for it."""
    key = DeviceKey.generate()
    message = b"kerbwatch-enrol\x1f" + code.encode() + b"\x1f" + name.encode()
    asked = {"code": code, "public_key": key.public_key, "name": name, "signature": key.sign(message).hex()}
    token = client.post("/api/v1/devices/enrol", json=asked).raise_for_status().json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return LiveDevice(key, client)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the service prints when it listens, once it answers there."""
    assert process.stdout
    line = ""
    for raw in process.stdout:
        line = raw.decode()
        if "http://" in line:
            break
    url = "http://" + line.partition("http://")[2].strip().rstrip("/")
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                return url
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the service did not start:\n{log.read_text(errors='replace')[-4000:]}")
