"""tus uploads: only what a report declares, honest offsets, checked hashes; and looking at what was stored."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from detector.evidence.seal import DeviceKey
from server.db.tables import Upload
from server.errors import Conflict
from server.settings import Limits
from tests.server.harness import (
    PATCHING,
    TUS,
    Running,
    begin,
    item,
    make_settings,
    picture,
    problem,
    put,
    run,
    sealed,
    send,
    upload,
)

DATA = picture(width_px=400, height_px=300)


def declared(running: Running, data: bytes = DATA, **changes: object) -> tuple[DeviceKey, httpx.Client]:
    """A device with one report that declares the file."""
    key, device = running.device()
    fields = {"width_px": 400, "height_px": 300, **changes}
    assert put(device, sealed(key, evidence=(item(data, **fields),))).status_code == 201
    return key, device


def test_discovery_is_open(running: Running) -> None:
    answer = running.client().options("/api/v1/evidence")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,expiration"
    assert answer.headers["Tus-Max-Size"] == str(running.services.settings.limits.evidence_bytes)


def test_file_comes_in_pieces_and_is_stored_under_its_hash(running: Running) -> None:
    _, device = declared(running)
    begun = begin(device, DATA)
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "0")
    location = begun.headers["Location"]
    half = len(DATA) // 2
    assert send(device, location, 0, DATA[:half]).headers["Upload-Offset"] == str(half)
    again = begin(device, DATA)
    assert (again.status_code, again.headers["Location"]) == (200, location)
    assert again.headers["Upload-Offset"] == str(half)
    assert device.head(location, headers=TUS).headers["Upload-Offset"] == str(half)
    done = send(device, location, half, DATA[half:])
    assert (done.status_code, done.headers["Upload-Offset"]) == (204, str(len(DATA)))
    assert device.head(location, headers=TUS).headers["Upload-Offset"] == str(len(DATA))
    complete = begin(device, DATA)
    assert (complete.status_code, complete.headers["Upload-Offset"]) == (200, str(len(DATA)))
    sha256 = hashlib.sha256(DATA).hexdigest()
    assert running.services.evidence.read(sha256) == DATA
    assert list((running.services.settings.data / "uploads").iterdir()) == []


def test_only_what_an_own_report_declares_may_come(running: Running) -> None:
    _, device = declared(running)
    _, stranger = running.device()
    assert problem(begin(device, b"anything else")) == (403, "forbidden")
    assert problem(begin(stranger, DATA)) == (403, "forbidden")
    location = begin(device, DATA).headers["Location"]
    assert stranger.head(location, headers=TUS).status_code == 404
    assert problem(send(stranger, location, 0, DATA)) == (404, "not-found")
    assert running.client().post("/api/v1/evidence", headers=TUS).status_code in (401, 422)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Tus-Resumable": "0.2.2"}, (412, "precondition-failed")),
        ({"Upload-Length": "7"}, (422, "wrong-length")),
        ({"Upload-Length": "0"}, (422, "refused")),
        ({"Upload-Length": "-1"}, (422, "refused")),
        ({"Upload-Length": "x"}, (422, "refused")),
        ({"Upload-Metadata": "filename eA=="}, (400, "bad-request")),
        ({"Upload-Metadata": "sha256"}, (400, "bad-request")),
        ({"Upload-Metadata": "sha256 !!!"}, (400, "bad-request")),
        ({"Upload-Metadata": "sha256 Li4vLi4vZXRjL3Bhc3N3ZA=="}, (400, "bad-request")),  # ../../etc/passwd
    ],
)
def test_bad_creation(running: Running, headers: dict[str, str], expected: tuple[int, str]) -> None:
    _, device = declared(running)
    assert problem(begin(device, DATA, **headers)) == expected


def test_bad_patches_change_nothing(running: Running) -> None:
    _, device = declared(running)
    location = begin(device, DATA).headers["Location"]
    send(device, location, 0, DATA[:10])
    wrong_offset = send(device, location, 5, DATA[5:])
    assert problem(wrong_offset) == (409, "wrong-offset")
    assert wrong_offset.json()["offset"] == 10
    assert problem(send(device, location, 10, DATA)) == (422, "too-many-bytes")
    plain = {**PATCHING, "Upload-Offset": "10", "Content-Type": "text/plain"}
    assert problem(device.patch(location, content=b"x", headers=plain)) == (415, "unsupported-media")
    assert problem(device.patch(location, content=b"x", headers={**PATCHING, "Upload-Offset": "-1"}))[0] == 422
    old = {**PATCHING, "Upload-Offset": "10", "Tus-Resumable": "0.9"}
    assert problem(device.patch(location, content=b"x", headers=old)) == (412, "precondition-failed")
    assert send(device, location, 10, b"").headers["Upload-Offset"] == "10"
    assert send(device, location, 10, DATA[10:]).status_code == 204


@pytest.mark.parametrize(
    ("declaration", "data", "expected"),
    [
        ({}, bytes(len(DATA)), "wrong-hash"),
        ({"media_type": "image/png"}, DATA, "wrong-media"),
        ({"media_type": "video/mp4"}, DATA, "wrong-media"),
        ({"width_px": 399}, DATA, "wrong-media"),
    ],
)
def test_file_that_is_not_what_was_declared_is_discarded(
    running: Running, declaration: dict[str, object], data: bytes, expected: str
) -> None:
    _, device = declared(running, **declaration)
    location = begin(device, DATA).headers["Location"]
    assert problem(send(device, location, 0, data)) == (460, expected)
    assert device.head(location, headers=TUS).status_code == 404
    assert not running.services.evidence.has(hashlib.sha256(DATA).hexdigest())
    assert begin(device, DATA).headers["Upload-Offset"] == "0"


@pytest.mark.parametrize("data", [b"<html><script>alert(1)</script>", b"\xff\xd8\xff\xe0\x00", b"\x89PNG\r\n\x1a\n"])
def test_file_that_only_claims_to_be_a_picture_is_discarded(running: Running, data: bytes) -> None:
    _, device = declared(running, data)
    assert problem(upload(device, data)) == (460, "wrong-media")


def test_bytes_beyond_the_recorded_offset_are_cut_off(running: Running) -> None:
    """What a kill leaves behind: bytes in the part file that no offset promises."""
    _, device = declared(running)
    location = begin(device, DATA).headers["Location"]
    send(device, location, 0, DATA[:100])
    part = running.services.settings.data / "uploads" / f"{location.rpartition('/')[2]}.part"
    with part.open("ab") as file:
        file.write(b"torn")
    assert device.head(location, headers=TUS).headers["Upload-Offset"] == "100"
    assert send(device, location, 100, DATA[100:]).status_code == 204


def test_part_file_that_lost_bytes_makes_the_client_begin_anew(running: Running) -> None:
    _, device = declared(running)
    location = begin(device, DATA).headers["Location"]
    send(device, location, 0, DATA[:100])
    part = running.services.settings.data / "uploads" / f"{location.rpartition('/')[2]}.part"
    os.truncate(part, 40)
    assert problem(send(device, location, 100, DATA[100:])) == (410, "upload-lost")
    assert begin(device, DATA).headers["Upload-Offset"] == "0"
    assert upload(device, DATA).status_code == 204


def test_upload_that_does_not_move_expires(running: Running) -> None:
    _, device = declared(running)
    location = begin(device, DATA).headers["Location"]
    with running.services.database.write() as session:
        row = session.get(Upload, location.rpartition("/")[2])
        assert row is not None
        row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert device.head(location, headers=TUS).status_code == 410
    assert problem(send(device, location, 0, DATA)) == (410, "gone")
    fresh = begin(device, DATA)
    assert fresh.status_code == 201
    assert fresh.headers["Location"] != location


def test_device_may_not_begin_without_end(tmp_path: Path) -> None:
    with run(make_settings(tmp_path / "data", limits=Limits(uploads_per_device=2, reserve_bytes=0))) as running:
        key, device = running.device()
        files = [picture(seed) for seed in range(3)]
        put(device, sealed(key, evidence=tuple(item(data) for data in files)))
        assert [begin(device, data).status_code for data in files] == [201, 201, 429]
        upload(device, files[0])
        assert begin(device, files[2]).status_code == 201


def test_two_senders_of_one_upload_do_not_mix(running: Running) -> None:
    key, device = declared(running)
    store, upload_id = running.services.uploads, begin(device, DATA).headers["Location"].rpartition("/")[2]
    outcomes: list[str] = []

    def append() -> None:
        try:
            store.append(key.device_id, upload_id, 0, DATA, now=datetime.now(UTC))
            outcomes.append("taken")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 3 + ["taken"]
    assert running.services.evidence.sha256_of(hashlib.sha256(DATA).hexdigest()) == hashlib.sha256(DATA).hexdigest()


def test_store_mends_a_name_whose_bytes_a_power_cut_took(running: Running) -> None:
    _, device = declared(running)
    sha256 = hashlib.sha256(DATA).hexdigest()
    target = running.services.evidence.folder / sha256[:2] / sha256
    target.parent.mkdir()
    target.write_bytes(b"")
    assert upload(device, DATA).status_code == 204
    assert running.services.evidence.read(sha256) == DATA


def test_reviewer_looks_at_evidence_and_nothing_in_it_can_run(running: Running) -> None:
    _, device = declared(running)
    upload(device, DATA)
    url = f"/api/v1/evidence/{hashlib.sha256(DATA).hexdigest()}"
    reviewer = running.reviewer()
    answer = reviewer.get(url)
    assert answer.content == DATA
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Disposition"].startswith("inline; filename=")
    assert problem(device.get(url)) == (401, "not-signed-in")
    assert problem(reviewer.get("/api/v1/evidence/" + "0" * 64)) == (404, "not-found")
    assert problem(reviewer.get("/api/v1/evidence/..%2f..%2fserve.lock"))[0] in (404, 422)
