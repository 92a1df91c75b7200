"""PUT and GET of reports: once, whole, and only from the device that sealed them."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from detector.evidence.seal import DeviceKey, sealed_bytes
from detector.report import Covariance, ReportPlace
from server.settings import Limits
from tests.server.harness import Running, item, make_settings, picture, place, problem, put, run, sealed, upload

JSON = {"Content-Type": "application/json"}


def test_report_is_taken_once_and_says_what_is_missing(running: Running) -> None:
    key, device = running.device()
    report = sealed(key)
    sha256 = report.body.evidence[0].sha256
    first, again = put(device, report), put(device, report)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "report_id": str(report.body.report_id),
        "body_sha256": report.seal.body_sha256,
        "missing_evidence": [sha256],
        "complete": False,
        "case_id": 1,
        "case_url": f"{running.services.settings.base_url}/cases/1",
    }
    assert upload(device, picture()).status_code == 204
    state = device.get(f"/api/v1/reports/{report.body.report_id}")
    assert (state.json()["missing_evidence"], state.json()["complete"]) == ([], True)


MOVED = {"east_m": 1.5, "north_m": -0.5, "cov": {"ee_m2": 0.3, "en_m2": 0.1, "nn_m2": 0.3}, "anchors": 5}


def test_reports_from_before_and_after_offsets_make_one_case(running: Running) -> None:
    key, device = running.device()
    old = sealed(key)
    assert b"offset" not in sealed_bytes(old)
    here = place().model_dump(mode="json")
    new = sealed(key, at=ReportPlace.model_validate(here | {"offset": MOVED}), pass_id="pass-2", minutes=20.0)
    assert [put(device, report).status_code for report in (old, new, old, new)] == [201, 201, 200, 200]
    assert put(device, new).json()["case_id"] == put(device, old).json()["case_id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"east_m": "NaN"},
        {"east_m": 1e400},
        {"north_m": -2000.0},
        {"anchors": 0},
        {"cov": {"ee_m2": 0.3, "en_m2": 0.5, "nn_m2": 0.3}},
        {"cov": {"ee_m2": -0.3, "en_m2": 0.0, "nn_m2": 0.3}},
        {"cov": {"ee_m2": float("nan"), "en_m2": 0.0, "nn_m2": 0.3}},
    ],
)
def test_an_offset_that_is_none_is_422(running: Running, changes: dict[str, Any]) -> None:
    key, device = running.device()
    sent = json.loads(sealed_bytes(sealed(key)))
    sent["body"]["place"]["offset"] = MOVED | changes
    answer = device.put(f"/api/v1/reports/{sent['body']['report_id']}", content=json.dumps(sent), headers=JSON)
    assert problem(answer) == (422, "refused")


def test_the_widest_errors_a_report_may_give_make_a_case(running: Running) -> None:
    key, device = running.device()
    wide = Covariance(ee_m2=1e15, en_m2=1e15, nn_m2=1e15)
    for minutes in (0.0, 20.0, 40.0):
        where = place().model_copy(update={"cov_own": wide, "cov_pass": wide})
        assert put(device, sealed(key, at=where, pass_id=f"p{minutes}", minutes=minutes)).status_code == 201


def test_any_json_spelling_of_the_same_body_is_the_same_body(running: Running) -> None:
    key, device = running.device()
    report = sealed(key)
    url = f"/api/v1/reports/{report.body.report_id}"
    spaced = json.dumps(json.loads(sealed_bytes(report)), indent=3)
    assert device.put(url, content=spaced, headers=JSON).status_code == 201
    assert put(device, report).status_code == 200


def test_same_id_with_another_body_is_409(running: Running) -> None:
    key, device = running.device()
    report = sealed(key)
    other = sealed(key, report_id=report.body.report_id, hit_key=report.body.hit_key, probability=0.5)
    assert put(device, report).status_code == 201
    assert problem(put(device, other)) == (409, "report-conflict")
    state = device.get(f"/api/v1/reports/{report.body.report_id}").json()
    assert state["body_sha256"] == report.seal.body_sha256


def test_same_hit_under_another_id_is_409_and_names_the_first(running: Running) -> None:
    key, device = running.device()
    report = sealed(key)
    put(device, report)
    answer = put(device, sealed(key, hit_key=report.body.hit_key))
    assert problem(answer) == (409, "hit-already-reported")
    assert answer.json()["report_id"] == str(report.body.report_id)


def test_another_device_cannot_take_a_known_report_id(running: Running) -> None:
    (key, device), (other_key, other) = running.device(), running.device()
    report = sealed(key)
    put(device, report)
    assert problem(put(other, sealed(other_key, report_id=report.body.report_id))) == (409, "report-conflict")
    assert problem(other.get(f"/api/v1/reports/{report.body.report_id}")) == (404, "not-found")


def test_report_sealed_by_another_device_is_refused(running: Running) -> None:
    _, device = running.device()
    assert problem(put(device, sealed(DeviceKey.generate()))) == (403, "wrong-device")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "0" * 5000, "Bearer '; --"])
def test_unknown_device_is_401(running: Running, token: str) -> None:
    client = running.client(Authorization=token)
    assert problem(put(client, sealed(DeviceKey.generate()))) == (401, "unauthorised")


def _changed(report: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split("/")
    target: Any = report
    for name in parents:
        target = target[int(name) if name.isdigit() else name]
    target[last] = value
    return report


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("body/probability", 0.99, "broken-seal"),  # changed after sealing
        ("body/evidence/0/sha256", "0" * 64, "broken-seal"),  # evidence swapped
        ("seal/signature", "0" * 128, "broken-seal"),
        ("seal/body_sha256", "0" * 64, "broken-seal"),
        ("seal/public_key", "1" * 64, "broken-seal"),  # another key than the device's
        ("seal/algorithm", "none", "refused"),
        ("body/extra", 1, "refused"),  # a field nobody knows
        ("body/place/lon_deg", 181, "refused"),
        ("body/first_seen_at", "2026-05-17T09:30:00", "refused"),  # a time without a zone
        ("body/evidence", [], "refused"),
        ("body/report_id", str(uuid.UUID(int=7)), "wrong-id"),
    ],
)
def test_wrong_content_is_422(running: Running, path: str, value: Any, expected: str) -> None:
    key, device = running.device()
    report = sealed(key)
    changed = _changed(json.loads(sealed_bytes(report)), path, value)
    answer = device.put(f"/api/v1/reports/{report.body.report_id}", json=changed)
    assert problem(answer) == (422, expected)
    assert problem(device.get(f"/api/v1/reports/{report.body.report_id}")) == (404, "not-found")


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"{", JSON, (400, "bad-request")),
        (b"", JSON, (400, "bad-request")),
        (b"\xff\xfe", JSON, (400, "bad-request")),
        (b"[" * 100_000, JSON, (400, "bad-request")),  # nested without end
        (b"null", JSON, (422, "refused")),
        (b"{}", {"Content-Type": "text/plain"}, (415, "unsupported-media")),
    ],
)
def test_unreadable_body(running: Running, content: bytes, headers: dict[str, str], expected: tuple[int, str]) -> None:
    _, device = running.device()
    assert problem(device.put(f"/api/v1/reports/{uuid.uuid4()}", content=content, headers=headers)) == expected


def test_id_that_is_none_is_422(running: Running) -> None:
    _, device = running.device()
    assert problem(device.put("/api/v1/reports/x' OR 1=1", content=b"{}", headers=JSON)) == (422, "refused")


@pytest.mark.parametrize("chunked", [False, True])
def test_huge_body_is_413_whether_announced_or_not(running: Running, chunked: bool) -> None:
    _, device = running.device()
    huge = b" " * (running.services.settings.limits.report_bytes + 1)
    content = iter([huge[: len(huge) // 2], huge[len(huge) // 2 :]]) if chunked else huge
    answer = device.put(f"/api/v1/reports/{uuid.uuid4()}", content=content, headers=JSON)
    assert problem(answer)[0] == 413


def test_evidence_beyond_the_limits_is_refused_with_its_report(running: Running) -> None:
    key, device = running.device()
    big = item(picture(), size_bytes=running.services.settings.limits.evidence_bytes + 1)
    wide = item(picture(), width_px=20_000, height_px=20_000)
    assert problem(put(device, sealed(key, evidence=(big,)))) == (422, "evidence-too-large")
    assert problem(put(device, sealed(key, evidence=(wide,)))) == (422, "evidence-too-large")


def test_evidence_the_device_sent_before_is_not_asked_for_again(running: Running) -> None:
    (key, device), (other_key, other) = running.device(), running.device()
    data = picture()
    put(device, sealed(key))
    upload(device, data)
    assert put(device, sealed(key)).json()["complete"]
    # Another device must show that it holds the bytes itself.
    assert put(other, sealed(other_key)).json()["missing_evidence"] == [item(data).sha256]
    assert upload(other, data).status_code == 204


HOSTILE = ["'; DROP TABLE cases; --", "<script>alert(1)</script>", "{{7*7}}", "../../etc/passwd", "街序 🚲 \u202e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(running: Running, name: str) -> None:
    key, device = running.device(name=name)
    report = sealed(key, pass_id=name, track_id=name, patrol_id=name, source_id=name, rule_id=name, zone_ids=(name,))
    assert put(device, report).status_code == 201
    reviewer = running.reviewer()
    assert reviewer.get("/api/v1/cases/1").json()["sighting_list"][0]["pass_id"] == name
    for page in ("/cases", "/cases/1", "/devices"):
        shown = reviewer.get(page)
        assert shown.status_code == 200
        assert "<script>alert" not in shown.text
    assert reviewer.get("/api/v1/cases").json()["total"] == 1


def test_two_puts_of_one_report_at_once_make_one_case(running: Running) -> None:
    key, device = running.device()
    reports = [sealed(key, pass_id=f"pass-{n}", minutes=n) for n in range(4)]
    answers: list[int] = []

    def send(report_number: int) -> None:
        with running.client(**dict(device.headers)) as client:
            answers.append(put(client, reports[report_number]).status_code)

    threads = [threading.Thread(target=send, args=(n % 4,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each is new once; all stand on one spot, so whoever came first opened the case.
    assert sorted(answers) == [200] * 8 + [201] * 4
    cases = running.reviewer().get("/api/v1/cases").json()
    assert [(c["sightings"]) for c in cases["cases"]] == [4]


def test_nothing_is_taken_when_the_disk_is_nearly_full(tmp_path: Path) -> None:
    with run(make_settings(tmp_path / "data", limits=Limits(reserve_bytes=2**62))) as running:
        key, device = running.device()
        report = sealed(key)
        answer = put(device, report)
        assert problem(answer) == (507, "no-space")
        assert int(answer.headers["Retry-After"]) > 0
        assert problem(device.get(f"/api/v1/reports/{report.body.report_id}")) == (404, "not-found")


def test_full_database_disk_is_507_and_the_report_can_come_again(running: Running) -> None:
    key, device = running.device()
    report = sealed(key, evidence=tuple(item(picture(seed)) for seed in range(40)))
    engine = running.services.database.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    engine.dispose()  # the bound below belongs to one connection, and there must be no other

    def bound(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages + 1}")

    from sqlalchemy import event

    event.listen(engine, "checkout", bound)
    assert problem(put(device, report)) == (507, "no-space")
    event.remove(engine, "checkout", bound)
    engine.dispose()
    assert put(device, report).status_code == 201
