"""Cases over HTTP: lists, decisions, undoing, labels, history and the download that anyone can verify."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.errors import SealError
from detector.evidence.verify import verify_folder
from server.cases import history, workflow
from server.db.tables import CaseEvent
from tests.server.harness import Running, item, picture, place, problem, put, sealed, upload

DATA = picture()
SHA = item(DATA).sha256


def with_case(running: Running, **changes: Any) -> tuple[httpx.Client, str]:
    """A reviewer, and the id of the report of case 1."""
    key, device = running.device()
    report = sealed(key, **changes)
    put(device, report)
    upload(device, DATA)
    return running.reviewer(), str(report.body.report_id)


def act(client: httpx.Client, version: int, action: str, **fields: Any) -> httpx.Response:
    return client.post("/api/v1/cases/1/actions", json={"version": version, "action": {"action": action, **fields}})


def labels(answer: httpx.Response) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    return [(box["cue"], box["origin"], box["verdict"]) for box in answer.json()["labels"]]


def test_confirm_makes_the_subject_a_label_and_undo_takes_it_back(running: Running) -> None:
    client, _ = with_case(running)
    confirmed = act(client, 1, "confirm")
    assert confirmed.json()["state"] == "confirmed"
    assert confirmed.json()["decided_at"] is not None
    assert labels(confirmed) == [("bicycle", "model", "violation")]
    undone = act(client, 2, "undo")
    assert (undone.json()["state"], undone.json()["decided_at"]) == ("pending", None)
    assert labels(undone) == []
    assert [line["action"]["event"] for line in undone.json()["history"]] == ["opened", "decided", "undone"]
    assert problem(act(client, 3, "undo")) == (422, "nothing-to-undo")


@pytest.mark.parametrize("family", ["not_the_object", "object_but_allowed"])
def test_reject_families(running: Running, family: str) -> None:
    client, _ = with_case(running)
    reason = "许可摊位 · permitted <b>stall</b>'; --"
    answer = act(client, 1, "reject", family=family, reason=reason)
    verdict = {"not_the_object": "not_the_object", "object_but_allowed": "allowed"}[family]
    assert labels(answer) == [("bicycle", "model", verdict)]
    body = answer.json()
    assert (body["state"], body["reject_family"], body["reject_reason"]) == ("rejected", family, reason)
    again = act(client, 2, "confirm").json()
    assert (again["state"], again["reject_family"], again["reject_reason"]) == ("confirmed", None, None)


def test_cue_and_box_are_kept_from_before_the_verdict(running: Running) -> None:
    client, report_id = with_case(running)
    act(client, 1, "change_cue", cue="motorcycle")
    drawn = {"report_id": report_id, "sha256": SHA, "box": 0, "xyxy_px": [1, 2, 30, 40]}
    act(client, 2, "redraw_box", **drawn)
    answer = act(client, 3, "confirm")
    assert labels(answer) == [("motorcycle", "reviewer", "violation")]
    assert answer.json()["labels"][0]["xyxy_px"] == [1, 2, 30, 40]
    assert answer.json()["cue"] == "motorcycle"
    act(client, 4, "undo")  # the verdict
    act(client, 5, "undo")  # the box
    answer = act(client, 6, "confirm")
    assert answer.json()["labels"][0]["xyxy_px"] == [4, 4, 40, 40]
    act(client, 7, "undo")
    assert act(client, 8, "undo").json()["cue"] == "bicycle"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"action": "change_cue", "cue": "spaceship"}, (422, "no-such-cue")),
        ({"action": "redraw_box", "box": 2}, (422, "no-such-box")),
        ({"action": "redraw_box", "sha256": "0" * 64}, (422, "no-such-box")),
        ({"action": "redraw_box", "xyxy_px": [0, 0, 65, 10]}, (422, "box-outside")),
        ({"action": "redraw_box", "xyxy_px": [-1, 0, 60, 10]}, (422, "box-outside")),
        ({"action": "redraw_box", "xyxy_px": [9, 0, 9, 10]}, (422, "refused")),
        ({"action": "redraw_box", "xyxy_px": [0, 0, "inf", 10]}, (422, "refused")),
        ({"action": "reject", "family": "because", "reason": "x"}, (422, "refused")),
        ({"action": "reject", "family": "not_the_object", "reason": ""}, (422, "refused")),
        ({"action": "explode"}, (422, "refused")),
        ({"action": "confirm", "state": "closed"}, (422, "refused")),
    ],
)
def test_actions_that_make_no_sense_change_nothing(
    running: Running, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    client, report_id = with_case(running)
    if fields["action"] == "redraw_box":
        fields = {"report_id": report_id, "sha256": SHA, "box": 0, "xyxy_px": [0, 0, 9, 9], **fields}
    assert problem(act(client, 1, **fields)) == expected
    assert client.get("/api/v1/cases/1").json()["version"] == 1


def test_second_reviewer_on_an_old_version_gets_409(running: Running) -> None:
    client, _ = with_case(running)
    act(client, 1, "confirm")
    late = act(client, 1, "reject", family="not_the_object", reason="x")
    assert problem(late) == (409, "stale-version")
    assert late.json()["version"] == 2
    assert client.get("/api/v1/cases/1").json()["state"] == "confirmed"


def test_sighting_after_the_verdict_is_no_label(running: Running) -> None:
    key, device = running.device()
    put(device, sealed(key))
    client = running.reviewer()
    act(client, 1, "confirm")
    put(device, sealed(key, pass_id="pass-2", evidence=(item(picture(5)),)))
    detail = client.get("/api/v1/cases/1")
    assert (detail.json()["sightings"], detail.json()["state"]) == (2, "confirmed")
    assert len(labels(detail)) == 1


def test_history_shows_any_change(running: Running) -> None:
    client, _ = with_case(running)
    act(client, 1, "confirm")
    act(client, 2, "undo")
    with running.services.database.read() as session:
        lines = workflow.get(session, 1).events
        history.check_chain(1, lines)
        with pytest.raises(SealError, match="history of case 1: line 2 is missing"):
            history.check_chain(1, [lines[0], lines[2]])
    with running.services.database.write() as session:
        line = session.get(CaseEvent, (1, 2))
        assert line is not None
        line.actor = "reviewer:somebody else"
    with running.services.database.read() as session:
        lines = workflow.get(session, 1).events
        with pytest.raises(SealError, match="line 2 was changed after it was written"):
            history.check_chain(1, lines)


def test_list_filters_and_pages(running: Running) -> None:
    key, device = running.device()
    for number in range(5):
        put(device, sealed(key, at=place(east_m=number * 60.0), minutes=number))
    put(device, sealed(key, at=None))
    client = running.reviewer()
    act(client, 1, "confirm")

    def ids(**params: Any) -> list[int]:
        answer = client.get("/api/v1/cases", params=params)
        assert answer.status_code == 200, answer.text
        return [case["id"] for case in answer.json()["cases"]]

    assert ids() == [6, 5, 4, 3, 2, 1]
    assert ids(state="confirmed") == [1]
    assert ids(kind="street_stall") == []
    assert ids(place_known=False) == [6]
    assert ids(device_id=key.device_id, limit=1) == [6]
    assert ids(device_id="0" * 64) == []
    assert ids(seen_from="2026-05-17T09:33:00Z") == [5, 4]
    assert ids(seen_to="2026-05-17T09:29:59Z", place_known=True) == [1]
    first = client.get("/api/v1/cases", params={"limit": 4}).json()
    assert (first["total"], first["next_before"]) == (6, 3)
    rest = client.get("/api/v1/cases", params={"limit": 4, "before": first["next_before"]}).json()
    assert ([case["id"] for case in rest["cases"]], rest["next_before"]) == ([2, 1], None)


@pytest.mark.parametrize(
    "query", ["state=x", "kind=' OR 1=1", "limit=0", "limit=1000", "before=x", "seen_from=2026-05-17T09:30:00"]
)
def test_bad_filters_are_422(running: Running, query: str) -> None:
    assert problem(running.reviewer().get(f"/api/v1/cases?{query}")) == (422, "refused")


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/cases/9", 404), ("/api/v1/cases/x", 422), ("/api/v1/cases/9/download", 404)]
)
def test_case_that_is_not_there(running: Running, path: str, status: int) -> None:
    assert problem(running.reviewer().get(path))[0] == status


def test_download_is_what_verify_reads(running: Running, tmp_path: Path) -> None:
    client, report_id = with_case(running)
    answer = client.get("/api/v1/cases/1/download")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="case-1.zip"'
    assert answer.content == client.get("/api/v1/cases/1/download").content
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"reports/{report_id}.json", f"evidence/{SHA}.jpg"]
        archive.extractall(tmp_path / "case")
    (tmp_path / "case.zip").write_bytes(answer.content)
    for case in (tmp_path / "case", tmp_path / "case.zip"):
        checked = verify_folder(case)
        assert (checked.reports, checked.files, checked.breaks) == (1, 1, ())
    (tmp_path / "case" / "evidence" / f"{SHA}.jpg").write_bytes(DATA + b"!")
    assert not verify_folder(tmp_path / "case").ok
