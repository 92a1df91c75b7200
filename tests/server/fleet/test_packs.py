"""Packs at the server: who may bring one, who gets it, and what the page tells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.evidence.seal import DeviceKey
from detector.heartbeat import AlarmBeat, Heartbeat
from detector.signing import SigningKey
from server.db.tables import FleetPack
from server.settings import Limits
from tests.packs import PACK_SIGNER, Workshop
from tests.server.harness import Running, make_settings, run

PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("packs"), tmp_path_factory.mktemp("bundle"))


@contextmanager
def trusting(folder: Path, **settings: Any) -> Iterator[Running]:
    """A service that trusts the tests' signer of packs."""
    signers = folder / "signers"
    signers.mkdir()
    (signers / "city.pub").write_text(PACK_SIGNER.to_text(), encoding="utf-8")
    with run(make_settings(folder / "data", pack_signers=signers, **settings)) as running:
        yield running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    """One for the test alone."""
    with trusting(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests that bring nothing to it."""
    with trusting(tmp_path_factory.mktemp("strict"), limits=Limits(pack_bytes=100_000)) as running:
        yield running


def upload(reviewer: httpx.Client, file: Path) -> httpx.Response:
    with file.open("rb") as data:
        return reviewer.post("/fleet/packs", files={"pack": (file.name, data)}, headers=PAGE)


def shared(reviewer: httpx.Client, file: Path, percent: int = 100) -> str:
    """Upload a pack for a share of all boxes; gives its hash."""
    assert upload(reviewer, file).status_code == 303
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert reviewer.post(f"/fleet/packs/{sha256}/share", data={"percent": percent}).status_code == 303
    return sha256


def beat(box: httpx.Client, runs: str | None = None, *alarms: AlarmBeat) -> str | None:
    """Send a heartbeat; gives the version that is offered."""
    said = Heartbeat(
        sent_at=datetime.now(UTC),
        time_told_by="system",
        software="kerbwatch 1",
        pack_version=runs,
        uptime_s=1,
        cameras=(),
        gnss="off",
        reports_waiting=0,
        files_waiting=0,
        bytes_waiting=0,
        sent_today_bytes=0,
        disk_free_bytes=1,
        rss_bytes=1,
        alarms=alarms,
    )
    answer = box.post(
        "/api/v1/devices/heartbeat", content=said.model_dump_json(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    pack = answer.json()["pack"]
    return pack["version"] if pack else None


def test_from_upload_to_a_box(service: Running, workshop: Workshop) -> None:
    reviewer, (_, box) = service.reviewer(), service.device()
    file = workshop.pack("1.4")
    assert upload(reviewer, file).status_code == 303
    assert beat(box) is None, "an upload alone is meant for nobody"
    sha256 = shared(reviewer, file)
    assert beat(box) == "1.4"
    address = f"/api/v1/fleet/packs/{sha256}"
    assert box.get(address).content == file.read_bytes()
    part = box.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, file.read_bytes()[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{file.stat().st_size}"
    assert box.get(address, headers={"Range": f"bytes={file.stat().st_size}-"}).status_code == 416
    assert reviewer.post(f"/fleet/packs/{sha256}/pause", data={"paused": "true"}).status_code == 303
    assert beat(box) is None
    assert box.get(address).status_code == 404


def test_a_box_of_ones_choice(service: Running, workshop: Workshop) -> None:
    reviewer, (key, box), (_, other) = service.reviewer(), service.device(), service.device(name="other")
    sha256 = shared(reviewer, workshop.pack("1.4"), percent=0)
    assert reviewer.post(f"/fleet/packs/{sha256}/devices", data={"device": [key.key_id]}).status_code == 303
    assert (beat(box), beat(other)) == ("1.4", None)
    assert other.get(f"/api/v1/fleet/packs/{sha256}").status_code == 404
    assert reviewer.post(f"/fleet/packs/{sha256}/devices").status_code == 303
    assert beat(box) is None
    answer = reviewer.post(f"/fleet/packs/{sha256}/devices", data={"device": ["ab" * 32]}, headers=PAGE)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ("unsigned", 422, "the file is unsigned: sign it with kerbwatch pack sign"),
        ("stranger", 422, "which is not trusted (trusted: city)"),
        ("flipped", 422, "copy the pack again"),
        ("cut", 422, "copy the pack again"),
        ("no pack", 422, "the file is no archive, or damaged"),
        ("large", 413, "a pack has at most 100000 bytes here"),
        ("other bytes", 409, "version 1.4 is here with other bytes: build the pack under a new version"),
    ],
)
def test_refused(strict: Running, workshop: Workshop, change: str, status: int, words: str) -> None:
    reviewer = strict.reviewer()
    match change:
        case "unsigned":
            file = workshop.pack("1.4", key=None)
        case "stranger":
            file = workshop.pack("1.4", key=SigningKey.generate())
        case "other bytes":
            assert upload(reviewer, workshop.pack("1.4")).status_code == 303
            file = workshop.pack("1.4.0")
        case _:
            file = workshop.pack("1.4")
            data = file.read_bytes()
            middle = len(data) // 2
            file.write_bytes(
                {
                    "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
                    "cut": data[:middle],
                    "no pack": b"x" * 2000,
                    "large": data + bytes(100_000),
                }[change]
            )
    answer = upload(reviewer, file)
    assert answer.status_code == status
    assert words in answer.text.replace("&#39;", "'")
    assert not list((strict.services.settings.data / "packs").glob("*.part"))
    with strict.services.database.read() as session:
        assert session.query(FleetPack).count() == (1 if change == "other bytes" else 0)


def test_nothing_chosen(strict: Running) -> None:
    answer = strict.reviewer().post("/fleet/packs", data={"x": "y"}, headers=PAGE)
    assert (answer.status_code, "choose the file of a pack" in answer.text) == (422, True)


def test_a_server_that_trusts_nobody(running: Running, workshop: Workshop) -> None:
    answer = upload(running.reviewer(), workshop.pack("1.4"))
    assert (answer.status_code, "this server trusts nobody to sign packs" in answer.text) == (422, True)


def test_strangers_and_devices_bring_no_packs(strict: Running, workshop: Workshop) -> None:
    reviewer, (_, box) = strict.reviewer(), strict.device()
    file = workshop.pack("1.4")
    assert upload(box, file).status_code == 401
    del reviewer.headers["X-CSRF-Token"]
    assert upload(reviewer, file).status_code == 403


def test_the_page_tells_what_runs_and_what_failed(service: Running, workshop: Workshop) -> None:
    reviewer, (key, box) = service.reviewer(), service.device(DeviceKey.generate(), name="bike 7")
    for version in ("1.9", "1.10"):
        shared(reviewer, workshop.pack(version))
    failed = AlarmBeat(
        code="pack_rolled_back",
        severity="critical",
        about="1.10",
        zh="反复启动失败",
        en="kept dying",
        since=datetime.now(UTC),
    )
    assert beat(box, "1.9", failed) == "1.10"
    page = reviewer.get("/fleet", headers=PAGE).text
    assert page.index('data-pack="1.10"') < page.index('data-pack="1.9"')
    assert page.count('data-failed="1"') == 1
    assert [page.count(f'data-running="{number}"') for number in (0, 1)] == [1, 1]
    row = page[page.index(f'<tr data-box="{key.key_id}"') :]
    for word in ("bike 7", ">1.9<", ">1.10<", "反复启动失败", "kept dying"):
        assert word in row
    assert "Packs" in page
    assert "下发包" in page
