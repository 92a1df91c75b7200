"""A drive against the site's streets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.geo.crs import BD09, GCJ02, WGS84, from_wgs84, to_wgs84
from detector.geo.drive import check_drive, drive_warning
from detector.geo.plane import LocalPlane
from tests.detector.geo.town import MIDDLE, drive, footways, index

TOWN = index(footways())
FAR = tuple(LocalPlane(*MIDDLE).lon_lat_deg([(9000.0, 0.0)])[0].tolist())


def logged(fixes, forward):
    """A drive whose positions went through `forward`."""
    moved = forward([(fix.lon_deg, fix.lat_deg) for fix in fixes]).tolist()
    return [replace(fix, lon_deg=lon, lat_deg=lat) for fix, (lon, lat) in zip(fixes, moved, strict=True)]


@pytest.mark.parametrize("sigma_m", [1.0, 3.0, 8.0])
def test_an_honest_drive_fits(sigma_m):
    found = check_drive(drive(sigma_m=sigma_m), TOWN)
    assert found.verdict == "fits"
    assert drive_warning(found) is None


@pytest.mark.parametrize(
    ("truly", "says"),
    [
        (GCJ02, "the GNSS log looks like GCJ-02 logged as WGS-84: 548 m to the east; log WGS-84, as NMEA asks"),
        (BD09, "the GNSS log looks like BD-09 logged as WGS-84: 1242 m to the north-east"),
    ],
)
def test_a_drive_logged_in_a_web_maps_system_is_named(truly, says):
    found = check_drive(logged(drive(), lambda points: from_wgs84(points, truly)), TOWN)
    assert found.verdict == "shifted"
    warning = drive_warning(found)
    assert warning is not None
    assert says in warning.en
    assert f"定位日志很可能是{truly}坐标" in warning.zh


def test_an_honest_drive_against_a_map_in_gcj02_blames_the_map():
    # the map drawn 548 m to the east of the streets is the drive 548 m to the west of the map
    found = check_drive(logged(drive(), lambda points: to_wgs84(points, GCJ02)), TOWN)
    warning = drive_warning(found)
    assert found.verdict == "shifted"
    assert warning is not None
    assert "the site's zones look like GCJ-02 drawn as WGS-84" in warning.en
    assert "辖区地图很可能是按GCJ-02坐标绘制的" in warning.zh


@pytest.mark.parametrize("truly", [WGS84, GCJ02])
def test_off_the_map_nothing_can_be_told(truly):
    found = check_drive(logged(drive(FAR), lambda points: from_wgs84(points, truly)), TOWN)
    assert found.verdict == "cannot_tell"
    warning = drive_warning(found)
    assert warning is not None
    assert "could not be checked" in warning.en


def test_no_fixes_are_no_drive():
    assert check_drive([], TOWN).verdict == "cannot_tell"
    assert check_drive(drive(), index([])).verdict == "cannot_tell"
