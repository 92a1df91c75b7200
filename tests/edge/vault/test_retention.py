"""Originals go when their time is over: by a clock that can be believed, and unless the server wants them kept."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from detector.heartbeat import Orders, WantedOriginal
from edge.true_time import Told
from edge.vault.limits import VaultLimits
from edge.vault.retention import Retention
from edge.vault.vault import Vault
from tests.edge.vault.kept import SEEN_AT, SetClock, keep, original, sealed_files

DAYS = VaultLimits(days=15)


def orders(*keep_ids: uuid.UUID, wanted: tuple[tuple[uuid.UUID, str], ...] = ()) -> Orders:
    return Orders(
        received_at=SEEN_AT,
        keep=keep_ids,
        wanted=tuple(
            WantedOriginal(report_id=report_id, sha256=sha, asked_by="Li", reason="a complaint", asked_at=SEEN_AT)
            for report_id, sha in wanted
        ),
    )


def left(vault: Vault) -> set[uuid.UUID]:
    return {item.header.report_id for item in vault.originals() if item.state == "kept"}


def test_asked_about_two_days_before_and_deleted_when_nobody_wants_it(tmp_path: Path) -> None:
    time = SetClock()
    with Vault.open(tmp_path, limits=DAYS) as vault:
        retention = Retention(vault, time)
        wanted, unwanted = keep(vault, original(0)), keep(vault, original(1), original(2, role="clip"))
        retention.expire()
        time.wait(12.9)
        assert retention.due() == ()
        time.wait(0.2)
        assert set(retention.due()) == {wanted, unwanted}
        retention.answered(retention.due(), orders(wanted))
        assert retention.due() == (unwanted,)
        time.wait(1.8)
        assert retention.expire() == 0
        time.wait(0.2)
        assert retention.expire() == 2
        assert left(vault) == {wanted}
        assert len(sealed_files(tmp_path)) == 1
        assert {item.ended_because for item in vault.originals() if item.state == "deleted"} == {"its time was over"}


def test_what_the_server_keeps_is_asked_about_again_and_goes_when_it_no_longer_does(tmp_path: Path) -> None:
    time = SetClock()
    with Vault.open(tmp_path, limits=DAYS) as vault:
        retention = Retention(vault, time)
        report_id = keep(vault)
        retention.expire()
        for _ in range(3):
            time.wait(13.5)
            assert retention.due() == (report_id,)
            retention.answered((report_id,), orders(report_id))
            assert retention.expire() == 0
        time.wait(14)
        retention.answered(retention.due(), orders())
        time.wait(1.1)
        assert retention.expire() == 1


def test_a_silent_server_delays_it_by_as_many_days_again_and_no_longer(tmp_path: Path) -> None:
    time = SetClock()
    with Vault.open(tmp_path, limits=DAYS) as vault:
        retention = Retention(vault, time)
        keep(vault)
        kept = keep(vault, original(1))
        retention.expire()
        retention.answered((), orders(wanted=((kept, original(1).sha256),)))
        time.wait(29.9)
        assert retention.expire() == 0
        time.wait(0.2)
        assert retention.expire() == 2


def test_one_that_a_person_waits_for_stays_beyond_its_time(tmp_path: Path) -> None:
    time = SetClock()
    with Vault.open(tmp_path, limits=DAYS) as vault:
        retention = Retention(vault, time)
        report_id = keep(vault)
        retention.expire()
        retention.answered((report_id,), orders(wanted=((report_id, original().sha256),)))
        time.wait(16)
        assert retention.expire() == 0
        retention.answered((report_id,), orders())
        assert retention.expire() == 1


@pytest.mark.parametrize(
    ("told_by", "deleted"), [("unset", 0), ("system", 0), ("gnss", 1), ("server", 1)]
)  # the box's own clock has not gone steadily for an hour yet
def test_nothing_goes_by_a_clock_that_cannot_be_believed(tmp_path: Path, told_by: Told, deleted: int) -> None:
    time = SetClock()
    with Vault.open(tmp_path, limits=DAYS) as vault:
        keep(vault)
        Retention(vault, time).expire()
        time.wait(9999)
        time.told_by = told_by
        retention = Retention(vault, time)
        assert retention.expire() == deleted
        assert len(retention.due()) == 0


def test_the_own_clock_is_believed_once_it_has_gone_steadily(tmp_path: Path) -> None:
    time = SetClock(told_by="system")
    with Vault.open(tmp_path, limits=DAYS) as vault:
        keep(vault)
        retention = Retention(vault, time, patience_s=0)
        retention.expire()
        time.wait(31)
        impatient, patient = Retention(vault, time, patience_s=0), Retention(vault, time, patience_s=1e6)
        assert patient.expire() == 0
        time.steps += 1
        assert patient.due() == ()
        assert impatient.expire() == 1


def test_kept_while_nobody_knew_the_time_counts_from_when_it_is_known(tmp_path: Path) -> None:
    time = SetClock(told_by="unset", moment=SEEN_AT.replace(year=2006))
    with Vault.open(tmp_path, limits=DAYS) as vault:
        retention = Retention(vault, time)
        keep(vault)
        assert retention.expire() == 0
        time.moment, time.told_by = SEEN_AT, "gnss"
        assert retention.expire() == 0
        time.wait(14)
        assert retention.expire() == 0
        assert len(retention.due()) == 1


def test_that_it_was_deleted_is_known_for_long_and_then_forgotten(tmp_path: Path) -> None:
    time = SetClock()
    with Vault.open(tmp_path, limits=DAYS) as vault:
        retention = Retention(vault, time)
        keep(vault)
        retention.expire()
        for days, known in [(31, 1), (399, 1), (2, 0)]:
            time.wait(days)
            retention.expire()
            assert len(vault.originals()) == known
