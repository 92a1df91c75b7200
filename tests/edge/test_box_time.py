"""True time on a box: who is believed, how it creeps and steps, and what does not disturb it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.box_time import MADE, BoxTime
from edge.gnss import GNSS_ERA
from edge.gnss.era import eras_after, eras_off
from edge.true_time import TrueTime
from tests.edge.clocks import NOON, SetClocks

DAY = timedelta(days=1)
UNSET = datetime(1970, 1, 1, tzinfo=UTC)


def receiver_speaks(
    box: BoxTime, clocks: SetClocks, seconds: float = 6.0, *, late_s: float = 0.2, off: timedelta = timedelta()
) -> None:
    """Once a second a fix that is `late_s` on its way, of a receiver whose date is `off`."""
    for _ in range(int(seconds)):
        clocks.run(1.0)
        box.heard_gnss(clocks.real() - timedelta(seconds=late_s) + off, clocks.monotonic_s())


def error_s(box: BoxTime, clocks: SetClocks) -> float:
    return (box.now() - clocks.real()).total_seconds()


def test_the_machines_own_clocks() -> None:
    box: TrueTime = BoxTime()
    assert box.told_by == "system"
    assert abs(box.now() - datetime.now(UTC)) < timedelta(seconds=0.1)
    assert abs(box.at(time.monotonic() - 60.0) - datetime.now(UTC) + timedelta(seconds=60)) < timedelta(seconds=0.1)
    assert box.steps == 0


@pytest.mark.parametrize("system", [UNSET, MADE - DAY, datetime(2150, 1, 1, tzinfo=UTC)])
def test_a_clock_that_was_never_set_is_not_believed(system: datetime) -> None:
    clocks = SetClocks(system)
    box = BoxTime(clocks)
    assert box.told_by == "unset"
    assert box.now() == MADE
    clocks.run(5.0)
    assert box.now() == MADE + timedelta(seconds=5)
    assert "nobody has told the time yet" in box.trouble
    receiver_speaks(box, clocks)
    assert (box.told_by, box.steps, box.trouble) == ("gnss", 1, "")
    assert abs(error_s(box, clocks)) < 0.3


def test_an_unset_clock_that_somebody_sets_is_followed_until_better_speaks() -> None:
    clocks = SetClocks(UNSET)
    box = BoxTime(clocks)
    clocks.set_by(NOON - UNSET)
    clocks.run(1.0)
    assert (box.told_by, box.steps) == ("system", 1)
    assert error_s(box, clocks) == pytest.approx(0.0, abs=1e-5)
    clocks.set_by(-(NOON - UNSET))  # and back: what is plainly wrong is not followed
    clocks.run(1.0)
    assert (box.told_by, box.steps) == ("system", 1)
    assert error_s(box, clocks) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("late_s", [0.05, 0.1, 0.2, 0.3, 0.4])
def test_a_receivers_delay_is_allowed_for(late_s: float) -> None:
    clocks = SetClocks(NOON - timedelta(hours=1))
    box = BoxTime(clocks)
    for i in range(60):
        receiver_speaks(box, clocks, 1.0, late_s=late_s + 0.2 * (i % 5 != 0))
    assert abs(error_s(box, clocks)) < 0.3
    assert box.steps == 1


def test_a_receiver_is_believed_only_when_it_agrees_with_itself() -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    for days in (1, -1, 5, 9, -3, 2, 7, 1):
        receiver_speaks(box, clocks, 3.0, off=timedelta(days=days))
        assert (box.told_by, box.steps) == ("system", 0)
    receiver_speaks(box, clocks, 3.0)
    assert box.told_by == "system"
    receiver_speaks(box, clocks, 3.0)
    assert (box.told_by, box.steps) == ("gnss", 0)


def test_a_receiver_once_believed_must_insist_before_it_moves_far() -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    receiver_speaks(box, clocks)
    receiver_speaks(box, clocks, 50.0, off=timedelta(minutes=5))
    assert abs(error_s(box, clocks)) < 0.3
    receiver_speaks(box, clocks)
    receiver_speaks(box, clocks, 70.0, off=timedelta(minutes=5))
    assert error_s(box, clocks) == pytest.approx(300.0, abs=0.3)
    assert box.steps == 1


def test_a_late_second_now_and_then_changes_nothing() -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    receiver_speaks(box, clocks)
    for _ in range(20):
        receiver_speaks(box, clocks, 1.0, late_s=4.0)
        receiver_speaks(box, clocks, 2.0)
    assert abs(error_s(box, clocks)) < 0.3
    assert box.steps == 0


@pytest.mark.parametrize("eras", [-2, -1, 1])
@pytest.mark.parametrize("knows", ["server", "system", "nobody"])
def test_a_date_of_another_era_is_mended_and_told(eras: int, knows: str) -> None:
    clocks = SetClocks(NOON - 3 * timedelta(hours=1) if knows == "system" else UNSET)
    box = BoxTime(clocks)
    if knows == "server":
        box.heard_server(clocks.server_ahead_s(), 0.5)
    receiver_speaks(box, clocks, off=eras * GNSS_ERA)
    assert box.told_by == "gnss"
    assert abs(error_s(box, clocks)) < 0.3
    assert f"{abs(eras)} x 1024 weeks off" in box.trouble


@pytest.mark.parametrize("date", [datetime(2021, 5, 1, 12, tzinfo=UTC), datetime(2080, 1, 6, tzinfo=UTC)])
def test_a_date_that_cannot_be_right_is_refused(date: datetime) -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    receiver_speaks(box, clocks, 100.0, off=date - clocks.real())
    assert (box.told_by, box.steps) == ("system", 0)
    assert f"the receiver's date {date:%Y-%m-%d} cannot be right" in box.trouble
    receiver_speaks(box, clocks)
    assert (box.told_by, box.trouble) == ("gnss", "")


def test_a_receiver_days_off_the_servers_date_is_refused_before_and_after() -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    receiver_speaks(box, clocks, off=3 * DAY)
    assert box.told_by == "gnss"  # nobody knew better
    box.heard_server(clocks.server_ahead_s(), 0.2)
    assert (box.told_by, box.steps) == ("server", 2)
    receiver_speaks(box, clocks, 100.0, off=3 * DAY)
    assert (box.told_by, box.steps) == ("server", 2)
    assert abs(error_s(box, clocks)) < 0.3


def test_the_server_is_believed_until_a_receiver_speaks_and_an_hour_after() -> None:
    clocks = SetClocks(NOON + timedelta(minutes=7))
    box = BoxTime(clocks)
    box.heard_server(-420.1, 0.2)
    assert (box.told_by, box.steps) == ("server", 1)
    assert error_s(box, clocks) == pytest.approx(-0.1, abs=1e-4)
    receiver_speaks(box, clocks)
    assert box.told_by == "gnss"
    box.heard_server(-425.0, 0.2)
    assert box.told_by == "gnss"
    assert abs(error_s(box, clocks)) < 0.3
    clocks.run(3700.0)
    box.heard_server(-420.1, 0.2)
    assert (box.told_by, box.steps) == ("server", 1)
    clocks.run(30.0)
    assert error_s(box, clocks) == pytest.approx(-0.1, abs=1e-4)


def test_a_poorer_word_of_the_server_that_agrees_moves_nothing() -> None:
    clocks = SetClocks(UNSET)
    box = BoxTime(clocks)
    box.heard_server(clocks.server_ahead_s(0.05), 0.1)
    for off_s in (1.0, -1.0, 0.4):
        clocks.run(60.0)
        box.heard_server(clocks.server_ahead_s(off_s), 1.2)
        assert error_s(box, clocks) == pytest.approx(0.05, abs=1e-4)
    box.heard_server(clocks.server_ahead_s(), 0.01)
    clocks.run(60.0)
    assert error_s(box, clocks) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("offset_s", "error_s"),
    [(math.nan, 0.1), (math.inf, 0.1), (-1e9, 0.1), (1e10, 0.1), (5.0, -1.0), (5.0, 1e4), (5.0, math.nan)],
)
def test_a_word_of_the_server_that_means_nothing(offset_s: float, error_s: float) -> None:
    box = BoxTime(SetClocks())
    box.heard_server(offset_s, error_s)
    assert (box.told_by, box.steps) == ("system", 0)


def by_receiver(box: BoxTime, clocks: SetClocks) -> None:
    receiver_speaks(box, clocks)


def by_server(box: BoxTime, clocks: SetClocks) -> None:
    box.heard_server(clocks.server_ahead_s(), 0.1)


@pytest.mark.parametrize("tell", [by_receiver, by_server])
@pytest.mark.parametrize("ahead", [DAY, -DAY, UNSET - NOON, timedelta(seconds=2)])
def test_a_clock_set_while_running_disturbs_nothing(tell: Callable[..., None], ahead: timedelta) -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    tell(box, clocks)
    before = (box.told_by, box.steps, error_s(box, clocks))
    clocks.set_by(ahead)
    for _ in range(100):
        clocks.run(1.0)
        assert (box.told_by, box.steps) == before[:2]
        assert error_s(box, clocks) == pytest.approx(before[2], abs=0.15)


@pytest.mark.parametrize("tell", [by_receiver, by_server])
def test_a_suspended_machine_is_noticed(tell: Callable[..., None]) -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    tell(box, clocks)
    before_s = error_s(box, clocks)
    clocks.suspend(3600.0)
    clocks.run(1.0)
    assert error_s(box, clocks) == pytest.approx(before_s, abs=0.03)
    assert box.steps == 1
    tell(box, clocks)
    assert box.steps == 1
    assert abs(error_s(box, clocks)) < 0.3


def test_short_sleeps_add_up() -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    by_server(box, clocks)
    for _ in range(40):
        clocks.suspend(0.07)
        clocks.run(10.0)
        assert abs(error_s(box, clocks)) < 0.3
    assert box.steps == 0


def test_small_differences_creep_and_never_go_back() -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    receiver_speaks(box, clocks, late_s=0.05)
    clocks.run(4000.0)
    box.heard_server(clocks.server_ahead_s(-0.3), 0.01)
    last = box.now()
    for _ in range(1000):
        clocks.run(0.04)
        now = box.now()
        assert last < now
        assert box.at(clocks.monotonic_s() - 0.02) > last
        last = now
    assert box.steps == 0
    assert error_s(box, clocks) == pytest.approx(-0.3, abs=1e-4)


words = st.one_of(
    st.tuples(st.just("run"), st.floats(0.01, 20.0)),
    st.tuples(st.just("gnss"), st.floats(0.0, 3.0)),
    st.tuples(st.just("server"), st.floats(-3.0, 3.0)),
    st.tuples(st.just("set"), st.floats(-2.0, 2.0)),
    st.tuples(st.just("suspend"), st.floats(0.0, 5.0)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(words, max_size=60))
def test_time_goes_back_only_by_a_step_that_is_counted(happens: list[tuple[str, float]]) -> None:
    clocks = SetClocks()
    box = BoxTime(clocks)
    told: list[tuple[datetime, int]] = [(box.now(), box.steps)]
    for what, amount in happens:
        match what:
            case "run":
                clocks.run(amount)
            case "gnss":
                receiver_speaks(box, clocks, 5.0, late_s=amount)
            case "server":
                box.heard_server(clocks.server_ahead_s(amount), 0.1)
            case "set":
                clocks.set_by(timedelta(seconds=amount))
            case _:
                clocks.suspend(amount)
        now, steps = box.now(), box.steps
        assert steps > told[-1][1] or now >= told[-1][0]
        told.append((now, steps))


@pytest.mark.parametrize(
    ("off", "eras"), [(0, 0), (-1, 1), (-2, 2), (1, -1)]
)  # fmt: skip
def test_eras(off: int, eras: int) -> None:
    receiver = NOON + off * GNSS_ERA
    assert eras_off(receiver, NOON + timedelta(hours=23)) == eras
    assert eras_off(receiver, NOON + timedelta(hours=25)) is None
    assert eras_after(receiver, MADE) == eras
