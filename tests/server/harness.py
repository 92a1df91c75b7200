"""The real app on a real socket in this process, with clients that hold every answer against the API's description."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import uvicorn
from pydantic import BaseModel

from detector.evidence.seal import DeviceKey, seal, sealed_bytes
from detector.heartbeat import Orders
from detector.report import (
    Covariance,
    EvidenceItem,
    ReportBody,
    ReportBox,
    ReportPlace,
    ReportReason,
    SealedReport,
    Versions,
)
from detector.vocabulary import Kind, Outcome
from server.api import operations, schemas
from server.api.problems import Problem
from server.app import create_app, open_services
from server.db.tables import Reviewer
from server.first_start import Credentials, first_start
from server.security import devices, sessions
from server.security.guard import SESSION_COOKIE
from server.services import Services
from server.settings import Settings

TUS = {"Tus-Resumable": "1.0.0"}
PATCHING = {**TUS, "Content-Type": "application/offset+octet-stream"}
SEEN_AT = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
LAT_DEG, LON_DEG = 34.26108, 117.18512
_M_PER_DEG = 111_000.0


@dataclass
class Running:
    """A service that runs, and what its first start told."""

    services: Services
    url: str
    description: dict[str, Any]
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        """A client whose every answer must be one that the description names, with the body it promises."""
        client = httpx.Client(
            base_url=self.url, timeout=30, headers=headers, event_hooks={"response": [self._check]}, trust_env=False
        )
        self.clients.append(client)
        return client

    @cached_property
    def credentials(self) -> Credentials:
        """What the first start tells; made when first asked for, because a password's hash takes its time."""
        return first_start(self.services)

    def reviewer(self) -> httpx.Client:
        """A client with a session that sends the CSRF token."""
        with self.services.database.write() as session:
            who = session.query(Reviewer).first() or Reviewer(
                name="reviewer", password_hash="nobody signs in with it", created_at=datetime.now(UTC)
            )
            session.add(who)
            session.flush()
            begun = sessions.begin(session, who, now=datetime.now(UTC), life=timedelta(hours=1))
        client = self.client()
        client.cookies.set(SESSION_COOKIE, begun.token)
        client.headers["X-CSRF-Token"] = begun.signed_in.csrf_token
        return client

    def device(self, key: DeviceKey | None = None, name: str = "patrol 7") -> tuple[DeviceKey, httpx.Client]:
        """An enrolled device."""
        key = key or DeviceKey.generate()
        with self.services.database.write() as session:
            life = timedelta(hours=1)
            code = devices.mint_code(session, now=datetime.now(UTC), life=life, created_by=None).code
        answer = self.client().post("/api/v1/devices/enrol", json=enrolment(key, code, name))
        assert answer.status_code == 201, answer.text
        return key, self.client(Authorization=f"Bearer {answer.json()['token']}")

    def _check(self, answer: httpx.Response) -> None:
        path, method = answer.request.url.path, answer.request.method.lower()
        if not path.startswith(("/api/", "/healthz", "/metrics")):
            return
        answer.read()
        operation = self._operation(path, method)
        if operation is None:
            assert answer.status_code in (404, 405, 413), f"{method} {path} is not described: {answer.status_code}"
            return
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{method} {path}: {answer.status_code} is not described: {answer.text[:300]}"
        if not answer.content or method == "head":
            return
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in described["content"], f"{method} {path} {answer.status_code}: {kind} is not described"
        reference = described["content"][kind].get("schema", {}).get("$ref", "")
        if reference:
            _model(reference.rpartition("/")[2]).model_validate_json(answer.content)

    def _operation(self, path: str, method: str) -> dict[str, Any] | None:
        for template, operations_of in self.description["paths"].items():
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) and method in operations_of:
                return operations_of[method]
        return None


def _model(name: str) -> type[BaseModel]:
    found = {"Problem": Problem, "Health": operations.Health, "Orders": Orders}.get(name) or getattr(schemas, name)
    assert issubclass(found, BaseModel)
    return found


@contextmanager
def run(settings: Settings) -> Iterator[Running]:
    """Runs the service until the block is left."""
    services = open_services(settings)
    app = create_app(services)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    running = Running(services, f"http://127.0.0.1:{port}", app.openapi())
    try:
        yield running
    finally:
        for client in running.clients:
            client.close()
        server.should_exit = True
        thread.join()
        services.database.close()


def enrolment(key: DeviceKey, code: str, name: str) -> dict[str, str]:
    """What a device sends to be let in."""
    message = b"kerbwatch-enrol\x1f" + code.encode() + b"\x1f" + name.encode()
    return {"code": code, "public_key": key.public_key, "name": name, "signature": key.sign(message).hex()}


def picture(seed: int = 0, width_px: int = 64, height_px: int = 48, kind: str = ".jpg") -> bytes:
    """A small real picture; another seed gives other bytes."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height_px, width_px, 3), np.uint8)
    done, data = cv2.imencode(kind, pixels)
    assert done
    return data.tobytes()


def item(data: bytes, **changes: Any) -> EvidenceItem:
    """The declaration of a picture, with one box the report is about and one it is not."""
    fields: dict[str, Any] = {
        "role": "still_full",
        "media_type": "image/jpeg",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "frame_id": "clip:1",
        "captured_at": SEEN_AT,
        "width_px": 64,
        "height_px": 48,
        "boxes": (
            ReportBox(xyxy_px=(4, 4, 40, 40), cue="bicycle", confidence=0.9, subject=True),
            ReportBox(xyxy_px=(42, 4, 60, 40), cue="person", confidence=0.8, subject=False),
        ),
        "blurred": True,
        "blur_method": "person_head",
    }
    return EvidenceItem(**{**fields, **changes})


def place(east_m: float = 0.0, north_m: float = 0.0, own_m2: float = 0.3, shared_m2: float = 0.5) -> ReportPlace:
    """A place so many metres from the corner where all tests happen."""
    east_per_deg = _M_PER_DEG * float(np.cos(np.radians(LAT_DEG)))
    shared = Covariance(ee_m2=shared_m2, en_m2=0.0, nn_m2=shared_m2)
    return ReportPlace(
        lon_deg=LON_DEG + east_m / east_per_deg,
        lat_deg=LAT_DEG + north_m / _M_PER_DEG,
        cov_own=Covariance(ee_m2=own_m2, en_m2=0.0, nn_m2=own_m2),
        cov_pass=shared,
        pass_shift=shared,
        heading_lever_m=(0.0, 0.0),
        sigma_heading_rad=0.0,
        range_m=8.0,
        method="vehicle_ground",
        synthetic=False,
    )


def sealed(
    key: DeviceKey,
    *,
    evidence: tuple[EvidenceItem, ...] | None = None,
    at: ReportPlace | str | None = "corner",
    minutes: float = 0.0,
    **changes: Any,
) -> SealedReport:
    """A sealed report; every call is another hit."""
    seen = SEEN_AT + timedelta(minutes=minutes)
    fields: dict[str, Any] = {
        "report_id": uuid.uuid4(),
        "hit_key": hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
        "device_id": key.device_id,
        "patrol_id": "patrol-1",
        "pass_id": "pass-1",
        "track_id": f"clip/0/{uuid.uuid4().hex[:8]}",
        "not_same_as": (),
        "source_id": "clip.mp4",
        "source_sha256": "ab" * 32,
        "camera_id": "front",
        "observed_by": "vehicle",
        "frame_ids": ("clip:1",),
        "frame_count": 5,
        "first_seen_at": seen - timedelta(seconds=1),
        "last_seen_at": seen + timedelta(seconds=1),
        "captured_at": seen,
        "kind": Kind.DISORDERLY_BIKE,
        "cue": "bicycle",
        "outcome": Outcome.VIOLATION,
        "probability": 0.87,
        "reasons": (ReportReason(code="no_rider", zh="车旁无人骑行", en="nobody rides it"),),
        "zone_ids": ("pavement-1",),
        "rule_id": "disorderly_bike",
        "count": 1,
        "place": place() if at == "corner" else at,
        "fix": None,
        "evidence": evidence or (item(picture()),),
        "versions": Versions(software="0.1", model_name="m", model_sha256="cd" * 32, site_sha256="ef" * 32),
    }
    return seal(ReportBody(**{**fields, **changes}), key)


def put(client: httpx.Client, report: SealedReport) -> httpx.Response:
    """Sends a report."""
    return client.put(
        f"/api/v1/reports/{report.body.report_id}",
        content=sealed_bytes(report),
        headers={"Content-Type": "application/json"},
    )


def begin(client: httpx.Client, data: bytes, **changes: str) -> httpx.Response:
    """Begins the upload of a file."""
    named = base64.b64encode(hashlib.sha256(data).hexdigest().encode()).decode()
    headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": f"sha256 {named}"}
    return client.post("/api/v1/evidence", headers={**headers, **changes})


def send(client: httpx.Client, location: str, offset: int, data: bytes) -> httpx.Response:
    """Sends bytes of an upload."""
    return client.patch(location, content=data, headers={**PATCHING, "Upload-Offset": str(offset)})


def upload(client: httpx.Client, data: bytes) -> httpx.Response:
    """Sends a whole file."""
    return send(client, begin(client, data).headers["Location"], 0, data)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and name of a problem answered."""
    return answer.status_code, json.loads(answer.content)["type"].removeprefix("urn:kerbwatch:problem:")


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings of a test's own service."""
    return Settings(data=folder, **changes)
