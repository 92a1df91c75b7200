"""Which box is offered which pack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.db.engine import Database, open_sqlite
from server.db.migrate import upgrade
from server.db.tables import Device, FleetPack, FleetPackDevice
from server.fleet.offers import offer_for, turn_percent

NOW = datetime(2026, 5, 18, tzinfo=UTC)
BOXES = [hashlib.sha256(f"box {number}".encode()).hexdigest() for number in range(200)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_sqlite(tmp_path / "x.sqlite")
    upgrade(opened)
    yield opened
    opened.close()


def pack(version: str, *, share: int = 0, paused: bool = False, only: tuple[str, ...] = ()) -> FleetPack:
    return FleetPack(
        sha256=hashlib.sha256(version.encode()).hexdigest(),
        version=version,
        size_bytes=1000,
        signer="city",
        made_at=NOW,
        site_name="demo",
        model_name="street-n",
        only_devices=list(only),
        uploaded_at=NOW,
        uploaded_by="reviewer:a",
        share_percent=share,
        paused=paused,
    )


def offered(database: Database, device_id: str) -> str | None:
    with database.read() as session:
        offer = offer_for(session, device_id)
        return offer.version if offer else None


@pytest.mark.parametrize(
    ("packs", "expected"),
    [
        ([], None),
        ([pack("1.4")], None),  # uploaded, and meant for nobody yet
        ([pack("1.4", share=100)], "1.4"),
        ([pack("1.9", share=100), pack("1.10", share=100)], "1.10"),  # numbers, not letters
        ([pack("1.4", share=100), pack("1.5", share=100, paused=True)], "1.4"),
        ([pack("1.4", share=100), pack("1.5", share=0)], "1.4"),
        ([pack("1.4", share=100, only=(BOXES[1],))], None),  # the pack's own list does not name it
        ([pack("1.4", share=100, only=(BOXES[0],))], "1.4"),
    ],
)
def test_offer(database: Database, packs: list[FleetPack], expected: str | None) -> None:
    with database.write() as session:
        for entry in packs:
            session.merge(entry)
    assert offered(database, BOXES[0]) == expected


def test_a_chosen_box_is_offered_what_its_share_would_not_give(database: Database) -> None:
    with database.write() as session:
        for box in BOXES[:2]:
            session.add(Device(id=box, public_key=box, name="b", token_sha256=box, enrolled_at=NOW, last_seen_at=None))
        entry = pack("1.4")
        session.add(entry)
        session.flush()
        session.add(FleetPackDevice(pack_sha256=entry.sha256, device_id=BOXES[0]))
    assert (offered(database, BOXES[0]), offered(database, BOXES[1])) == ("1.4", None)


def test_a_growing_share_keeps_the_boxes_it_had() -> None:
    shares = {percent: {box for box in BOXES if turn_percent(box) < percent} for percent in (0, 10, 50, 100)}
    assert shares[0] < shares[10] < shares[50] < shares[100] == set(BOXES)
    assert 5 <= len(shares[10]) <= 40
    assert 75 <= len(shares[50]) <= 125
