"""What the box says of itself fits the contract, whatever its parts say."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from detector.heartbeat import Heartbeat
from edge.uplink.heartbeat import heartbeat_of, send_heartbeat
from edge.wire import ServerBusy, ServerClient, WrongServer
from tests.edge.peer import TOKEN, Fault, Peer, running_peer
from tests.edge.uplink.box import NOW, alarm, health


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as running:
        yield running


def send(peer: Peer) -> object:
    with ServerClient(peer.url, SecretStr(TOKEN)) as client:
        return send_heartbeat(client, heartbeat_of(health(), (), (), NOW).model_dump_json().encode())


def test_it_tells_the_health() -> None:
    asked = uuid.uuid4()
    beat = heartbeat_of(health(alarm()), (asked,), (), NOW)
    assert beat.sent_at == NOW
    assert (beat.reports_waiting, beat.files_waiting, beat.bytes_waiting) == (3, 4, 5)
    assert (beat.cameras[0].camera_id, beat.cameras[0].connections, beat.cameras[0].looks) == ("front", 2, 7)
    assert (beat.alarms[0].zh, beat.alarms[0].about) == ("请擦镜头", "front")
    assert beat.asks_about == (asked,)
    assert Heartbeat.model_validate_json(beat.model_dump_json()) == beat


def test_too_much_is_cut_and_the_gravest_stays() -> None:
    many = [alarm(f"code_{number}", "notice") for number in range(80)] + [alarm("disk_full", "critical", "x" * 500)]
    asked = tuple(uuid.uuid4() for _ in range(600))
    beat = heartbeat_of(health(*many, software="0.1\n" + "x" * 300), asked, (), NOW)
    assert len(beat.alarms) == 64
    assert (beat.alarms[0].code, len(beat.alarms[0].en)) == ("disk_full", 200)
    assert len(beat.asks_about) == 500
    assert beat.software.startswith("0.1 xxx")


def test_a_usual_heartbeat_is_small() -> None:
    assert len(heartbeat_of(health(alarm()), (), (), NOW).model_dump_json().encode()) < 1000


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_heartbeats(peer: Peer, status: int) -> None:
    peer.once("POST", "heartbeat", Fault(status))
    assert send(peer) is None


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(200, body=b"<html>"), ServerBusy, "what are no orders"),
        (Fault(200, body=b"{}"), ServerBusy, "what are no orders"),
        (Fault(422), WrongServer, "did not take the heartbeat: 422: asked for by the test"),
    ],
)
def test_odd_answers(peer: Peer, fault: Fault, error: type[Exception], message: str) -> None:
    peer.once("POST", "heartbeat", fault)
    with pytest.raises(error, match=message):
        send(peer)
