"""From the server's offer to a restart: a real server, a real client, pieces, cuts and refusals."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.heartbeat import PackOffer
from edge.box.settings import BoxSettings
from edge.fleet import fetch
from edge.fleet.follow import Follower
from edge.fleet.store import PackStore
from edge.fleet.trial import TrialResult
from edge.wire import ServerClient
from tests.edge.fleet.pack_server import PackServer
from tests.packs import Workshop

DEVICE = "ab" * 32


class Life:
    """A thread's sign of life; over as soon as a test says so."""

    def __init__(self) -> None:
        self.beats = 0
        self.over = False

    def beat(self) -> None:
        self.beats += 1


def trial(_: object, **__: object) -> TrialResult:
    return TrialResult(seconds_per_look=0.1, old_seconds_per_look=0.1)


@pytest.fixture
def box(workshop: Workshop) -> BoxSettings:
    return workshop.box(uplink={"server": "http://127.0.0.1"}, fleet={"follow": True})


@pytest.fixture
def server() -> Iterator[PackServer]:
    with PackServer() as running:
        yield running


@pytest.fixture
def client(server: PackServer) -> Iterator[ServerClient]:
    with ServerClient(server.url) as speaking:
        yield speaking


def follower(box: BoxSettings, workshop: Workshop) -> Follower:
    return Follower(PackStore.open(box), box, device_id=DEVICE, default_model=workshop.shared / "tiny", try_out=trial)


def offer_of(file: Path) -> PackOffer:
    data = file.read_bytes()
    return PackOffer(version=file.stem, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def install(following: Follower) -> None:
    """Let the installing thread do what is there to do."""
    life = Life()
    thread = threading.Thread(target=following.work, args=(life,))
    thread.start()
    thread.join(3.0)
    life.over = True
    thread.join(10.0)
    assert not thread.is_alive()


def version(box: BoxSettings) -> str | None:
    current = PackStore.open(box).state().current
    return current.version if current else None


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PIECE_BYTES", 7000)


@pytest.mark.usefixtures("small_pieces")
def test_an_offer_is_fetched_in_pieces_and_installed(
    box: BoxSettings, workshop: Workshop, server: PackServer, client: ServerClient
) -> None:
    file = workshop.pack("1.4")
    server.data = file.read_bytes()
    following = follower(box, workshop)
    assert not following.step(client)
    following.order(offer_of(file))
    steps = 0
    while following.step(client):
        steps += 1
        if steps == 2:  # the power goes: another process goes on where this one was
            following = follower(box, workshop)
            following.order(offer_of(file))
    assert [begin for begin, _ in server.asked] == [7000 * n for n in range(len(server.asked))]
    assert steps == len(server.asked) == -(-len(server.data) // 7000)
    install(following)
    assert following.restart.is_set()
    assert (version(box), following.trouble) == ("1.4", "")
    assert not list((box.state / "packs" / "incoming").iterdir())
    following.order(offer_of(file))
    assert not following.step(client)


@pytest.mark.usefixtures("small_pieces")
def test_bytes_that_are_not_what_was_offered(
    box: BoxSettings, workshop: Workshop, server: PackServer, client: ServerClient
) -> None:
    file = workshop.pack("1.4")
    server.data = bytes(reversed(file.read_bytes()))
    following = follower(box, workshop)
    following.order(offer_of(file))
    while following.step(client):
        pass
    install(following)
    assert version(box) is None
    assert "what came as pack 1.4 has SHA-256" in following.trouble
    assert not PackStore.open(box).state().given_up
    following.order(offer_of(file))
    assert not following.step(client), "it is put off for a while"


def test_a_pack_that_fails_is_not_fetched_again(
    box: BoxSettings, workshop: Workshop, server: PackServer, client: ServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workshop.pack("1.4")
    server.data = file.read_bytes()
    following = follower(box, workshop)
    monkeypatch.setattr(following, "_try_out", lambda _, **__: TrialResult(fault="it sees nothing"))
    following.order(offer_of(file))
    while following.step(client):
        pass
    install(following)
    assert not following.restart.is_set()
    assert "version 1.4 does not do on this box (self_test): it sees nothing" in following.trouble
    asked = len(server.asked)
    for again in (following, follower(box, workshop)):
        again.order(offer_of(file))
        assert not again.step(client)
        assert "1.4" in again.trouble
    assert len(server.asked) == asked


def test_an_offer_that_is_gone_is_put_off(
    box: BoxSettings, workshop: Workshop, server: PackServer, client: ServerClient
) -> None:
    file = workshop.pack("1.4")
    server.data = b""
    following = follower(box, workshop)
    following.order(offer_of(file))
    assert following.step(client)
    assert following.trouble == "the server no longer has pack 1.4 (404)"
    following.order(offer_of(file))
    assert not following.step(client)


@pytest.mark.parametrize(
    ("over_metered", "metered", "room_bytes", "fetched"),
    [
        (False, False, None, True),
        (False, True, None, False),  # waits for Wi-Fi
        (True, True, 1_000_000, True),
        (True, True, 100_000, False),  # not enough of today's bytes
    ],
)
def test_a_metered_link(
    workshop: Workshop,
    server: PackServer,
    client: ServerClient,
    over_metered: bool,
    metered: bool,
    room_bytes: int | None,
    fetched: bool,
) -> None:
    box = workshop.box(uplink={"server": "http://127.0.0.1"}, fleet={"follow": True, "over_metered": over_metered})
    file = workshop.pack("1.4")
    server.data = file.read_bytes()
    following = follower(box, workshop)
    following.order(offer_of(file))
    assert following.step(client, metered=metered, room_bytes=room_bytes) is fetched


def test_no_room_for_a_pack(
    box: BoxSettings, workshop: Workshop, server: PackServer, client: ServerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workshop.pack("1.4")
    server.data = file.read_bytes()
    monkeypatch.setattr(fetch, "free_bytes", lambda _: 1000)
    following = follower(box, workshop)
    following.order(offer_of(file))
    following.step(client)
    assert "there is no room for the offered pack" in following.trouble
    assert not server.asked
