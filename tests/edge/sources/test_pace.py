"""When a picture is worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.pace import MOVED_SHARE, Pace, Pacer

FPS = 25


def looked_s(
    pace: Pace, way_m: Sequence[float | None] | None = None, motion: Sequence[float] | None = None
) -> list[float]:
    """Times of the pictures looked at, of a source of 25 a second."""
    pacer = Pacer(pace)
    count = len(way_m or motion or [0] * (20 * FPS))
    return [
        i / FPS
        for i in range(count)
        if pacer.wants(i / FPS, way_m=way_m[i] if way_m else None, motion=motion[i] if motion else 1.0)
    ]


def test_every_picture() -> None:
    assert len(looked_s(Pace())) == 20 * FPS


def test_by_time() -> None:
    assert looked_s(Pace(every_s=5.0)) == [0.0, 5.0, 10.0, 15.0]


def test_by_way_looks_do_not_drift_apart() -> None:
    at = looked_s(Pace(every_m=2.5), way_m=[5.5 * i / FPS for i in range(20 * FPS)])
    assert len(at) == 44  # 110 m
    assert all(abs(t * 5.5 - 2.5 * i) <= 5.5 / FPS for i, t in enumerate(at))


def test_standing_it_looks_now_and_then() -> None:
    assert looked_s(Pace(every_m=2.5, standing_every_s=8.0), way_m=[3.0] * (20 * FPS)) == [0.0, 8.0, 16.0]


def test_where_nobody_knows_the_way_it_goes_by_time() -> None:
    way: list[float | None] = [0.0] * (2 * FPS) + [None] * (2 * FPS) + [1.0] * (2 * FPS)
    assert looked_s(Pace(every_m=2.5, every_s=0.5), way_m=way) == [0.0, 2.0, 2.52, 3.0, 3.52, 4.0]


def test_by_motion() -> None:
    motion = [0.0] * (5 * FPS) + [0.01] * FPS + [0.0] * (14 * FPS)
    assert looked_s(Pace(by_motion=True, every_s=0.2), motion=motion) == [0.0, 5.0, 5.2, 5.4, 5.6, 5.8, 15.8]


@pytest.mark.parametrize(("motion", "looks"), [(MOVED_SHARE, 2), (MOVED_SHARE * 0.99, 1)])
def test_the_least_motion(motion: float, looks: int) -> None:
    assert len(looked_s(Pace(by_motion=True), motion=[1.0, motion])) == looks


@given(
    steps=st.lists(st.one_of(st.none(), st.floats(0.0, 1.5)), min_size=1, max_size=200),
    every_m=st.floats(0.5, 10.0),
)
def test_no_two_looks_are_further_apart_than_asked(steps: list[float | None], every_m: float) -> None:
    """Between two looks lie at most one stretch of way and one picture, or the standing time."""
    way = 0.0
    ways: list[float | None] = []
    for step in steps:
        way += step or 0.0
        ways.append(None if step is None else way)
    pace = Pace(every_m=every_m, every_s=0.4, standing_every_s=2.0)
    at = looked_s(pace, way_m=ways)
    assert at[0] == 0.0
    for a, b in pairwise([*at, len(steps) / FPS]):
        between = [w for w in ways[round(a * FPS) : round(b * FPS)] if w is not None]
        assert not between or between[-1] - between[0] <= every_m + 1e-5
        assert b - a <= 2.0 + 1 / FPS
