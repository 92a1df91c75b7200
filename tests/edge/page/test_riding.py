"""Whether the vehicle moves, second by second: the page is blocked unless it surely stands."""

from __future__ import annotations

from typing import Any

import pytest

from edge.box.health import BoxHealth
from edge.page.riding import STOPPED_S, UNKNOWN_S, Riding
from tests.edge.healthy import healthy

BEGIN_S = 5000.0


def gnss(second: float, speed_m_s: float | None, odometer_m: float = 0.0, state: str = "fix") -> BoxHealth:
    return healthy(second, gnss={"speed_m_s": speed_m_s, "odometer_m": odometer_m, "state": state})


def free_at(words: list[BoxHealth]) -> list[int]:
    """Seconds at which the page can be pressed."""
    riding = Riding(1.4)
    return [second for second, health in enumerate(words) if not riding.moving(health, BEGIN_S + second)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # Standing from the start: not believed before it has stood for three seconds.
        ([gnss(s, 0.1) for s in range(6)], [3, 4, 5]),
        ([gnss(s, 3.0) for s in range(6)], []),
        # A stop, and a crawl in a queue.
        ([gnss(s, 3.0 if s < 4 else 0.0) for s in range(10)], [6, 7, 8, 9]),
        ([gnss(s, 2.0 if s % 2 else 0.0) for s in range(20)], []),
        # Nobody knows the speed: the odometer tells.
        ([gnss(s, None, 5.0 * s) for s in range(8)], []),
        ([gnss(s, None, 5.0, "no_fix") for s in range(6)], [3, 4, 5]),
        # A tunnel: moving before, unknown now.
        ([gnss(s, 8.0 if s < 2 else None, 16.0, "no_fix") for s in range(140)], list(range(1 + int(UNKNOWN_S), 140))),
        # A box without a receiver stands at a pole.
        ([gnss(s, None, 0.0, "off") for s in range(3)], [0, 1, 2]),
    ],
)
def test_moving(words: list[BoxHealth], expected: list[int]) -> None:
    assert free_at(words) == expected


@pytest.mark.parametrize("health", [None, healthy(0.0)])
def test_old_or_no_news_is_moving(health: Any) -> None:
    riding = Riding(1.4)
    for second in range(3):
        riding.moving(healthy(second), BEGIN_S + second)
    assert not riding.moving(healthy(3.0), BEGIN_S + STOPPED_S)
    assert riding.moving(health, BEGIN_S + 100.0)
