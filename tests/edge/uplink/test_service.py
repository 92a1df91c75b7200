"""The uplink that runs for ever: every error ends in a wait, none in silence, and nothing is lost."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from detector.errors import KerbwatchError, TransientError
from detector.heartbeat import Orders
from edge.box.settings import UplinkSettings
from edge.device import load_enrolment, open_key, save_enrolment
from edge.outbox import Outbox
from edge.parcels import EvidenceFile
from edge.uplink import Pace, enrol
from edge.uplink.originals import Release, Releases
from edge.uplink.service import UplinkService
from edge.wire import Timeouts
from tests.edge.peer import CODE, TOKEN, Fault, Peer, running_peer
from tests.edge.reports import builder, key_of, picture
from tests.edge.uplink.box import SetTime, health

FAST = Pace(first_wait_s=0.01, wait_max_s=0.05, chunk_bytes=32 * 1024)
BIG = picture(5, 400, 300)  # about 180 kB


@dataclass
class Box:
    """A box with its uplink towards a peer."""

    peer: Peer
    state: Path
    outbox: Outbox
    time: SetTime = field(default_factory=SetTime)
    orders: list[Orders] = field(default_factory=list)
    follow: Callable[[Orders], None] | None = None
    interface: str | None = "lo"
    services: list[UplinkService] = field(default_factory=list)

    def put(self, ordinal: int, *pictures: bytes) -> uuid.UUID:
        return self.outbox.put(key_of(ordinal), builder(ordinal, self.outbox.device_id, pictures or [picture(ordinal)]))

    def start(
        self, *, asks: tuple[uuid.UUID, ...] = (), releases: Releases | None = None, **settings: Any
    ) -> UplinkService:
        service = UplinkService(
            self.outbox,
            self.state,
            UplinkSettings(server=self.peer.url, **settings),
            self.time,
            health,
            self.follow or self.orders.append,
            lambda: asks,
            releases,
            zone=UTC,
            pace=FAST,
            timeouts=Timeouts(1, 1, 1),
            route=lambda _: self.interface,
        )
        self.services.append(service)
        service.start()
        return service

    def stored(self) -> int:
        return self.outbox.counts().stored


def wait_for(reached: Callable[[], object], limit_s: float = 30.0) -> None:
    until = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < until, "never came"
        time.sleep(0.01)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr("edge.uplink.service._ROUTE_S", 0.05)
    monkeypatch.setattr("edge.uplink.service._IDLE_S", 0.05)
    state = tmp_path / "state"
    with running_peer() as peer:
        enrol(state, peer.url, CODE, open_key(state), "car 1")
        peer.asked.clear()
        with Outbox.open(state) as outbox:
            box = Box(peer, state, outbox)
            yield box
            for service in box.services:
                service.stop()
                service.check()


def test_it_sends_what_comes_and_goes_on(box: Box) -> None:
    service = box.start()
    box.put(0, BIG)
    wait_for(lambda: box.stored() == 1)
    box.put(1)
    wait_for(lambda: box.stored() == 2)
    now = service.health()
    assert (now.metered, now.sent_today_bytes, now.trouble, now.refused) == (False, 0, "", False)
    assert now.contact_age_s is not None
    assert service.alive_age_s < 5


def test_a_thread_that_hangs_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    box.follow = lambda _: [go_on.wait(30.0)].clear()
    service = box.start()
    wait_for(lambda: service.alive_age_s > 0.5)
    service.check()
    with monkeypatch.context() as impatient:
        impatient.setattr("edge.uplink.service._HANGS_S", 0.5)
        with pytest.raises(RuntimeError, match="the uplink's thread hangs: nothing from it for"):
            service.check()
    go_on.set()


def test_heartbeats_tell_and_bring_orders(box: Box) -> None:
    asked, kept = uuid.uuid4(), uuid.uuid4()
    box.peer.orders["keep"] = [str(kept)]
    box.start(asks=(asked,), heartbeat_s=0.05)
    wait_for(lambda: len(box.orders) >= 3)
    assert box.orders[0].keep == (kept,)
    beat = box.peer.beats[0]
    assert beat["schema"] == "kerbwatch-heartbeat/1"
    assert beat["asks_about"] == [str(asked)]
    assert beat["cameras"][0]["state"] == "live"


def test_a_heartbeat_goes_between_the_chunks_and_new_reports_before_old_pictures(box: Box) -> None:
    first = box.put(0, BIG)
    second: list[uuid.UUID] = []

    def fault(method: str, _: str) -> Fault | None:
        if method == "PATCH" and not second:
            second.append(box.put(1))
        return None

    box.peer.fault = fault
    box.start(heartbeat_s=600)
    wait_for(lambda: box.stored() == 2)
    asked = box.peer.asked
    assert asked.index("POST /api/v1/devices/heartbeat") < asked.index(f"PUT /api/v1/reports/{first}")
    last_patch = max(number for number, line in enumerate(asked) if line.startswith("PATCH"))
    assert asked.index(f"PUT /api/v1/reports/{second[0]}") < last_patch - 2
    assert box.peer.received_bytes == len(BIG) + len(picture(1))


def test_the_servers_time_is_measured(box: Box) -> None:
    box.peer.clock_ahead_s = 7200.0
    service = box.start()
    wait_for(lambda: box.time.heard)
    offset_s, error_s = box.time.heard[-1]
    assert offset_s == pytest.approx(7200.0, abs=1.0)
    assert 0 < error_s < 1.0
    assert service.health().clock_offset_s == pytest.approx(7200.0, abs=1.0)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_it_keeps_all_and_goes_on_when_enrolled_anew(box: Box, status: int) -> None:
    box.put(0)
    refusing = True

    def fault(_method: str, _path: str) -> Fault | None:
        return Fault(status) if refusing else None

    box.peer.fault = fault
    service = box.start()
    wait_for(lambda: service.health().refused)
    assert "enrol" in service.health().trouble
    assert TOKEN not in service.health().trouble
    asked = len(box.peer.asked)
    time.sleep(0.3)
    assert len(box.peer.asked) == asked  # silent for an hour
    assert box.outbox.counts().queued == 1
    refusing = False
    enrolment = load_enrolment(box.state)
    assert enrolment is not None
    save_enrolment(box.state, enrolment)
    wait_for(lambda: box.stored() == 1)
    assert not service.health().refused


def test_not_enrolled_yet_it_waits(box: Box) -> None:
    box.put(0)
    enrolment = load_enrolment(box.state)
    assert enrolment is not None
    (box.state / "enrolment.json").unlink()
    service = box.start()
    wait_for(lambda: service.health().refused)
    assert "not enrolled" in service.health().trouble
    save_enrolment(box.state, enrolment)
    wait_for(lambda: box.stored() == 1)


def test_a_captive_portal_is_not_followed_and_another_network_ends_the_wait(box: Box) -> None:
    box.put(0)
    portal = True

    def fault(_method: str, _path: str) -> Fault | None:
        return Fault(302, headers={"Location": "http://portal.example/login"}) if portal else None

    box.peer.fault = fault
    service = box.start()
    wait_for(lambda: "portal.example" in service.health().trouble)
    portal = False
    box.interface = "wwan0"
    wait_for(lambda: box.stored() == 1)


def test_retry_after_holds_everything(box: Box) -> None:
    for ordinal in range(3):
        box.put(ordinal)
    box.peer.once("POST", "heartbeat", Fault(429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    box.start()
    wait_for(lambda: box.peer.asked)
    time.sleep(0.5)
    assert len(box.peer.asked) == 1
    wait_for(lambda: box.stored() == 3)
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize(("sends", "stored"), [("reports", 0), ("stills", 1)])
def test_a_metered_link_carries_what_it_may_and_the_rest_waits_for_the_next(box: Box, sends: str, stored: int) -> None:
    box.interface = "wwan0"
    report_id = box.put(0)
    service = box.start(metered_sends=sends)
    wait_for(lambda: str(report_id) in box.peer.reports)
    time.sleep(0.3)
    assert box.stored() == stored
    assert service.health().metered
    assert service.health().sent_today_bytes > 0
    box.interface = "wlan0"
    wait_for(lambda: box.stored() == 1)


def test_the_days_bytes_bound_the_stills_and_leave_the_reports_theirs(box: Box) -> None:
    box.interface = "wwan0"
    for ordinal in range(4):
        box.put(ordinal, picture(ordinal, 300, 300))  # about 130 kB each
    service = box.start(budget_bytes_per_day=400_000, budget_for_reports_bytes=150_000)
    wait_for(lambda: len(box.peer.reports) == 4 and box.stored() >= 1)
    time.sleep(0.2)
    assert 130_000 < service.health().sent_today_bytes < 250_000
    assert box.stored() < 4
    late = box.put(9)
    wait_for(lambda: str(late) in box.peer.reports)
    for day in (18, 19, 20, 21):
        before = box.stored()
        box.time.utc = box.time.utc.replace(day=day)
        wait_for(lambda before=before: box.stored() > before or box.stored() == 5)
    assert box.stored() == 5
    assert box.peer.received_bytes == sum(len(data) for data in box.peer.evidence.values())  # no byte twice


def test_a_spent_budget_says_so_and_still_lives_once_an_hour(box: Box) -> None:
    box.interface = "wwan0"
    box.outbox.add_sent_bytes("2026-05-17", 90_000)
    box.put(0)
    service = box.start(budget_bytes_per_day=100_000, heartbeat_s=0.05)
    wait_for(lambda: service.health().trouble)
    assert "used up" in service.health().trouble
    time.sleep(0.3)
    assert box.peer.reports == {}
    assert len(box.peer.beats) <= 1


def test_a_server_without_heartbeats_is_served_all_the_same(box: Box) -> None:
    box.put(0)
    box.peer.once("POST", "heartbeat", Fault(404), Fault(404))
    box.start(heartbeat_s=0.05)
    wait_for(lambda: box.stored() == 1)
    time.sleep(0.2)
    assert box.peer.count("POST /api/v1/devices/heartbeat") == 1


def test_an_order_that_cannot_be_followed_does_not_end_the_thread(box: Box) -> None:
    def refuse(_: Orders) -> None:
        raise TransientError("no room for the pack")

    box.follow = refuse
    service = box.start()
    wait_for(lambda: "no room for the pack" in service.health().trouble)
    box.put(0)
    wait_for(lambda: box.stored() == 1)


def test_what_ends_the_thread_is_told(box: Box) -> None:
    def fail(_: Orders) -> None:
        raise ZeroDivisionError

    box.follow = fail
    service = box.start()
    wait_for(lambda: not service._thread.is_alive())
    with pytest.raises(RuntimeError, match="the uplink's thread ended") as failure:
        service.check()
    assert isinstance(failure.value.__cause__, ZeroDivisionError)
    box.services.clear()


@dataclass
class Vault:
    """One original that was let go."""

    release: Release
    data: bytes | None
    ended: list[str] = field(default_factory=list)

    def next_release(self) -> Release | None:
        return None if self.ended else self.release

    def read_release(self, sha256: str) -> bytes:
        assert sha256 == self.release.sha256
        if self.data is None:
            raise KerbwatchError("its time was over")
        return self.data

    def release_sent(self, sha256: str) -> None:
        assert sha256 == self.release.sha256
        self.ended.append("sent")

    def release_failed(self, sha256: str, why: str) -> None:
        assert sha256 == self.release.sha256
        self.ended.append(why)


@pytest.mark.parametrize(
    ("kept", "fault", "ended"),
    [
        (True, None, "sent"),
        (True, Fault(500), "sent"),  # tried again
        (True, Fault(460), "the server received other bytes"),
        (True, Fault(403), "the server did not take the original"),
        (False, None, "its time was over"),
    ],
)
def test_an_original_that_was_let_go_comes_last(box: Box, kept: bool, fault: Fault | None, ended: str) -> None:
    report_id = box.put(0)
    original = EvidenceFile.of(picture(77, 300, 300), ".jpg")
    box.peer.declared.add(original.sha256)
    met: list[str] = []

    def meet(method: str, _: str) -> Fault | None:
        wanted = "PATCH" if fault is not None and fault.status == 460 else "POST"
        if box.stored() == 1 and method == wanted and not met and fault is not None:
            met.append(method)
            return fault
        return None

    box.peer.fault = meet
    vault = Vault(Release(report_id, original.sha256, len(original.data)), original.data if kept else None)
    box.start(releases=vault, heartbeat_s=600)
    wait_for(lambda: vault.ended)
    assert vault.ended[0].startswith(ended)
    assert (original.sha256 in box.peer.evidence) == (ended == "sent")


def test_an_original_waits_for_a_link_that_costs_nothing(box: Box) -> None:
    original = EvidenceFile.of(picture(77, 300, 300), ".jpg")
    box.peer.declared.add(original.sha256)
    vault = Vault(Release(box.put(0), original.sha256, len(original.data)), original.data)
    box.interface = "wwan0"
    box.start(releases=vault)
    wait_for(lambda: box.stored() == 1)
    time.sleep(0.2)
    assert vault.ended == []
    box.interface = "wlan0"
    wait_for(lambda: vault.ended == ["sent"])
