"""Heartbeats: taken from devices alone, answered with what is asked of the box, shown to people."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from detector.heartbeat import Orders
from server.boxes.overview import OVERDUE, PARKED
from server.db.tables import Device, DeviceBeat
from tests.server.harness import Running, problem, put, sealed

HEARTBEAT = "/api/v1/devices/heartbeat"


def beat(**changes: Any) -> dict[str, Any]:
    """A heartbeat of a box that does well."""
    now = datetime.now(UTC).isoformat()
    camera = {"camera_id": "front", "state": "live", "frame_age_s": 0.1, "looks": 7, "connections": 1}
    said: dict[str, Any] = {
        "schema": "kerbwatch-heartbeat/1",
        "sent_at": now,
        "time_told_by": "gnss",
        "software": "0.1.0",
        "pack_version": None,
        "uptime_s": 60.0,
        "cameras": [camera],
        "gnss": "fix",
        "reports_waiting": 1,
        "files_waiting": 2,
        "bytes_waiting": 3_400_000,
        "sent_today_bytes": 5,
        "disk_free_bytes": 10**9,
        "rss_bytes": 10**8,
        "alarms": [],
    }
    return {**said, **changes}


def alarm(severity: str = "critical") -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    words = {"zh": "磁盘已满 <b>", "en": "The disk is full <b>"}
    return {"code": "disk_full", "severity": severity, "about": "state", "since": at, **words}


def seen(running: Running, age: timedelta) -> None:
    """Make the newest heartbeat so old."""
    with running.services.database.write() as session:
        session.query(DeviceBeat).one().received_at = datetime.now(UTC) - age


def boxes_page(running: Running) -> str:
    with running.reviewer() as reviewer:
        return reviewer.get("/boxes", headers={"Accept": "text/html"}).raise_for_status().text


def test_a_heartbeat_is_kept_and_answered(running: Running) -> None:
    key, device = running.device()
    answer = device.post(HEARTBEAT, json=beat())
    assert answer.status_code == 200
    orders = Orders.model_validate_json(answer.content)
    assert (orders.keep, orders.wanted, orders.pack) == ((), (), None)
    device.post(HEARTBEAT, json=beat(uptime_s=120.0)).raise_for_status()
    with running.services.database.read() as session:
        row = session.query(DeviceBeat).one()
        assert (row.device_id, row.beat["uptime_s"]) == (key.device_id, 120.0)
        assert abs(row.clock_ahead_s) < 10
        assert session.query(Device).one().last_seen_at is not None


def test_what_a_person_confirmed_is_to_be_kept(running: Running) -> None:
    key, device = running.device()
    kept, other = sealed(key), sealed(key, at=None)
    case_id = put(device, kept).json()["case_id"]
    put(device, other).raise_for_status()
    with running.reviewer() as reviewer:
        reviewer.post(
            f"/api/v1/cases/{case_id}/actions", json={"version": 1, "action": {"action": "confirm"}}
        ).raise_for_status()
    asked = [str(kept.body.report_id), str(other.body.report_id), str(uuid.uuid4())]
    orders = device.post(HEARTBEAT, json=beat(asks_about=asked)).json()
    assert orders["keep"] == asked[:1]


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "kerbwatch-heartbeat/2"},
        {"lat_deg": 39.0},  # a position is nobody's business
        {"uptime_s": -1},
        {"gnss": "lost"},
        {"software": "a\nb"},
        {"cameras": [{}] * 33},
        {"alarms": [alarm()] * 65},
        {"asks_about": ["x"]},
    ],
)
def test_what_is_no_heartbeat_is_refused(running: Running, changes: dict[str, Any]) -> None:
    _, device = running.device()
    assert problem(device.post(HEARTBEAT, json=beat(**changes))) == (422, "refused")


@pytest.mark.parametrize("content", [b'{"a":"\xff"}', b"[" * 100_000], ids=["no text", "too deep"])
def test_what_cannot_be_read_is_refused(running: Running, content: bytes) -> None:
    _, device = running.device()
    answer = device.post(HEARTBEAT, content=content, headers={"Content-Type": "application/json"})
    assert problem(answer) == (400, "bad-request")


def test_only_devices_send_heartbeats_and_not_all_the_time(running: Running) -> None:
    with httpx.Client(base_url=running.url, trust_env=False) as stranger:
        assert problem(stranger.post(HEARTBEAT, json=beat())) == (401, "unauthorised")
    _, device = running.device()
    answers = [device.post(HEARTBEAT, json=beat()).status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


def test_the_largest_heartbeat_is_taken_and_a_larger_one_is_not_read(running: Running) -> None:
    _, device = running.device()
    loud = alarm() | {"zh": "满" * 200, "en": "x" * 200, "about": "y" * 200}
    large = beat(alarms=[loud] * 64, asks_about=[str(uuid.uuid4()) for _ in range(500)])
    assert device.post(HEARTBEAT, json=large).status_code == 200
    assert device.post(HEARTBEAT, content=b" " * 200_000).status_code == 413


def test_every_answer_of_the_api_tells_the_time(running: Running) -> None:
    _, device = running.device()
    told = datetime.fromisoformat(device.post(HEARTBEAT, json=beat()).headers["Kerbwatch-Time"])
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=10)
    assert "Kerbwatch-Time" in running.client().get("/api/v1/reports/x").headers  # a refusal too
    assert "Kerbwatch-Time" not in running.client().get("/healthz").headers


@pytest.mark.parametrize(
    ("alarms", "age", "state"),
    [
        ([], timedelta(0), "well"),
        ([alarm("notice")], timedelta(0), "well"),
        ([alarm()], timedelta(0), "alarm"),
        ([alarm()], OVERDUE + timedelta(seconds=1), "overdue"),
        ([], PARKED + timedelta(seconds=1), "parked"),
    ],
)
def test_the_page_and_prometheus_say_how_boxes_do(
    running: Running, alarms: list[dict[str, Any]], age: timedelta, state: str
) -> None:
    key, device = running.device(name="car <7>")
    device.post(HEARTBEAT, json=beat(alarms=alarms)).raise_for_status()
    seen(running, age)
    page = boxes_page(running)
    assert f'data-state="{state}"' in page
    assert "car &lt;7&gt;" in page
    assert key.device_id[:16] in page
    assert ("磁盘已满 &lt;b&gt;" in page) == bool(alarms)
    assert f'kerbwatch_boxes{{state="{state}"}} 1.0' in running.client().get("/metrics").text


def test_a_clock_that_is_off_is_marked_and_a_box_shut_out_is_gone(running: Running) -> None:
    _, device = running.device()
    early = datetime.now(UTC) - timedelta(days=1)
    device.post(HEARTBEAT, json=beat(sent_at=early.isoformat())).raise_for_status()
    assert "-86400 s" in boxes_page(running)
    with running.services.database.write() as session:
        session.query(Device).one().revoked_at = datetime.now(UTC)
    assert "还没有终端" in boxes_page(running)


def test_a_box_newer_than_the_server_is_shown_as_one(running: Running) -> None:
    _, device = running.device()
    device.post(HEARTBEAT, json=beat()).raise_for_status()
    with running.services.database.write() as session:
        session.query(DeviceBeat).one().beat = {"schema": "kerbwatch-heartbeat/9"}
    assert "update the server" in boxes_page(running)
