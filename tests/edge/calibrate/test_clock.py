"""The offset between the video's clock and the receiver's: found from turns, from stops, and refused on a straight.

The rendered drive is in test_cli.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from detector.errors import InputError
from edge.calibrate.clock import estimate_offset
from edge.gnss import FixTrack, read_nmea
from tests.edge.calibrate.made_motions import made_motions
from tests.edge.calibrate.street_video import Drive, camera, drive, write_nmea

WEAVING = drive(30.0, lambda _: 5.0, lambda t: 12.0 * math.sin(t / 1.3) + 5.0 * math.sin(t / 3.1))
STOPPING = drive(40.0, lambda t: 6.0 * min(1.0, max(0.0, abs(t - 15.0) / 4.0 - 0.5)))
STEADY = drive(30.0, lambda _: 6.0)


def tracked(folder: Path, road: Drive, seconds: float, clock_off_s: float) -> FixTrack:
    return read_nmea(write_nmea(folder / "a.nmea", road, seconds, clock_off_s=clock_off_s))


@pytest.mark.parametrize("clock_off_s", [-7.3, -0.4, 0.0, 0.15, 2.6])
def test_turns_tell_the_offset(tmp_path: Path, clock_off_s: float) -> None:
    moved = made_motions(WEAVING, camera(), 30.0, noise_px=0.3)
    found = estimate_offset(moved, tracked(tmp_path, WEAVING, 30.0, clock_off_s), camera())
    assert found.offset_s == pytest.approx(clock_off_s, abs=0.1)
    assert found.sigma_s < 0.1
    assert found.confidence > 0.95
    assert found.turn_explained is not None
    assert found.turn_explained > 0.9
    assert found.speed_explained is None
    assert max(found.likelihood) == 1.0


def test_a_stop_tells_it_too(tmp_path: Path) -> None:
    moved = made_motions(STOPPING, camera(height_m=2.0), 40.0, noise_px=0.3)
    found = estimate_offset(moved, tracked(tmp_path, STOPPING, 40.0, 1.2), camera(height_m=1.5))
    assert found.offset_s == pytest.approx(1.2, abs=0.2)
    assert found.turn_explained is None
    assert found.speed_explained is not None
    assert found.speed_explained > 0.9


@pytest.mark.parametrize(
    ("road", "seconds", "clock_off_s", "says"),
    [
        (STEADY, 30.0, 0.0, "the drive is straight and at a steady speed"),
        (WEAVING, 6.0, 0.0, "6 s of video are too short"),
        (WEAVING, 30.0, 60.0, "the drive is straight and at a steady speed|not clear|differ by more"),
    ],
    ids=["steady", "short", "no overlap"],
)
def test_what_cannot_be_seen_is_refused(
    tmp_path: Path, road: Drive, seconds: float, clock_off_s: float, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        estimate_offset(made_motions(road, camera(), seconds), tracked(tmp_path, road, 30.0, clock_off_s), camera())


def test_the_log_of_another_drive_is_refused(tmp_path: Path) -> None:
    other = drive(30.0, lambda _: 5.0, lambda t: 15.0 * math.sin(t * t / 40.0))
    with pytest.raises(InputError, match=r"not clear|another drive"):
        estimate_offset(made_motions(WEAVING, camera(), 30.0), tracked(tmp_path, other, 30.0, 0.0), camera())


def test_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hardly move, or the GNSS log holds no fix"):
        estimate_offset([], tracked(tmp_path, STEADY, 30.0, 0.0), camera())


def test_pictures_that_tell_no_motion_are_no_straight_drive(tmp_path: Path) -> None:
    """Two seconds within a turn are missing: how far it went on meanwhile is unknown, not zero."""
    moved = [m for i, m in enumerate(made_motions(WEAVING, camera(), 30.0)) if i % 25 > 9]
    found = estimate_offset(moved, tracked(tmp_path, WEAVING, 30.0, 0.9), camera())
    assert found.offset_s == pytest.approx(0.9, abs=0.1)
    assert found.turn_explained is not None
    assert found.turn_explained > 0.95
