"""A small server on loopback that speaks the edge's side of the contract and fails on demand.

The real service is exercised by the fault run and the end-to-end tests; it cannot be told to answer 413 or to cut a
link at byte 1,234. This one keeps what it got, byte for byte, so tests can compare.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from detector.report import SealedReport

TOKEN = "token-of-the-test-device"
CODE = "ABCDE-FGHIJ"


@dataclass(frozen=True)
class Fault:
    """What to do in place of, or around, the right answer.

    `status` answers so and does nothing; `cut_after_bytes` drops the link once so much of the body was read (and
    kept, as a real server does); `mute` does the work and drops the link before answering; `wait_s` answers late.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_bytes: int | None = None
    mute: bool = False
    wait_s: float = 0.0
    body: bytes = b'{"detail": "asked for by the test"}'


@dataclass
class Upload:
    sha256: str
    length: int
    data: bytearray = field(default_factory=bytearray)


class Peer:
    """What the server has, what it was asked, and what it is to do wrong."""

    def __init__(self) -> None:
        self.reports: dict[str, bytes] = {}
        self.uploads: dict[str, Upload] = {}
        self.evidence: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.received_bytes = 0
        self.declared: set[str] = set()
        """Hashes taken although no report names them as evidence: originals."""
        self.beats: list[dict[str, Any]] = []
        self.orders: dict[str, Any] = {"received_at": "2026-05-17T09:30:00Z"}
        self.clock_ahead_s: float | None = None
        """Tells the time at each answer, so far ahead of this machine's clock; `None` tells none."""
        self.fault: Callable[[str, str], Fault | None] = lambda method, path: None
        self.location_base = ""
        self.lock = threading.Lock()
        self.url = ""

    def once(self, method: str, part: str, *faults: Fault) -> None:
        """Meet the next requests of a kind with these faults, one each."""
        left = list(faults)

        def next_fault(got_method: str, path: str) -> Fault | None:
            return left.pop(0) if left and got_method == method and part in path else None

        self.fault = next_fault

    def count(self, start: str) -> int:
        return sum(line.startswith(start) for line in self.asked)

    def missing(self, report_id: str) -> list[str]:
        sealed = SealedReport.model_validate_json(self.reports[report_id])
        return [item.sha256 for item in sealed.body.evidence if item.sha256 not in self.evidence]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peer: Peer

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def _handle(self) -> None:
        peer = self.peer
        with peer.lock:
            peer.asked.append(f"{self.command} {self.path}")
            peer.tokens.add(self.headers.get("Authorization"))
            fault = peer.fault(self.command, self.path) or Fault()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length if fault.cut_after_bytes is None else min(length, fault.cut_after_bytes))
        time.sleep(fault.wait_s)
        if fault.status is not None:
            self._answer(fault.status, fault.headers, fault.body)
            return
        with peer.lock:
            peer.received_bytes += len(body) if self.command == "PATCH" else 0
            status, headers, answer = self._work(body, whole=len(body) == length)
        if fault.cut_after_bytes is not None or fault.mute:
            self.close_connection = True
            return
        self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_PATCH = do_HEAD = _handle  # noqa: N815 (names http.server asks for)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        if self.peer.clock_ahead_s is not None:
            now = datetime.now(UTC) + timedelta(seconds=self.peer.clock_ahead_s)
            self.send_header("Kerbwatch-Time", now.isoformat(timespec="milliseconds"))
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def _work(self, body: bytes, *, whole: bool) -> tuple[int, dict[str, str], bytes]:
        last = self.path.rsplit("/", 1)[-1]
        if self.path == "/api/v1/devices/enrol" and whole:
            return self._enrol(json.loads(body))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {}, b'{"detail": "no such device"}'
        if self.path == "/api/v1/devices/heartbeat" and whole:
            self.peer.beats.append(json.loads(body))
            return 200, {}, json.dumps(self.peer.orders).encode()
        if self.path.startswith("/api/v1/reports/"):
            return self._put(last, body) if self.command == "PUT" and whole else self._state(last)
        if self.path == "/api/v1/evidence":
            return self._create()
        return self._append(last, body) if self.command == "PATCH" else self._offset(last)

    def _enrol(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if asked["code"] != CODE:
            return 403, {}, b'{"detail": "unknown code"}'
        device_id = hashlib.sha256(bytes.fromhex(asked["public_key"])).hexdigest()
        return 201, {}, json.dumps({"device_id": device_id, "token": TOKEN}).encode()

    def _put(self, report_id: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        known = self.peer.reports.setdefault(report_id, body)
        if known is body:
            return 201, {}, b"{}"
        return (200, {}, b"{}") if known == body else (409, {}, b'{"detail": "another body"}')

    def _state(self, report_id: str) -> tuple[int, dict[str, str], bytes]:
        if report_id not in self.peer.reports:
            return 404, {}, b"{}"
        sealed = SealedReport.model_validate_json(self.peer.reports[report_id])
        missing = self.peer.missing(report_id)
        state = {
            "report_id": report_id,
            "body_sha256": sealed.seal.body_sha256,
            "missing_evidence": missing,
            "complete": not missing,
            "case_id": 7,
            "case_url": f"{self.peer.url}/cases/7",
        }
        return 200, {}, json.dumps(state).encode()

    def _create(self) -> tuple[int, dict[str, str], bytes]:
        name, value = self.headers["Upload-Metadata"].split()
        assert name == "sha256"
        digest = base64.b64decode(value).decode()
        named = any(digest.encode() in report for report in self.peer.reports.values())
        if not named and digest not in self.peer.declared:
            return 403, {}, b'{"detail": "no report declares this evidence"}'
        upload_id = f"u{len(self.peer.uploads)}"
        self.peer.uploads[upload_id] = Upload(digest, int(self.headers["Upload-Length"]))
        return 201, {"Location": f"{self.peer.location_base}/api/v1/evidence/{upload_id}"}, b""

    def _offset(self, upload_id: str) -> tuple[int, dict[str, str], bytes]:
        upload = self.peer.uploads.get(upload_id)
        return (200, {"Upload-Offset": str(len(upload.data))}, b"") if upload else (404, {}, b"")

    def _append(self, upload_id: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upload = self.peer.uploads.get(upload_id)
        if upload is None:
            return 404, {}, b"{}"
        if int(self.headers["Upload-Offset"]) != len(upload.data):
            return 409, {}, b"{}"
        upload.data += body
        if len(upload.data) == upload.length:
            digest = hashlib.sha256(upload.data).hexdigest()
            if digest != upload.sha256:
                del self.peer.uploads[upload_id]
                return 460, {}, b'{"detail": "wrong hash"}'
            self.peer.evidence[digest] = bytes(upload.data)
        return 204, {"Upload-Offset": str(len(upload.data))}, b""


@contextmanager
def running_peer(port: int = 0, peer: Peer | None = None) -> Iterator[Peer]:
    """A peer that listens until the block ends; give an old one and its port to start it again."""
    peer = peer or Peer()
    handler = type("Handler", (_Handler,), {"peer": peer})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    peer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
