"""The day's bytes: durable, by the site's calendar, and never twice for one day whatever the clock does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.box.settings import UplinkSettings
from edge.outbox import Outbox
from edge.parcels import Load
from edge.true_time import Told
from edge.uplink.budget import LAST_WORDS_BYTES, DayBudget
from edge.uplink.pace import Pace
from edge.uplink.rules import Rules
from tests.edge.uplink.box import NOW, SetTime

MB = 1_000_000
BEIJING = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "state") as box:
        yield box


def settings(budget_bytes: int | None, **changes: Any) -> UplinkSettings:
    return UplinkSettings(server="https://a.example", budget_bytes_per_day=budget_bytes, **changes)


def budget(outbox: Outbox, time: SetTime, budget_bytes: int | None = 10 * MB, **changes: Any) -> DayBudget:
    return DayBudget(outbox, settings(budget_bytes, **changes), time, BEIJING)


def test_only_a_metered_link_counts(outbox: Outbox) -> None:
    one = budget(outbox, SetTime())
    one.metered = False
    one.spend(1000)
    assert (one.sent_today_bytes(), one.room_bytes(Load.STILLS)) == (0, None)
    one.metered = True
    one.spend(1000)
    assert one.sent_today_bytes() == 1000


def test_without_a_budget_bytes_are_counted_and_not_bounded(outbox: Outbox) -> None:
    one = budget(outbox, SetTime(), None)
    one.spend(1000)
    assert (one.sent_today_bytes(), one.room_bytes(Load.CLIPS)) == (1000, None)


def test_a_restart_knows_what_was_sent(outbox: Outbox, tmp_path: Path) -> None:
    budget(outbox, SetTime()).spend(1000)
    outbox.close()
    with Outbox.open(tmp_path / "state") as again:
        assert budget(again, SetTime()).sent_today_bytes() == 1000


def test_the_day_ends_at_the_sites_midnight(outbox: Outbox) -> None:
    time = SetTime(datetime(2026, 5, 17, 15, 59, 59, tzinfo=UTC))  # 23:59:59 in Beijing
    one = budget(outbox, time)
    one.spend(1000)
    assert one.day() == "2026-05-17"
    time.utc += timedelta(seconds=1)
    assert (one.day(), one.sent_today_bytes()) == ("2026-05-18", 0)


@pytest.mark.parametrize("told_by", ["system", "unset"])
def test_a_clock_set_back_stays_with_the_day_that_was_counted(outbox: Outbox, told_by: Told) -> None:
    time = SetTime(told_by=told_by)
    one = budget(outbox, time)
    one.spend(1000)
    time.utc = NOW - timedelta(days=1)
    one.spend(500)
    assert (one.day(), one.sent_today_bytes()) == ("2026-05-17", 1500)
    time.utc = NOW
    assert one.sent_today_bytes() == 1500


@pytest.mark.parametrize("told_by", ["gnss", "server"])
def test_a_day_that_never_was_goes_to_the_true_one(outbox: Outbox, told_by: Told) -> None:
    time = SetTime(NOW + timedelta(days=7000))  # a receiver's week number rolled over
    one = budget(outbox, time)
    one.spend(1000)
    time.utc, time.told_by = NOW, told_by
    assert (one.day(), one.sent_today_bytes()) == ("2026-05-17", 1000)
    time.utc += timedelta(days=1)
    assert (one.day(), one.sent_today_bytes()) == ("2026-05-18", 0)


def test_stills_leave_the_reports_their_part_and_reports_the_last_words(outbox: Outbox) -> None:
    one = budget(outbox, SetTime(), 10 * MB, budget_for_reports_bytes=4 * MB)
    assert one.room_bytes(Load.CLIPS) == one.room_bytes(Load.STILLS) == 6 * MB - LAST_WORDS_BYTES
    assert one.room_bytes(Load.REPORTS) == 10 * MB - LAST_WORDS_BYTES
    assert one.room_bytes(Load.NOTHING) == 10 * MB
    one.spend(7 * MB)
    assert one.room_bytes(Load.STILLS) == 0
    assert one.room_bytes(Load.REPORTS) == 3 * MB - LAST_WORDS_BYTES


@pytest.mark.parametrize(
    ("metered", "sends", "spent_bytes", "heaviest"),
    [
        (False, "reports", 0, Load.CLIPS),
        (True, "clips", 0, Load.CLIPS),
        (True, "stills", 0, Load.STILLS),
        (True, "reports", 0, Load.REPORTS),
        (True, "clips", 6 * MB, Load.REPORTS),  # what is left is the reports'
        (True, "clips", 10 * MB - LAST_WORDS_BYTES, Load.NOTHING),
        (True, "clips", 11 * MB, Load.NOTHING),
    ],
)
def test_what_the_link_may_carry(outbox: Outbox, metered: bool, sends: Any, spent_bytes: int, heaviest: Load) -> None:
    asked = settings(10 * MB, budget_for_reports_bytes=4 * MB, metered_sends=sends)
    one = DayBudget(outbox, asked, SetTime(), UTC)
    one.spend(spent_bytes)
    one.metered = metered
    assert Rules(asked, one, Pace(), lambda: False).heaviest() is heaviest
