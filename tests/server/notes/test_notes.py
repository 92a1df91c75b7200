"""Riders' notes from the box's own store over a real socket into the case's history and the page of missed things."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from detector.errors import SealError
from detector.evidence.seal import DeviceKey
from detector.note import NoteBody, NotePicture, NotePlace, SealedNote, check_note, seal_note
from detector.vocabulary import Kind
from edge.page.notes import UNDO_S, BlurredPicture, NoteStore
from edge.page.notes_uplink import NotesSent, send_notes
from edge.wire import NotEnrolled, ServerClient
from server.cases.history import check_chain
from server.db.tables import Case
from tests.server.harness import Running, make_settings, problem, put, run, sealed

AT = datetime(2026, 5, 17, 9, 40, tzinfo=UTC)


def jpeg(width_px: int = 320, height_px: int = 180) -> bytes:
    done, data = cv2.imencode(".jpg", np.full((height_px, width_px, 3), 120, np.uint8))
    assert done
    return data.tobytes()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with run(make_settings(tmp_path / "data")) as service:
        yield service


def note(key: DeviceKey, jpeg_: bytes | None = None, /, **changes: Any) -> dict[str, Any]:
    """A sealed note as the wire carries it."""
    body: dict[str, Any] = {"note_id": uuid.uuid4(), "device_id": key.device_id, "said": "missed", "made_at": AT}
    return json.loads(seal_note(NoteBody.model_validate(body | changes), key, jpeg_))


def send(device: httpx.Client, sent: dict[str, Any]) -> httpx.Response:
    return device.put(f"/api/v1/notes/{sent['body']['note_id']}", json=sent)


def test_from_the_box_to_the_case(running: Running, tmp_path: Path) -> None:
    key, device = running.device()
    report, late = sealed(key), sealed(key, minutes=30.0, pass_id="pass-9")
    case_id = put(device, report).json()["case_id"]
    now = {"s": 0.0}
    token = SecretStr(device.headers["Authorization"].removeprefix("Bearer "))
    picture = BlurredPicture(jpeg(), 320, 180, "person_head", "front", AT)
    place = NotePlace(lon_deg=117.2, lat_deg=31.8, sigma_m=3.0)
    with NoteStore(tmp_path / "box", key, clock=lambda: now["s"]) as notes, ServerClient(running.url, token) as client:
        notes.warned(report.body.report_id, AT)
        notes.missed(AT, kind=Kind.STREET_STALL, place=place, picture=picture)
        notes.warned(late.body.report_id, AT)
        assert send_notes(client, notes) == NotesSent()  # their minute is not over
        now["s"] = UNDO_S + 1
        assert send_notes(client, notes, lambda _: False) == NotesSent()  # no bytes left today
        first = send_notes(client, notes)
        assert (first.sent, first.postponed, first.refused) == (2, 1, 0)
        put(device, late)
        assert send_notes(client, notes).sent == 1
        assert (send_notes(client, notes), notes.waiting()) == (NotesSent(), 0)
    with running.services.database.read() as session:
        case = session.get(Case, case_id)
        assert case is not None
        check_chain(case_id, case.events)
        warned = [line for line in case.events if line.action["event"] == "warned"]
        assert warned[0].actor == f"device:{key.device_id[:16]}"
        assert warned[0].action["report_id"] == str(report.body.report_id)
    pages = running.reviewer()
    shown = pages.get(f"/cases/{case_id}").text
    assert "巡查员已现场劝导（2026-05-17 09:40 UTC）" in shown
    assert "首违不罚" in shown
    missed = pages.get("/missed").text
    assert "占道摊点" in missed
    assert "mlat=31.800000&amp;mlon=117.200000" in missed
    address = missed.split('<img src="/missed/')[1].split('"')[0]
    answer = pages.get(f"/missed/{address}")
    assert (answer.content, answer.headers["content-type"]) == (jpeg(), "image/jpeg")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_warning_does_not_overtake_a_reviewer(running: Running) -> None:
    key, device = running.device()
    report = sealed(key)
    case_id = put(device, report).json()["case_id"]
    pages = running.reviewer()
    version = pages.get(f"/api/v1/cases/{case_id}").json()["version"]
    assert send(device, note(key, said="warned", report_id=report.body.report_id)).status_code == 201
    acted = pages.post(f"/api/v1/cases/{case_id}/actions", json={"version": version, "action": {"action": "confirm"}})
    assert acted.status_code == 200


def test_once_whatever_the_link_does(running: Running) -> None:
    key, device = running.device()
    report = sealed(key)
    put(device, report)
    sent = note(key, said="warned", report_id=report.body.report_id)
    answers = [send(device, sent) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].json() == answers[2].json()
    other = note(key, note_id=uuid.UUID(sent["body"]["note_id"]))
    assert problem(send(device, other)) == (409, "note-conflict")
    with running.services.database.read() as session:
        case = session.get(Case, 1)
        assert case is not None
        assert [line.action["event"] for line in case.events] == ["opened", "warned"]


def test_only_from_the_box_that_sealed_it(running: Running) -> None:
    key, device = running.device()
    _, other = running.device(name="another box")
    report = sealed(key)
    put(device, report)
    assert problem(send(other, note(key))) == (403, "wrong-device")
    stranger = DeviceKey.generate()
    assert problem(send(device, note(stranger))) == (403, "wrong-device")
    assert send(running.client(), note(key)).status_code == 401
    assert send(running.reviewer(), note(key)).status_code == 401
    assert running.client().get("/missed").status_code == 401


CHANGES: list[tuple[Callable[[dict[str, Any]], object], tuple[int, str]]] = [
    (lambda sent: sent["body"].update(made_at="2026-05-17T09:41:00Z"), (422, "broken-seal")),
    (lambda sent: sent["body"].update(made_at="2026-05-17T09:41:00"), (422, "refused")),
    (lambda sent: sent.update(picture_base64="AAAA"), (422, "broken-seal")),
    (lambda sent: sent.update(picture_base64="!"), (422, "broken-seal")),
    (lambda sent: sent.update(picture_base64=None), (422, "broken-seal")),
    (lambda sent: sent["seal"].update(signature="0" * 128), (422, "broken-seal")),
    (lambda sent: sent["seal"].update(public_key=DeviceKey.generate().public_key), (422, "broken-seal")),
    (lambda sent: sent.update(more=1), (422, "refused")),
    (lambda sent: sent["body"].update(note_id=str(uuid.uuid4())), (422, "broken-seal")),
]


def test_changed_on_the_way(running: Running) -> None:
    key, device = running.device()
    for number, (change, expected) in enumerate(CHANGES):
        sent = note(key, jpeg(), picture=named(jpeg()))
        change(sent)
        assert problem(send(device, sent)) == expected, number


def named(data: bytes, width_px: int = 320) -> NotePicture:
    return NotePicture(
        sha256=sha256(data).hexdigest(),
        size_bytes=len(data),
        width_px=width_px,
        height_px=180,
        blur_method="person_head",
        camera_id="front",
        captured_at=AT,
    )


def test_what_is_no_note(running: Running) -> None:
    key, device = running.device()
    sent = note(key)
    assert problem(device.put(f"/api/v1/notes/{uuid.uuid4()}", json=sent)) == (422, "wrong-id")
    assert problem(send(device, note(key, said="warned", report_id=uuid.uuid4()))) == (409, "report-not-here")
    assert problem(send(device, note(key, b"no jpeg", picture=named(b"no jpeg")))) == (422, "refused")
    assert problem(send(device, note(key, jpeg(), picture=named(jpeg(), 640)))) == (422, "refused")
    sent["picture_base64"] = "A" * 800_000
    assert send(device, sent).status_code == 413
    assert running.reviewer().get(f"/missed/{uuid.uuid4()}.jpg").status_code == 404


def test_a_box_that_is_refused_keeps_its_notes(running: Running, tmp_path: Path) -> None:
    key = DeviceKey.generate()
    with (
        NoteStore(tmp_path / "box", key) as notes,
        ServerClient(running.url, SecretStr("nobody's")) as client,
    ):
        notes.missed(AT, kind=None, place=None, picture=None)
    with NoteStore(tmp_path / "box", key) as notes, ServerClient(running.url, SecretStr("nobody's")) as client:
        with pytest.raises(NotEnrolled):
            send_notes(client, notes)
        assert notes.waiting() == 1  # held when it was closed, queued when opened again


def test_a_note_is_sealed_by_its_own_device_and_names_its_picture() -> None:
    key = DeviceKey.generate()
    body = NoteBody(note_id=uuid.uuid4(), device_id=DeviceKey.generate().device_id, said="missed", made_at=AT)
    with pytest.raises(SealError, match="names device"):
        seal_note(body, key)
    with pytest.raises(SealError, match="the body names no picture"):
        seal_note(body.model_copy(update={"device_id": key.device_id}), key, jpeg())
    sealed_note = SealedNote.model_validate(note(key, jpeg(), picture=named(jpeg())))
    assert check_note(sealed_note).picture == jpeg()


@pytest.mark.parametrize(
    ("changes", "problem_"),
    [
        ({"said": "warned"}, "report_id belongs to 'warned'"),
        ({"report_id": uuid.uuid4()}, "report_id belongs to 'warned'"),
        ({"said": "warned", "report_id": uuid.uuid4(), "kind": "street_stall"}, "'warned' carries no kind"),
    ],
)
def test_notes_that_make_no_sense(changes: dict[str, Any], problem_: str) -> None:
    with pytest.raises(ValueError, match=problem_):
        note(DeviceKey.generate(), **changes)
