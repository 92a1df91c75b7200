"""The server's time: the answer with the least room for doubt wins, and the box's own clock may be set meanwhile."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from edge.server_clock import DRIFT, ServerClock


def told(ahead_s: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat(timespec="milliseconds")


def test_the_middle_is_the_guess_and_half_the_span_the_error() -> None:
    heard: list[tuple[float, float]] = []
    clock = ServerClock(lambda offset_s, error_s: heard.append((offset_s, error_s)))
    now_s = time.monotonic()
    clock.heard(told(100.0), now_s - 0.2, now_s + 0.2)
    ((offset_s, error_s),) = heard
    assert offset_s == pytest.approx(100.0, abs=0.05)
    assert error_s == pytest.approx(0.201, abs=0.005)


def test_the_quickest_answer_wins() -> None:
    clock = ServerClock()
    now_s = time.monotonic()
    clock.heard(told(100.0), now_s - 0.01, now_s + 0.01)
    clock.heard(told(101.5), now_s - 2.0, now_s + 2.0)
    best = clock.best()
    assert best is not None
    assert best[0] == pytest.approx(100.0, abs=0.05)
    assert best[1] < 0.1


def test_an_old_answer_loses_its_worth() -> None:
    clock = ServerClock()
    now_s = time.monotonic()
    hour_ago_s = now_s - 3600.0
    clock.heard(told(100.0 - 3600.0), hour_ago_s - 0.01, hour_ago_s + 0.01)
    best = clock.best()
    assert best is not None
    assert best[0] == pytest.approx(100.0, abs=0.05)
    assert best[1] == pytest.approx(0.011 + 3600.0 * DRIFT, abs=0.01)
    clock.heard(told(100.2), now_s - 0.1, now_s + 0.1)
    best = clock.best()
    assert best is not None
    assert best[0] == pytest.approx(100.2, abs=0.05)


def test_only_the_last_few_answers_count() -> None:
    clock = ServerClock(samples=2)
    now_s = time.monotonic()
    clock.heard(told(5.0), now_s - 0.01, now_s + 0.01)
    for _ in range(2):
        clock.heard(told(9.0), now_s - 1.0, now_s + 1.0)
    best = clock.best()
    assert best is not None
    assert best[0] == pytest.approx(9.0, abs=0.05)


def test_a_clock_set_meanwhile_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ServerClock()
    now_s = time.monotonic()
    clock.heard(told(0.0), now_s - 0.01, now_s + 0.01)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400.0)
    best = clock.best()
    assert best is not None
    assert best[0] == pytest.approx(86_400.0, abs=0.1)


def test_what_was_heard_before_a_suspend_is_dropped() -> None:
    """The monotonic clock stood still for a minute: the old word would be a minute late, and look as good as new."""
    asleep_s = [5.0]
    heard: list[tuple[float, float]] = []
    clock = ServerClock(lambda offset_s, error_s: heard.append((offset_s, error_s)), asleep_s=lambda: asleep_s[0])
    now_s = time.monotonic()
    clock.heard(told(0.0), now_s - 0.01, now_s + 0.01)
    asleep_s[0] += 0.05  # two clocks are not read in one moment
    assert clock.best() is not None
    asleep_s[0] += 60.0
    assert clock.best() is None
    clock.heard(told(60.0), now_s - 1.0, now_s + 1.0)
    best = clock.best()
    assert best is not None
    assert best[0] == pytest.approx(60.0, abs=0.05)
    assert [round(offset_s) for offset_s, _ in heard] == [0, 60]


def test_an_answer_on_its_way_during_a_suspend_is_dropped() -> None:
    asleep_s = [0.0]
    heard: list[tuple[float, float]] = []
    clock = ServerClock(lambda offset_s, error_s: heard.append((offset_s, error_s)), asleep_s=lambda: asleep_s[0])
    now_s = time.monotonic()
    clock.heard(told(0.0), now_s - 0.01, now_s + 0.01)
    asleep_s[0] = 0.2
    clock.heard(told(-30.0), now_s - 0.01, now_s + 0.01)
    assert (clock.best(), len(heard)) == (None, 1)


@pytest.mark.parametrize(
    ("header", "span_s"),
    [
        (None, 0.1),
        ("", 0.1),
        ("yesterday", 0.1),
        ("2026-05-17T09:30:00", 0.1),  # no zone
        ("1999-12-31T23:59:59+00:00", 0.1),
        ("2026-05-17T09:30:00+00:00", 90.0),  # took too long to mean anything
    ],
)
def test_what_makes_no_sense_is_passed_over(header: str | None, span_s: float) -> None:
    clock = ServerClock()
    now_s = time.monotonic()
    clock.heard(header, now_s - span_s, now_s)
    assert clock.best() is None
