"""Poses of drone photos for a patrol: from tags or a file, for the photos' own moments only."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from detector.errors import InputError
from edge.sources import PictureSource, open_source
from edge.survey.check import check_photos
from edge.survey.poses import COLUMNS, photo_track, poses_csv, read_poses
from tests.edge.survey.drone import fly, write_photo, xmp

GOOD_ROW = "DJI_0001.JPG,117.2,34.26,40,45,-90,0"
HEAD = ",".join(COLUMNS)


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return fly(tmp_path_factory.mktemp("flight") / "photos", {2: 180.0})


def source_of(folder: Path) -> PictureSource:
    source = open_source(str(folder))
    assert isinstance(source, PictureSource)
    return source


def test_each_photo_has_its_own_fix_and_nothing_in_between(flight: list[Path]) -> None:
    source = source_of(flight[0].parent)
    track, odd = photo_track([source], None)
    assert odd == []
    assert len(track.fixes) == 8
    second = track.at(source.starts_at + timedelta(seconds=6))
    assert second is not None
    assert second.above_ground_m == 40.0
    assert track.at(source.starts_at + timedelta(seconds=7)) is None


def test_a_mended_file_wins_over_the_tags(flight: list[Path], tmp_path: Path) -> None:
    mended = tmp_path / "poses.csv"
    mended.write_text(poses_csv(check_photos(flight).photos), "utf-8")
    source = source_of(flight[0].parent)
    tagged, _ = photo_track([source], None)
    track, _ = photo_track([source], mended)
    assert tagged.fixes[2].heading_deg == pytest.approx(220.0)
    assert track.fixes[2].heading_deg == pytest.approx(40.0, abs=1.0)
    assert track.sha256 != tagged.sha256


def test_a_photo_without_a_pose_is_told(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg", packet=xmp({}), taken="2026:05:17 09:30:06")
    track, odd = photo_track([source_of(tmp_path)], None)
    assert len(track.fixes) == 1
    assert odd[0].startswith("b.jpg has no drone-dji:GimbalPitchDegree")


def test_two_photos_of_one_moment_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        write_photo(tmp_path / name)
    with pytest.raises(InputError, match=r"two photos were taken at 2026-05-17T09:30:00.*--interval-s"):
        photo_track([source_of(tmp_path)], None)


def test_a_folder_without_any_pose_is_refused(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", packet=xmp({}))
    with pytest.raises(InputError, match=r"no photo has a pose; the first: a\.jpg has no"):
        photo_track([source_of(tmp_path)], None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("photo,lon_deg\nx,1\n", "lacks the columns lat_deg, above_ground_m"),
        ("", "lacks the columns photo"),
        ("photo,lon_deg,lat_deg,above_ground_m,heading_deg,pitch_deg,roll_deg\n", "holds no pose, only its columns"),
        (f"{HEAD}\n{GOOD_ROW}\n{GOOD_ROW}\n", "line 3: DJI_0001.JPG is there twice"),
        (f"{HEAD}\nx.jpg,200,34,40,45,-90,0\n", "line 2: lon_deg '200'"),
        (f"{HEAD}\nx.jpg,117,34,nan,45,-90,0\n", "line 2: above_ground_m 'nan'"),
        (f"{HEAD}\nx.jpg,117,34\n", "line 2: above_ground_m None"),
        (f"{HEAD}\nother.jpg,117,34,40,45,-90,0\n", "names none of the photos"),
        (f'{HEAD}\n"x', "is not a UTF-8 CSV file"),
    ],
)
def test_a_bad_file_is_refused(flight: list[Path], tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "poses.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(InputError, match=says):
        photo_track([source_of(flight[0].parent)], file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such --poses file"):
        read_poses(tmp_path / "none.csv")
