"""The mounting out of a drive: exact on made motions, close on a rendered street, refused when it cannot be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import InputError
from detector.frame import Fix
from edge.calibrate.flow import motions
from edge.calibrate.mount import Skipped, estimate_mounting
from edge.gnss import FixTrack, read_nmea
from edge.sources import Window, frames, open_source
from tests.edge.calibrate.made_motions import made_motions
from tests.edge.calibrate.street_video import HOME, NOON, camera, drive, write_nmea, write_video

STRAIGHT = drive(12.0, lambda _: 6.0)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> FixTrack:
    return read_nmea(write_nmea(tmp_path_factory.mktemp("log") / "a.nmea", STRAIGHT, 12.0))


@settings(max_examples=15, deadline=None)
@given(st.floats(-30, 30), st.floats(-15, 5), st.floats(-6, 6), st.floats(0.8, 3.0))
def test_any_mounting_is_found(yaw_deg: float, pitch_deg: float, roll_deg: float, height_m: float) -> None:
    seen_by = camera(height_m, yaw_deg, pitch_deg, roll_deg)
    found = estimate_mounting(made_motions(STRAIGHT, seen_by, 10.0), _track())
    assert (found.yaw_deg, found.pitch_deg, found.roll_deg) == pytest.approx((yaw_deg, pitch_deg, roll_deg), abs=0.05)
    assert found.height_m == pytest.approx(height_m, rel=0.01)


def _track() -> FixTrack:
    """The straight drive without a receiver's log."""

    def fix(second: int) -> Fix:
        ((lon_deg, lat_deg),) = HOME.lon_lat_deg([(0.0, 6.0 * second)]).tolist()
        at = NOON + timedelta(seconds=second)
        return Fix(lon_deg, lat_deg, 3.0, at, heading_deg=0.0, sigma_heading_deg=2.0, speed_m_s=6.0)

    return FixTrack(tuple(fix(s) for s in range(-1, 13)))


def test_noise_is_told_in_the_sigmas(log: FixTrack) -> None:
    seen_by = camera(1.6, 2.0, -6.0, 1.0)
    found = estimate_mounting(made_motions(STRAIGHT, seen_by, 12.0, noise_px=0.3), log)
    assert abs(found.height_m - 1.6) < 3 * found.height_sigma_m < 0.2
    assert abs(found.roll_deg - 1.0) < 3 * found.roll_sigma_deg < 1.5
    assert found.pairs == 60
    assert found.way_m == pytest.approx(72.0, abs=0.5)


@pytest.mark.parametrize(
    ("road", "says"),
    [
        (drive(12.0, lambda _: 0.0), "0 pairs of pictures over 0 m are straight and moving (60 standing"),
        (drive(12.0, lambda _: 6.0, lambda t: 10.0 * t), "60 turning"),
        (drive(12.0, lambda t: 6.0 * (t < 3)), "needed are 30 over 40 m: drive 100 m straight"),
    ],
    ids=["standing", "turning", "too short"],
)
def test_a_drive_that_shows_too_little_is_refused(tmp_path: Path, road: object, says: str) -> None:
    track = read_nmea(write_nmea(tmp_path / "a.nmea", road, 12.0))
    with pytest.raises(InputError) as refused:
        estimate_mounting(made_motions(road, camera(), 12.0), track)
    assert says in str(refused.value)


def test_without_fixes_it_is_refused(log: FixTrack) -> None:
    with pytest.raises(InputError, match="60 without a fix"):
        estimate_mounting(made_motions(STRAIGHT, camera(), 12.0), log.shifted(100.0))


def test_a_camera_that_sees_no_road_is_refused(log: FixTrack) -> None:
    moved = made_motions(STRAIGHT, camera(), 12.0)
    up = [replace(m, rays=m.rays[160:], rays_end=m.rays_end[160:]) for m in moved]
    with pytest.raises(InputError, match=r"the road stands out in \d stretches of the drive only"):
        estimate_mounting(up, log)


def test_scattered_directions_are_refused(log: FixTrack) -> None:
    rng = np.random.default_rng(1)
    shaken = []
    for m in made_motions(STRAIGHT, camera(), 12.0):
        way = m.way + rng.normal(0, 0.25, 3)
        shaken.append(replace(m, way=way / np.linalg.norm(way)))
    with pytest.raises(InputError, match=r"scatter|road"):
        estimate_mounting(shaken, log)


def test_a_rendered_drive(tmp_path: Path) -> None:
    """Compressed video, followed points, essential matrices: pitch and yaw within 0.3 degrees, height within 5 %."""
    seen_by = camera(1.6, 3.0, -6.0, 1.5)
    video = write_video(tmp_path / "a.mp4", STRAIGHT, 8.0, seen_by)
    track = read_nmea(write_nmea(tmp_path / "a.nmea", STRAIGHT, 8.0, fix_noise_m=0.3))
    source = open_source(str(video))
    found = estimate_mounting(motions(frames(source, Window()), seen_by.lens), track)
    assert found.yaw_deg == pytest.approx(3.0, abs=0.3)
    assert found.pitch_deg == pytest.approx(-6.0, abs=0.3)
    assert found.roll_deg == pytest.approx(1.5, abs=1.0)
    assert found.height_m == pytest.approx(1.6, rel=0.05)
    assert found.skipped == Skipped()
    assert found.picture.shape == (270, 480, 3)
