"""Positions held against the receiver's own speed: steps break the track, lone fixes go, good drives stay whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from detector.frame import Fix
from edge.gnss.motion import check_motion, step_breaks

NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
EAST = 1 / (111_195.0 * 0.8265)
NORTH = 1 / 111_195.0


def fix(second: float, east_m: float, north_m: float = 0.0, *, speed: float | None = 5.0, **other: object) -> Fix:
    moving = speed is not None and speed >= 1
    values = {"heading_deg": 90.0 if moving else None, "sigma_m": 3.0, **other}
    at = NOON + timedelta(seconds=second)
    return Fix(lon_deg=117.2 + east_m * EAST, lat_deg=34.26 + north_m * NORTH, at=at, speed_m_s=speed, **values)


def drive(**changed: tuple[float, float]) -> list[Fix]:
    """Ten seconds due east at 5 m/s; ``s3=(9, 2)`` moves the fixes from second 3 on by east, north metres."""
    east = north = 0.0
    fixes: list[Fix] = []
    for second in range(10):
        east, north = changed.get(f"s{second}", (east, north))
        fixes.append(fix(second, 5.0 * second + east, north))
    return fixes


@pytest.mark.parametrize(
    ("moved", "breaks", "jumps"),
    [
        ({}, set(), 0),
        ({"s4": (8.0, 0.0)}, {4}, 0),  # a canyon step that no receiver declares: forwards
        ({"s4": (0.0, 6.0)}, {4}, 0),  # sideways, where the way alone is only 2.8 m longer
        ({"s4": (2.0, 1.0)}, set(), 0),  # within the noise
        ({"s4": (8.0, 0.0), "s5": (0.0, 0.0)}, set(), 1),  # one fix stands off alone
        ({"s4": (900.0, 0.0)}, {4}, 0),  # re-acquired far away
        ({"s9": (8.0, 0.0)}, {9}, 0),  # the last
    ],
)
def test_steps(moved: dict[str, tuple[float, float]], breaks: set[int], jumps: int) -> None:
    checked = check_motion(drive(**moved))
    assert checked.breaks == breaks
    assert checked.jumps == jumps
    assert len(checked.fixes) == 10 - jumps
    assert ("stepped 1 times" in "".join(checked.odd)) == (checked.steps == 1)


def test_a_step_of_an_rtk_receiver_is_told_sooner() -> None:
    moved = drive(s4=(2.5, 0.0))
    assert step_breaks(moved) == set()
    assert step_breaks([replace(f, sigma_m=0.02) for f in moved]) == {4}


def test_hard_braking_and_backing_up_are_no_steps() -> None:
    braking = [fix(0, 0, speed=12.0), fix(1, 9.0, speed=6.0), fix(2, 12.0, speed=0.5)]
    assert step_breaks(braking) == set()
    backing = [fix(i, -2.0 * i, speed=2.0) for i in range(5)]  # two antennas: the nose looks east
    assert step_breaks(backing) == set()


def test_without_speeds_only_the_impossible_is_left_out() -> None:
    fixes = [fix(i, 8.0 * (i > 2) + 5 * i, speed=None) for i in range(6)]
    assert check_motion(fixes).breaks == set()


def test_a_break_keeps_its_place_when_a_fix_before_it_goes() -> None:
    checked = check_motion(drive(s2=(8.0, 0.0), s3=(0.0, 0.0), s6=(900.0, 0.0)))
    assert checked.jumps == 1
    (broken,) = checked.breaks
    assert checked.fixes[broken].at == NOON + timedelta(seconds=6)


@pytest.mark.parametrize(("speed", "odd"), [(5.0, False), (18.0, True), (1.2, True)], ids=["m/s", "km/h", "too slow"])
def test_a_speed_in_another_unit_is_told(speed: float, odd: bool) -> None:
    fixes = [replace(f, speed_m_s=speed) for f in (fix(i, 5.0 * i) for i in range(60))]
    checked = check_motion(fixes)
    assert bool(checked.odd) is odd
    assert checked.breaks == set()
    if odd:
        assert f"positions move {5.0 / speed:.2f} times as fast as its own speeds say" in checked.odd[0]
