"""The check over photos: made ones with known faults, and the real flight with its headings turned round."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from detector.errors import InputError, SourceError
from edge.survey.check import Finding, check_photos, photo_paths
from edge.survey.picture import PANEL_PX, draw_check
from tests.edge.survey.drone import fly, write_photo, xmp


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return fly(tmp_path_factory.mktemp("flight") / "photos", {1: 180.0, 6: 180.0, 3: 40.0})


def test_wrong_headings_are_found_and_mended(flight: list[Path]) -> None:
    ticks: list[tuple[int, int]] = []
    check = check_photos(flight, progress=lambda done, total, _: ticks.append((done, total)))
    good, turned, off = Finding.GOOD, Finding.TURNED_ROUND, Finding.OFF
    assert [p.finding for p in check.photos] == [good, turned, good, off, good, good, turned, good]
    assert check.photos[3].turn_deg == pytest.approx(-40.0, abs=1.0)
    assert [p.mended.heading_deg for p in check.photos] == pytest.approx([40.0] * 4 + [220.0] * 4, abs=1.0)
    tagged_m, turned_m, mended_m = check.medians_m()
    assert tagged_m > 5.0 > turned_m > mended_m
    assert mended_m < 0.3
    assert ticks == [(i, len(ticks)) for i in range(len(ticks))]


def test_the_picture_shows_both(flight: list[Path]) -> None:
    image = draw_check(check_photos(flight), flight, None)
    assert image.shape[1] == 2 * PANEL_PX
    left, right = image[60:, :PANEL_PX], image[60:, PANEL_PX:]
    assert np.abs(left.astype(int) - right.astype(int)).mean() > 5


def test_without_a_known_lens_it_asks(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        write_photo(tmp_path / name, np.zeros((400, 300, 3), np.uint8))
    paths = photo_paths(tmp_path)
    with pytest.raises(InputError, match="give the horizontal field of view with --hfov-deg"):
        check_photos(paths)
    blank = check_photos(paths, 60.0)
    assert blank.pairs == ()
    assert {p.finding for p in blank.photos} == {Finding.UNKNOWN}
    assert np.isnan(blank.medians_m()).all()


def test_photos_without_a_pose_are_left_out_and_told(tmp_path: Path, flight: list[Path]) -> None:
    bare = write_photo(tmp_path / "bare.jpg", packet=xmp({}))
    check = check_photos([*flight[:3], bare])
    assert len(check.photos) == 3
    assert check.unread[0].startswith("bare.jpg has no drone-dji:GimbalPitchDegree")
    with pytest.raises(InputError, match="1 of 2 have one"):
        check_photos([flight[0], bare])


def test_what_only_bears_a_photos_name_is_not_read(tmp_path: Path, flight: list[Path]) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "photo.jpg").symlink_to(flight[0])
    assert [path.name for path in photo_paths(tmp_path)] == ["photo.jpg"]


def test_folders_without_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no drone photos"):
        photo_paths(tmp_path)
    with pytest.raises(SourceError, match="no such folder"):
        photo_paths(tmp_path / "nowhere")


def test_the_real_flight(shared_data: Path) -> None:
    """Some of the photos carry a gimbal yaw that is 180 degrees off the pixels."""
    paths = [
        p for p in photo_paths(shared_data / "drone" / "photos") if p.stem[-2:] in {"24", "25", "26", "31", "32", "33"}
    ]
    check = check_photos(paths)
    wrong = [p.pose.name for p in check.photos if p.finding is Finding.TURNED_ROUND]
    assert wrong == ["DJI_0024.JPG", "DJI_0025.JPG", "DJI_0026.JPG"]
    tagged_m, _, mended_m = check.medians_m()
    assert tagged_m > 15.0
    assert mended_m < 3.0
