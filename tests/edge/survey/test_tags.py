"""Poses from the tags of drone photos: both spellings, other makers' gaps, and each bad tag by its name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detector.errors import SourceError
from edge.survey.optics import horizontal_fov_deg
from edge.survey.tags import FILE_MAX_BYTES, SIGMA_POSITION_M, read_pose
from tests.edge.survey.drone import DJI, gps, write_photo, xmp


@pytest.mark.parametrize("elements", [False, True], ids=["as DJI writes", "as ExifTool writes"])
def test_a_pose_is_read_from_both_spellings(tmp_path: Path, elements: bool) -> None:
    pose = read_pose(write_photo(tmp_path / "a.jpg", packet=xmp(DJI, elements=elements)))
    assert (pose.heading_deg, pose.pitch_deg, pose.roll_deg) == (45.0, -90.0, 0.0)
    assert (pose.lon_deg, pose.lat_deg) == pytest.approx((117.2, 34.26), abs=1e-7)
    assert (pose.above_ground_m, pose.height_m) == (40.0, 198.5)
    assert pose.horizontal_fov_deg == pytest.approx(81.74, abs=0.01)
    assert pose.odd == ()


def test_a_fix_carries_the_gimbal(tmp_path: Path) -> None:
    at = datetime(2026, 5, 17, tzinfo=UTC)
    fix = read_pose(write_photo(tmp_path / "a.jpg")).fix(at)
    assert (fix.heading_deg, fix.pitch_deg, fix.above_ground_m, fix.at) == (45.0, -90.0, 40.0, at)
    assert fix.sigma_m == SIGMA_POSITION_M


@pytest.mark.parametrize(
    ("values", "quality", "sigma_m"),
    [
        ({"RtkFlag": "50", "RtkStdLon": "0.012", "RtkStdLat": "0.012"}, "rtk_fixed", 0.012),
        ({"RtkFlag": "34", "RtkStdLon": "0.3", "RtkStdLat": "0.4"}, "rtk_float", 0.3536),
        ({"RtkFlag": "0", "RtkStdLon": "0.01", "RtkStdLat": "0.01"}, "autonomous", SIGMA_POSITION_M),
        ({"RtkFlag": "50"}, "rtk_fixed", SIGMA_POSITION_M),
    ],
    ids=["fixed", "float", "RTK without a solution", "fixed without its sigma"],
)
def test_rtk_says_how_good_it_was(tmp_path: Path, values: dict[str, str], quality: str, sigma_m: float) -> None:
    pose = read_pose(write_photo(tmp_path / "a.jpg", packet=xmp({**DJI, **values})))
    assert (pose.quality, pose.sigma_m) == (quality, pytest.approx(sigma_m, abs=1e-3))


def test_the_drones_own_yaw_stands_in_for_the_gimbals(tmp_path: Path) -> None:
    values = {k: v for k, v in DJI.items() if k != "GimbalYawDegree"}
    pose = read_pose(write_photo(tmp_path / "a.jpg", packet=xmp(values)))
    assert pose.heading_deg == 44.0
    assert "no drone-dji:GimbalYawDegree" in pose.odd[0]


def test_an_odd_roll_is_told(tmp_path: Path) -> None:
    pose = read_pose(write_photo(tmp_path / "a.jpg", packet=xmp({**DJI, "GimbalRollDegree": "+180.00"})))
    assert "GimbalRollDegree 180 is odd" in pose.odd[0]


def without(*names: str) -> bytes:
    return xmp({k: v for k, v in DJI.items() if k not in names})


@pytest.mark.parametrize(
    ("position", "packet", "says"),
    [
        ({}, None, "a.jpg has no GPSLatitude tag"),
        ({**gps(117.2, 34.0), 4: ("x",)}, None, "a.jpg has no GPSLongitude tag"),
        (gps(117.2, 95.0), None, "GPSLatitude 95.0 is not on Earth"),
        (gps(0.0, 0.0), None, "are 0, 0: the drone had no fix"),
        (None, b"", "has no drone-dji:GimbalPitchDegree tag"),
        (None, without("GimbalPitchDegree"), "has no drone-dji:GimbalPitchDegree tag"),
        (None, without("GimbalYawDegree", "FlightYawDegree"), "neither drone-dji:GimbalYawDegree nor FlightYawDegree"),
        (None, without("RelativeAltitude"), "has no drone-dji:RelativeAltitude tag"),
        (None, xmp({**DJI, "RelativeAltitude": "-3.10"}), "drone-dji:RelativeAltitude -3.1 m must be above 0"),
        (None, xmp({**DJI, "GimbalYawDegree": "+999.0"}), "gimbal yaw 999.0, pitch -90.0, roll 0.0 degrees"),
        (None, xmp({**DJI, "GimbalPitchDegree": "nan"}), "has no drone-dji:GimbalPitchDegree tag"),
    ],
)
def test_a_bad_tag_is_named(tmp_path: Path, position: dict[int, Any] | None, packet: bytes | None, says: str) -> None:
    if position and position.get(4) == ("x",):
        position = {k: v for k, v in position.items() if k != 4}
    with pytest.raises(SourceError, match=says.replace(".", r"\.")):
        read_pose(write_photo(tmp_path / "a.jpg", position=position, packet=packet))


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"GIF89a")
    with pytest.raises(SourceError, match=r"a\.jpg is not a JPEG photo"):
        read_pose(tmp_path / "a.jpg")


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(FILE_MAX_BYTES + 1)
    with pytest.raises(SourceError, match=r"a\.jpg has 67108865 bytes; a photo has at most 67108864"):
        read_pose(tmp_path / "a.jpg")


def test_hostile_xmp_does_nothing(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + xmp({**DJI, "RelativeAltitude": "&b;"})
    with pytest.raises(SourceError, match="no drone-dji:RelativeAltitude"):
        read_pose(write_photo(tmp_path / "a.jpg", packet=bomb))


@pytest.mark.parametrize(
    ("size", "model", "focal_35_mm", "focal_mm", "fov_deg"),
    [
        ((4000, 3000), "FC300S", 20.0, 3.6, 81.74),  # the whole 4:3 sensor
        ((4000, 2250), "FC300S", 20.0, 3.6, 81.74),  # a 16:9 strip of it is as wide
        ((5472, 3648), "FC6310", 24.0, 8.8, 73.74),  # a 3:2 sensor
        ((4864, 3648), "FC6310", 24.0, 8.8, 67.38),  # 4:3 cut out of a 3:2 sensor
        ((4000, 3000), "FC300S", None, 3.6, 81.19),  # by the sensor's size
        ((4000, 3000), "unheard of", None, 3.6, None),
        ((4000, 3000), "FC300S", None, None, None),
        ((3000, 4000), "FC300S", 20.0, 3.6, None),  # upright
    ],
)
def test_field_of_view(
    size: tuple[int, int], model: str, focal_35_mm: float | None, focal_mm: float | None, fov_deg: float | None
) -> None:
    assert horizontal_fov_deg(*size, model, focal_35_mm, focal_mm) == (
        None if fov_deg is None else pytest.approx(fov_deg, abs=0.01)
    )


def test_the_real_photos(shared_data: Path) -> None:
    poses = [read_pose(p) for p in sorted((shared_data / "drone" / "photos").glob("*.JPG"))]
    assert len(poses) == 12
    assert all(39.0 < p.above_ground_m < 41.0 and p.pitch_deg < -89.0 and p.odd == () for p in poses)
    assert [round(p.heading_deg) for p in poses[3:6]] == [44, 220, 228]
