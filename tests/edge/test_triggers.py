"""When a live picture is worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from detector.frame import Fix
from edge.box.settings import LookSettings
from edge.sources.live.picture import PictureNote
from edge.triggers import Trigger, Way, tracker_limits

START = datetime(2026, 5, 17, 9, 30, tzinfo=UTC)
FPS = 25
OPENED_S = 1234.5


@dataclass
class Drive:
    """A receiver that says once a second how far it drove; fixes as the protocol has them."""

    speed_m_s: float | None = None
    odometer_m: float = 0.0
    synthetic: bool = False

    @property
    def fixes(self) -> Sequence[Fix]:
        return ()

    def at(self, utc: datetime) -> Fix | None:
        return None

    def settled(self, utc: datetime) -> bool:
        return True


def looks(
    settings: LookSettings, speeds: list[float | None], motion: float = 0.0, *, fixes: bool = True
) -> list[float]:
    """Seconds of the pictures wanted; one speed for each second, heard at its begin."""
    drive = Drive()
    trigger = Trigger(settings, drive if fixes else None)
    wanted: list[float] = []
    for i in range(len(speeds) * FPS):
        at_s = i / FPS
        if i % FPS == 0:
            drive.odometer_m += (drive.speed_m_s or 0.0) if i else 0.0
            drive.speed_m_s = speeds[i // FPS]
        note = PictureNote(i, START + timedelta(seconds=at_s), OPENED_S + at_s, motion)
        if trigger.wants(note):
            wanted.append(at_s)
    return wanted


def test_by_distance_it_follows_the_speed_between_fixes() -> None:
    at = looks(LookSettings(every_m=2.5), [5.0] * 4)
    assert at == pytest.approx([0.5 * i for i in range(8)], abs=1 / FPS)


def test_quicker_means_more_looks_and_standing_means_few() -> None:
    settings = LookSettings(every_m=2.5)
    assert len(looks(settings, [10.0] * 20)) == 80
    assert len(looks(settings, [1.0] * 20)) == 8
    assert looks(settings, [0.0] * 25) == [0.0, 10.0, 20.0]


@pytest.mark.parametrize("fixes", [True, False])
def test_without_speed_it_goes_by_time(fixes: bool) -> None:
    assert looks(LookSettings(every_s=1.0), [None] * 4, fixes=fixes) == [0.0, 1.0, 2.0, 3.0]


def test_by_motion() -> None:
    assert len(looks(LookSettings(by="motion"), [None] * 4, motion=0.1)) == 20
    assert looks(LookSettings(by="motion", standing_every_s=3.0), [None] * 4) == [0.0, 3.0]


def test_by_time_and_every() -> None:
    assert looks(LookSettings(by="time", every_s=2.0), [5.0] * 4) == [0.0, 2.0]
    assert len(looks(LookSettings(by="every"), [5.0] * 4)) == 100


def test_the_way_never_goes_back() -> None:
    drive = Drive(speed_m_s=8.0)
    way = Way(drive)
    assert [way.at(1.0), way.at(1.5)] == [0.0, 4.0]
    drive.odometer_m, drive.speed_m_s = 3.0, 1.0  # it had braked
    assert [way.at(2.0), way.at(2.5)] == [4.0, 4.0]
    assert way.at(3.5) == pytest.approx(4.5)


def test_a_receiver_gone_silent_is_reckoned_on_for_a_moment_only() -> None:
    way = Way(Drive(speed_m_s=5.0))
    assert [way.at(0.0), way.at(2.0), way.at(60.0)] == [0.0, 10.0, 10.0]


def test_the_tracker_waits_for_looks_that_are_far_apart() -> None:
    assert tracker_limits(LookSettings(by="every")).lost_looks == 1
    assert tracker_limits(LookSettings()).lost_looks == tracker_limits(LookSettings(by="motion")).lost_looks == 2
    assert tracker_limits(LookSettings(by="time", every_s=2.0)).lost_s == 5.0
