"""Unblurred originals at the server: asked for with a reason, taken only then, seen only on record, deleted again."""

from __future__ import annotations

import hashlib
import io
import uuid
import zipfile
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from detector.evidence.seal import DeviceKey
from detector.heartbeat import OriginalAnswer
from detector.report import Original, SealedReport
from server.cases import history, workflow
from server.db.tables import OriginalState
from server.originals import asking, receiving
from tests.server.harness import SEEN_AT, Running, begin, picture, problem, put, sealed, upload

PICTURE = picture(77)
OTHER = picture(78)


def named(data: bytes) -> Original:
    return Original(
        role="frame",
        media_type="image/jpeg",
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        frame_id="front:1",
        begins_at=SEEN_AT,
        ends_at=SEEN_AT,
        width_px=64,
        height_px=48,
    )


@pytest.fixture
def sent(running: Running) -> tuple[DeviceKey, httpx.Client, SealedReport]:
    """A report that names two originals, with its evidence."""
    key, device = running.device()
    report = sealed(key, originals=(named(PICTURE), named(OTHER)))
    assert put(device, report).status_code == 201
    assert upload(device, picture()).status_code == 204
    return key, device, report


def form(client: httpx.Client, report: SealedReport, act: str, data: bytes = PICTURE, **changes: str) -> httpx.Response:
    fields = {
        "report_id": str(report.body.report_id),
        "sha256": hashlib.sha256(data).hexdigest(),
        "reason": "court file 7",
    }
    return client.post(f"/cases/1/originals/{act}", data={**fields, **changes})


def states(running: Running) -> list[str]:
    with running.services.database.read() as session:
        return [row.state.value for row in workflow.get(session, 1).sightings[0].report.originals]


def events(running: Running) -> list[tuple[str, str, str]]:
    """Kind, actor, and reason or answer of what the history says of originals; the chain must hold."""
    with running.services.database.read() as session:
        case = workflow.get(session, 1)
        history.check_chain(1, case.events)
        return [
            (line.action["event"], line.actor, line.action.get("reason") or line.action["answer"])
            for line in case.events
            if line.action["event"].startswith("original")
        ]


def test_asked_sent_looked_at_and_all_of_it_on_record(running: Running, sent: tuple) -> None:
    key, device, report = sent
    pages = running.reviewer()
    assert form(pages, report, "ask").status_code == 303
    with running.services.database.read() as session:
        (wanted,) = asking.wanted_for(session, key.device_id)
        assert asking.wanted_for(session, "0" * 64) == ()
    assert (wanted.report_id, wanted.asked_by, wanted.reason) == (report.body.report_id, "reviewer", "court file 7")
    assert upload(device, PICTURE).status_code == 204
    assert states(running) == ["stored", "at_box"]
    look = form(pages, report, "look", reason="the plate")
    assert look.content == PICTURE
    assert look.headers["cache-control"] == "no-store"
    assert look.headers["content-security-policy"] == "default-src 'none'; sandbox"
    box = f"device:{key.device_id[:12]}"
    assert events(running) == [
        ("original_asked", "reviewer:reviewer", "court file 7"),
        ("original_answered", box, "stored"),
        ("original_seen", "reviewer:reviewer", "the plate"),
    ]
    page = pages.get("/cases/1").text
    for words in ("original here", "查看未打码原件：the plate", "unblurred original looked at: the plate"):
        assert words in page
    with running.services.database.read() as session:
        assert asking.wanted_for(session, key.device_id) == ()


def test_not_taken_unless_asked_for(running: Running, sent: tuple) -> None:
    _, device, report = sent
    assert problem(begin(device, PICTURE)) == (403, "original-not-asked")
    form(running.reviewer(), report, "ask")
    assert problem(begin(device, OTHER)) == (403, "original-not-asked")
    _, stranger = running.device(name="another box")
    assert begin(stranger, PICTURE).status_code == 403
    assert states(running) == ["wanted", "at_box"]


def test_reached_by_no_link_download_or_stranger(running: Running, sent: tuple) -> None:
    _, device, report = sent
    pages = running.reviewer()
    form(pages, report, "ask")
    upload(device, PICTURE)
    sha = hashlib.sha256(PICTURE).hexdigest()
    assert pages.get(f"/api/v1/evidence/{sha}").status_code == 404
    with zipfile.ZipFile(io.BytesIO(pages.get("/api/v1/cases/1/download").content)) as archive:
        assert all(archive.read(name) != PICTURE for name in archive.namelist())
        assert not any(sha in name for name in archive.namelist())
    assert form(running.client(), report, "look").status_code == 401
    no_token = running.reviewer()
    del no_token.headers["X-CSRF-Token"]
    assert form(no_token, report, "look").status_code == 403
    assert form(no_token, report, "ask", OTHER).status_code == 403
    assert form(device, report, "look").status_code == 401
    assert [event for event, _, _ in events(running)] == ["original_asked", "original_answered"]


@pytest.mark.parametrize("reason", ["", "   ", "\x00"])
@pytest.mark.parametrize("act", ["ask", "look"])
def test_no_reason_no_original(running: Running, sent: tuple, act: str, reason: str) -> None:
    _, _, report = sent
    assert form(running.reviewer(), report, act, reason=reason).status_code == 422
    assert events(running) == []


def test_only_what_the_case_names(running: Running, sent: tuple) -> None:
    _, _, report = sent
    pages = running.reviewer()
    assert form(pages, report, "ask", picture(5)).status_code == 404
    assert form(pages, report, "ask", report_id=str(uuid.uuid4())).status_code == 404
    assert form(pages, report, "look").status_code == 404
    form(pages, report, "ask")
    again = form(pages, report, "ask")
    assert again.status_code == 409
    assert "there is nothing to ask for" in again.text


def test_one_original_of_two_reports_is_sent_once_and_counts_for_each_that_asked(running: Running) -> None:
    key, device = running.device()
    reports = [sealed(key, at=None, originals=(named(PICTURE),)) for _ in range(2)]
    for report in reports:
        assert put(device, report).status_code == 201
    pages, sha = running.reviewer(), hashlib.sha256(PICTURE).hexdigest()
    for number, report in enumerate(reports, start=1):
        wish = {"report_id": str(report.body.report_id), "sha256": sha, "reason": f"court file {number}"}
        assert pages.post(f"/cases/{number}/originals/look", data=wish).status_code == 404
        assert pages.post(f"/cases/{number}/originals/ask", data=wish).status_code == 303
        begun = begin(device, PICTURE)
        assert begun.headers["upload-offset"] == (str(len(PICTURE)) if number == 2 else "0")
        if number == 1:
            assert upload(device, PICTURE).status_code == 204
        with running.services.database.read() as session:
            assert asking.wanted_for(session, key.device_id) == ()
            told = [line.action["event"] for line in workflow.get(session, number).events]
        assert told == ["opened", "original_asked", "original_answered"]
        assert pages.post(f"/cases/{number}/originals/look", data=wish).content == PICTURE


def test_other_bytes_are_not_taken_for_it(running: Running, sent: tuple) -> None:
    _, device, report = sent
    form(running.reviewer(), report, "ask")
    location = begin(device, PICTURE).headers["location"]
    false = bytes([*PICTURE[:-1], PICTURE[-1] ^ 1])
    answer = device.patch(
        location,
        content=false,
        headers={"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"},
    )
    assert problem(answer) == (460, "wrong-hash")
    assert states(running) == ["wanted", "at_box"]


def test_asked_back_while_it_was_sent(running: Running, sent: tuple) -> None:
    key, device, report = sent
    form(running.reviewer(), report, "ask")
    location = begin(device, PICTURE).headers["location"]
    refuse(running, key, report, "gone")
    answer = device.patch(
        location,
        content=PICTURE,
        headers={"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"},
    )
    assert problem(answer) == (460, "original-not-asked")
    assert states(running) == ["gone", "at_box"]


def refuse(running: Running, key: DeviceKey, report: SealedReport, answer: str, data: bytes = PICTURE) -> None:
    told = OriginalAnswer.model_validate(
        {"report_id": report.body.report_id, "sha256": hashlib.sha256(data).hexdigest(), "answer": answer}
    )
    with running.services.database.write() as session:
        asking.answered(session, key.device_id, [told], now=datetime.now(UTC))


def test_the_boxs_refusal_is_shown_and_told_twice_stands_once(running: Running, sent: tuple) -> None:
    key, _, report = sent
    pages = running.reviewer()
    refuse(running, key, report, "refused")  # nobody had asked
    assert states(running) == ["at_box", "at_box"]
    form(pages, report, "ask")
    for _ in range(2):
        refuse(running, key, report, "refused")
    assert states(running) == ["refused", "at_box"]
    assert [event for event, _, _ in events(running)] == ["original_asked", "original_answered"]
    assert "终端策略不允许原件离开终端" in pages.get("/cases/1").text
    assert form(pages, report, "ask").status_code == 303  # the keeper may have changed the policy
    refuse(running, key, report, "gone")
    assert form(pages, report, "ask").status_code == 409


def test_none_of_it_makes_a_decision_stale(running: Running, sent: tuple) -> None:
    _, device, report = sent
    pages = running.reviewer()
    version = pages.get("/api/v1/cases/1").json()["version"]
    form(pages, report, "ask")
    upload(device, PICTURE)
    form(pages, report, "look")
    confirmed = pages.post("/api/v1/cases/1/actions", json={"version": version, "action": {"action": "confirm"}})
    assert confirmed.status_code == 200
    assert confirmed.json()["version"] > version


def test_kept_are_the_confirmed_and_those_waited_for(running: Running) -> None:
    key, device = running.device()
    ids = []
    for number in range(3):
        report = sealed(key, at=None, originals=(named(picture(80 + number)),))
        assert put(device, report).status_code == 201
        ids.append(report.body.report_id)
    pages = running.reviewer()
    pages.post("/api/v1/cases/1/actions", json={"version": 1, "action": {"action": "confirm"}})
    pages.post(
        "/cases/2/originals/ask",
        data={"report_id": str(ids[1]), "sha256": hashlib.sha256(picture(81)).hexdigest(), "reason": "why"},
    )
    with running.services.database.read() as session:
        assert set(asking.kept(session, key.device_id, ids)) == set(ids[:2])
        assert asking.kept(session, key.device_id, ids[2:]) == ()
        assert asking.kept(session, "0" * 64, ids) == ()


@pytest.mark.parametrize("confirmed", [False, True])
def test_deleted_when_its_time_is_over_unless_confirmed(running: Running, sent: tuple, confirmed: bool) -> None:
    _, device, report = sent
    pages, uploads = running.reviewer(), running.services.uploads
    form(pages, report, "ask")
    upload(device, PICTURE)
    if confirmed:
        version = pages.get("/api/v1/cases/1").json()["version"]
        pages.post("/api/v1/cases/1/actions", json={"version": version, "action": {"action": "confirm"}})
    sha, now = hashlib.sha256(PICTURE).hexdigest(), datetime.now(UTC)
    uploads.expire(now + running.services.settings.originals_life - timedelta(hours=1))
    assert states(running) == ["stored", "at_box"]
    uploads.expire(now + running.services.settings.originals_life + timedelta(hours=1))
    assert uploads.originals.has(sha) is confirmed
    assert states(running)[0] == (OriginalState.STORED if confirmed else OriginalState.DELETED).value
    if not confirmed:
        assert events(running)[-1] == ("original_answered", "system", "deleted")
        assert form(pages, report, "look").status_code == 404
        assert form(pages, report, "ask").status_code == 303
        assert upload(device, PICTURE).status_code == 204
        assert uploads.originals.has(sha)


def test_too_large_an_original_is_not_asked_for(running: Running) -> None:
    key, device = running.device()
    large = named(PICTURE).model_copy(update={"size_bytes": 65 * 1024**2})
    report = sealed(key, originals=(large,))
    assert put(device, report).status_code == 201
    answer = form(running.reviewer(), report, "ask")
    assert answer.status_code == 409
    assert "at most 67108864 are taken here" in answer.text


def test_a_kill_between_row_and_file_leaves_no_original(running: Running, sent: tuple) -> None:
    _, device, report = sent
    form(running.reviewer(), report, "ask")
    upload(device, PICTURE)
    uploads, sha = running.services.uploads, hashlib.sha256(PICTURE).hexdigest()
    uploads.sweep()
    assert uploads.originals.has(sha)
    with running.services.database.write() as session:
        receiving.delete_old(session, now=datetime.now(UTC), life=timedelta(0))
    assert uploads.originals.has(sha)  # killed here
    uploads.sweep()
    assert not uploads.originals.has(sha)
