"""A knocked camera over made motions and over a rendered street; real pictures: benchmarks/alarms.py."""

from __future__ import annotations

from datetime import timedelta

import pytest

from detector.frame import Fix, Frame
from detector.geo.camera import VehicleCamera
from edge.alarms.alarms import Alarms
from edge.alarms.heat import Heat
from edge.alarms.mount import MountFinding, MountWatch
from edge.alarms.pictures import PictureWatch
from tests.edge.calibrate.made_motions import made_motions
from tests.edge.calibrate.street_video import NOON, Street, camera, drive
from tests.edge.healthy import healthy

STRAIGHT = drive(12.0, lambda _: 6.0)
SITE = camera(1.6, 2.0, -6.0, 1.0)


def watched(seen_by: VehicleCamera, noise_px: float = 0.3) -> MountFinding | None:
    watch = MountWatch(SITE)
    found = None
    for motion in made_motions(STRAIGHT, seen_by, 12.0, noise_px=noise_px):
        found = watch.moved(motion)
    return found


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "expected"),
    [
        (2.0, -6.0, None),
        (4.0, -7.5, None),  # two degrees off: within what a site may be wrong by
        (8.0, -6.0, (6.0, 0.0)),
        (2.0, -10.5, (0.0, -4.5)),
        (-10.0, -1.0, (-12.0, 5.0)),
    ],
)
def test_degrees_are_told(yaw_deg: float, pitch_deg: float, expected: tuple[float, float] | None) -> None:
    found = watched(camera(1.6, yaw_deg, pitch_deg, 1.0))
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.yaw_deg, found.pitch_deg) == pytest.approx(expected, abs=0.3)


def test_turning_and_too_little_tell_nothing() -> None:
    knocked = camera(1.6, 12.0, -6.0, 1.0)
    watch = MountWatch(SITE)
    turning = drive(12.0, lambda _: 6.0, lambda t: 10.0 * t)
    assert all(watch.moved(motion) is None for motion in made_motions(turning, knocked, 12.0))
    assert all(watch.moved(motion) is None for motion in made_motions(STRAIGHT, knocked, 4.0))


def test_put_straight_again() -> None:
    watch = MountWatch(SITE)
    for seen_by in (camera(1.6, 9.0, -6.0, 1.0), SITE):
        for motion in made_motions(STRAIGHT, seen_by, 12.0):
            found = watch.moved(motion)
    assert found is None


def test_figure_in_both_languages() -> None:
    assert MountFinding(6.04, -0.5).figure == "偏航 yaw +6.0°, 俯仰 pitch -0.5°"


def fix(second: float, speed_m_s: float | None = 6.0, heading_deg: float | None = 0.0) -> Fix:
    at = NOON + timedelta(seconds=second)
    return Fix(117.2, 31.8, 1.0, at, heading_deg=heading_deg, speed_m_s=speed_m_s)


def looks(seen_by: VehicleCamera, pairs: int) -> list[Frame]:
    """Rendered looks, two and two 0.2 s apart; the pairs lie 6 s apart on the looks' clock."""
    street = Street(seen_by)
    made: list[Frame] = []
    for pair in range(pairs):
        for half in range(2):
            second = (pair % 20) * 0.5 + 0.2 * half
            at_s = pair * 6.0 + 0.2 * half
            image = street.seen(STRAIGHT, second)
            made.append(Frame(image, len(made), NOON + timedelta(seconds=at_s), at_s, "rendered"))
    return made


def test_looks_become_an_alarm() -> None:
    alarms = Alarms(heat=lambda: Heat(None, 0))
    watch = PictureWatch(SITE, alarms)
    for frame in looks(camera(1.6, 8.0, -6.0, 1.0), 24):
        watch.saw(frame, fix(frame.monotonic_s))
    (alarm,) = alarms.take(healthy())
    assert (alarm.code, alarm.about) == ("mount_moved", "cam")
    assert "偏航 yaw +" in alarm.text.zh


def test_looks_that_tell_nothing() -> None:
    first, second = looks(camera(1.6, 12.0, -6.0, 1.0), 1)
    watch = MountWatch(SITE)
    for words in (None, fix(0.0, None), fix(0.0, 0.5), fix(0.0, heading_deg=None)):
        assert watch.saw(first, words) is None
        assert watch.saw(second, words) is None
    assert watch.saw(first, fix(0.0, 30.0)) is None  # 6 m apart
    assert watch.saw(second, fix(0.2, 30.0)) is None
    assert not watch._off
