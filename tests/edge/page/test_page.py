"""The page as phones meet it: the real server, asked over its socket."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from detector.errors import InputError
from detector.note import SealedNote, check_note
from edge.box.settings import PageSettings
from edge.page.notes import UNDO_S
from edge.page.server import PageServer
from tests.edge.page.box import CUES, Box, box_with_page, decoded, found, street

TOKEN = "scrape-me-0123456789"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("box")
    token = folder / "metrics.token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    with box_with_page(folder, metrics_token_file=token, names=("box.lan",)) as running:
        running.look()
        yield running


@pytest.fixture(scope="module")
def paired(box: Box) -> Iterator[httpx.Client]:
    with box.phone() as client:
        yield client


@pytest.fixture
def phone(box: Box, paired: httpx.Client) -> httpx.Client:
    """A paired phone, of a box that stands."""
    if box.says:
        box.beat()
        box.until_free()
    return paired


PICTURES = ("/api/looks/0.jpg", f"/api/reports/{uuid.UUID(int=0)}/picture")
WRITES = ("/api/warned", "/api/missed", "/api/undo")


def test_a_stranger_sees_the_empty_page_and_nothing_else(box: Box) -> None:
    with box.phone(paired=False) as stranger:
        page = stranger.get("/")
        assert page.status_code == 200
        assert "还没有配对" in page.text
        for path in ("/page.css", "/page.js", "/icon.svg"):
            assert stranger.get(path).status_code == 200
        for path in ("/api/state", *PICTURES):
            answer = stranger.get(path)
            assert (answer.status_code, answer.json()["en"]) == (401, "pair this phone first")
        for path in WRITES:
            assert stranger.post(path, json={}).status_code == 401
        assert stranger.get("/docs").status_code == 404
        stranger.cookies.set("kerbwatch_box", "made-up")
        assert stranger.get("/api/state").status_code == 401


def test_the_cookie_is_for_this_page_alone(box: Box) -> None:
    with box.phone(paired=False) as client:
        answer = client.post("/api/pair", json={"code": box.pairings.new_code().lower()})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Domain" not in cookie


def test_every_answer_keeps_strangers_out(phone: httpx.Client) -> None:
    for path in ("/", "/api/state", "/api/looks/0.jpg", "/nothing"):
        headers = phone.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8787", 200),
        ("[::1]:8787", 200),
        ("box.lan", 200),
        (socket.gethostname(), 200),
        # A name that somebody else makes point here.
        ("evil.example", 421),
        ("box.lan.evil.example", 421),
        ("", 421),
        ("[nonsense", 421),
    ],
)
def test_host_names_are_an_allow_list(phone: httpx.Client, host: str, status: int) -> None:
    assert phone.get("/api/state", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "SAME", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": ""}, 403),
    ],
)
def test_writes_come_from_the_page_itself(box: Box, phone: httpx.Client, headers: dict[str, str], status: int) -> None:
    sent = {name: box.page.address if value == "SAME" else value for name, value in headers.items()}
    assert phone.post("/api/missed", json={}, headers=sent).status_code == status


def test_long_bodies_are_not_read(box: Box, phone: httpx.Client) -> None:
    assert phone.post("/api/missed", content=b"x" * 5000).status_code == 413

    def drip() -> Iterator[bytes]:
        yield b"{}"

    assert phone.post("/api/missed", content=drip()).status_code == 413  # says no length
    for body in (b"", b"[]", b"{" * 2000, b"\xff"):
        assert phone.post("/api/warned", content=body).status_code == 422


def test_what_it_says(box: Box, phone: httpx.Client) -> None:
    report_id = box.report(5)
    said = phone.get("/api/state").json()
    assert [(light["name"]["zh"], light["level"]) for light in said["lights"]] == [
        ("摄像头 front", "ok"),
        ("定位", "ok"),
        ("网络", "ok"),
        ("磁盘", "ok"),
    ]
    (look,) = said["looks"]
    assert [(seen["name"]["en"], seen["count"]) for seen in look["seen"]] == [("bicycle", 1)]  # nobody counts people
    report = next(line for line in said["reports"] if line["id"] == str(report_id))
    assert report["reasons"] == [{"zh": "停放在停车区外", "en": "Parked outside the bay"}]
    assert (report["outcome"]["zh"], report["place"], report["note"]) == ("违规", None, None)
    assert phone.get(f"/api/reports/{report_id}/picture").headers["content-type"] == "image/jpeg"


def test_people_are_blurred_before_the_picture_leaves(box: Box, phone: httpx.Client) -> None:
    image = street()
    box.look(2, image)
    shown = decoded(phone.get("/api/looks/0.jpg").content)
    assert shown.shape[1] == 720
    scale = 720 / 1920

    def sharpness(left: float, top: float, right: float, bottom: float) -> float:
        a, b, c, d = (round(v * scale) for v in (left, top, right, bottom))
        return float(np.diff(shown[b:d, a:c].astype(float), axis=1).std())

    assert sharpness(320, 220, 480, 400) < 0.2 * sharpness(700, 100, 1100, 400)


def test_no_picture_rather_than_one_that_cannot_be_blurred(box: Box, phone: httpx.Client) -> None:
    detections = found(person=False)
    nameless = type(detections)(detections.xyxy, detections.confidence, detections.cue * 0, ("bicycle",))
    box.look(3, detections=nameless)
    answer = phone.get("/api/looks/0.jpg")
    assert (answer.status_code, answer.json()["zh"]) == (404, "无法模糊人脸，不显示画面")
    note_id = phone.post("/api/missed", json={}).json()["id"]
    assert check_note(_sealed(box, note_id)).picture is None
    box.look(4)
    assert phone.get("/api/looks/1.jpg").status_code == 404


def _sealed(box: Box, note_id: str) -> SealedNote:
    box.clock["s"] += UNDO_S + 1
    job = next(job for job in box.notes.due(1000) if str(job.note_id) == note_id)
    return SealedNote.model_validate_json(job.sealed)


def test_warned_is_one_note_however_often_it_is_pressed(box: Box, phone: httpx.Client) -> None:
    report_id = box.report(1)
    first = phone.post("/api/warned", json={"report_id": str(report_id)})
    again = phone.post("/api/warned", json={"report_id": str(report_id)})
    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    line = next(r for r in phone.get("/api/state").json()["reports"] if r["id"] == str(report_id))
    assert line["note"]["said"] == "warned"
    note = check_note(_sealed(box, first.json()["id"]))
    assert (note.body.report_id, note.body.picture, note.body.place) == (report_id, None, None)


def test_missed_keeps_time_place_and_blurred_picture(box: Box, phone: httpx.Client) -> None:
    box.look(6)
    made = phone.post("/api/missed", json={"kind": "street_stall", "look": 0}).json()
    assert phone.get("/api/state").json()["undo"]["id"] == made["id"]
    note = check_note(_sealed(box, made["id"]))
    assert note.body.kind == "street_stall"
    assert note.body.place is not None
    assert (note.body.place.lon_deg, note.body.place.lat_deg) == (117.2, 31.8)
    assert note.body.picture is not None
    assert note.picture is not None
    assert "person_head" in note.body.picture.blur_method
    assert decoded(note.picture).shape == (720, 1280, 3)


def test_undo_for_a_minute(box: Box, phone: httpx.Client) -> None:
    first, second = (phone.post("/api/missed", json={}).json()["id"] for _ in range(2))
    assert phone.post("/api/undo", json={"note_id": first}).json() == {"undone": True}
    assert phone.post("/api/undo", json={"note_id": first}).status_code == 409
    box.clock["s"] += UNDO_S
    answer = phone.post("/api/undo", json={"note_id": second})
    assert (answer.status_code, answer.json()["zh"]) == (409, "已超过一分钟，不能撤销")
    waiting = {str(job.note_id) for job in box.notes.due(1000)}
    assert second in waiting
    assert first not in waiting


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/api/warned", {"report_id": str(uuid.UUID(int=1))}, "none of the reports shown has this id"),
        ("/api/warned", {"report_id": 5}, "none of the reports shown has this id"),
        ("/api/missed", {"kind": "person"}, "kind is one of street_stall, out_of_store, "),
        ("/api/missed", {"kind": ["street_stall"]}, "kind is one of"),
        ("/api/undo", {"note_id": "x"}, "its minute is over"),
    ],
)
def test_nonsense_is_told(phone: httpx.Client, path: str, body: dict[str, Any], problem: str) -> None:
    answer = phone.post(path, json=body)
    assert answer.status_code in (409, 422)
    assert problem in answer.json()["en"]


@pytest.mark.parametrize(
    "changes",
    [
        {"gnss": {"speed_m_s": 3.0}},
        # Old news: the box's own loop hangs, and nobody knows.
        {"monotonic_s": 1.0},
    ],
)
def test_nothing_can_be_pressed_or_looked_at_while_riding(
    box: Box, phone: httpx.Client, changes: dict[str, Any]
) -> None:
    report_id = box.report(2)
    box.beat(**changes)
    _wait_for(lambda: phone.get("/api/state").json()["riding"])
    assert set(phone.get("/api/state").json()) == {"riding", "alarms"}
    for path in (*PICTURES[:1], f"/api/reports/{report_id}/picture"):
        assert phone.get(path).status_code == 409
    for path, body in (
        ("/api/warned", {"report_id": str(report_id)}),
        ("/api/missed", {}),
        ("/api/undo", {"note_id": "x"}),
    ):
        answer = phone.post(path, json=body)
        assert (answer.status_code, answer.json()["zh"]) == (409, "行驶中，停车后再操作")


def _wait_for(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_without_a_time_nothing_is_noted(box: Box, phone: httpx.Client) -> None:
    box.beat(time_told_by="unset")
    answer = phone.post("/api/missed", json={})
    assert (answer.status_code, answer.json()["zh"]) == (409, "时钟未设置，不能记录")


def test_metrics_are_for_this_machine_or_the_token(box: Box) -> None:
    with httpx.Client(base_url=box.page.address) as collector:
        assert b"kerbwatch_box_up 1.0" in collector.get("/metrics").content
        assert collector.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert collector.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403


def test_guesses_are_few(tmp_path: Path) -> None:
    with box_with_page(tmp_path) as box, box.phone(paired=False) as guesser:
        code = box.pairings.new_code()
        answers = [guesser.post("/api/pair", json={"code": "AAAA-AAAA"}).status_code for _ in range(12)]
        assert answers == [403] * 10 + [429] * 2
        # Even the right one has to wait, and has ended with the tenth wrong guess.
        assert guesser.post("/api/pair", json={"code": code}).status_code == 429


def test_an_address_that_is_taken(box: Box) -> None:
    port = int(box.page.address.rsplit(":", 1)[1])
    with pytest.raises(InputError, match=rf"page: cannot listen on 127.0.0.1 port {port}: Address already in use"):
        PageServer(PageSettings(port=port), box.board, box.notes, pairings=box.pairings)
    with pytest.raises(InputError, match=r"page: cannot listen on no.such.host.invalid port 8787"):
        PageServer(PageSettings(host="no.such.host.invalid"), box.board, box.notes, pairings=box.pairings)


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        ("short", 0o600, "holds no token: at least 16 ASCII characters"),
        (TOKEN, 0o644, "can be read by others"),
    ],
)
def test_a_bad_metrics_token(box: Box, tmp_path: Path, text: str, mode: int, problem: str) -> None:
    token = tmp_path / "token"
    token.write_text(text)
    token.chmod(mode)
    with pytest.raises(InputError, match=problem) as told:
        PageServer(PageSettings(port=0, metrics_token_file=token), box.board, box.notes, pairings=box.pairings)
    assert TOKEN not in str(told.value)


def test_no_json_holds_what_only_the_box_knows(box: Box, phone: httpx.Client) -> None:
    text = json.dumps(phone.get("/api/state").json())
    for secret in (phone.cookies["kerbwatch_box"], "rtsp://", CUES[0]):
        assert secret not in text
