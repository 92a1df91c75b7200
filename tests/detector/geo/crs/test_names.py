"""Names people write for a reference system, and those that name none."""

from __future__ import annotations

import pytest

from detector.errors import InputError
from detector.geo.crs import BD09, CGCS2000, GCJ02, WGS84, parse_crs, refuse_crs
from detector.geo.crs.names import FIRST_ZONE, LAST_ZONE, gauss_kruger

ZONE_39 = gauss_kruger(39, prefixed=True)
CM_117 = gauss_kruger(39, prefixed=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WGS84", WGS84),
        ("wgs 84", WGS84),
        ("WGS_1984", WGS84),
        ("EPSG:4326", WGS84),
        ("urn:ogc:def:crs:EPSG::4326", WGS84),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", WGS84),
        ("urn:ogc:def:crs:OGC::CRS84", WGS84),
        ("OGC:CRS84", WGS84),
        ("GCJ-02", GCJ02),
        ("gcj02", GCJ02),
        (" Gcj 02 ", GCJ02),
        ("火星坐标", GCJ02),
        ("高德", GCJ02),
        ("BD09", BD09),
        ("bd-09", BD09),
        ("BD09LL", BD09),
        ("百度坐标系", BD09),
        ("ＢＤ０９", BD09),  # full-width, from a Chinese keyboard
        ("CGCS2000", CGCS2000),
        ("EPSG:4490", CGCS2000),
        ("2000国家大地坐标系", CGCS2000),
        ("EPSG:4547", gauss_kruger(38, prefixed=False)),
        ("EPSG:4513", gauss_kruger(FIRST_ZONE, prefixed=True)),
        ("EPSG:4533", gauss_kruger(LAST_ZONE, prefixed=True)),
        ("EPSG:4534", gauss_kruger(FIRST_ZONE, prefixed=False)),
        ("epsg:4554", gauss_kruger(LAST_ZONE, prefixed=False)),
        ("CGCS2000 3-degree zone 39", ZONE_39),
        ("CGCS2000 / 3-degree Gauss-Kruger zone 39", ZONE_39),
        ("CGCS2000 / 3-degree Gauss-Kruger zone 39 (EPSG:4527)", ZONE_39),
        ("CGCS2000_3_Degree_GK_Zone_39", ZONE_39),  # ESRI's
        ("CGCS2000 3度带 39带", ZONE_39),
        ("2000国家大地坐标系 3度带 第39带", ZONE_39),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 117E", CM_117),
        ("CGCS2000_3_Degree_GK_CM_117E", CM_117),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 99E", gauss_kruger(33, prefixed=False)),
        ("CGCS2000 中央经线117", CM_117),
        ("CGCS2000 120°E", gauss_kruger(40, prefixed=False)),
    ],
)
def test_a_name_people_write(name, expected):
    assert parse_crs(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "crs '' is not known; taken are WGS84 (EPSG:4326), GCJ02"),
        ("EPSG:3857", "crs 'EPSG:3857' is not taken; taken are WGS84"),
        ("EPSG:4512", "crs 'EPSG:4512' is not taken"),  # a 6-degree zone, the code before the first taken
        ("EPSG:4555", "crs 'EPSG:4555' is not taken"),
        ("Beijing 54", "crs 'Beijing 54' is not known; taken are"),
        ("西安80", "crs '西安80' is not known"),
        (
            "CGCS2000 / 3-degree Gauss-Kruger",
            "names no zone; say which, e.g. EPSG:4527 (zone 39) or EPSG:4548 (CM 117E)",
        ),
        ("CGCS2000 zone 20", "zone 20 is one of the 6-degree zones, which are not taken"),
        ("CGCS2000 3-degree zone 50", "there is no 3-degree zone 50 in China; zones 25 to 45"),
        ("CGCS2000 CM 118E", "118E is no central meridian of a 3-degree zone"),
        ("CGCS2000 CM 141E", "there is no 3-degree zone 47 in China"),
    ],
)
def test_a_name_that_is_not_taken(name, message):
    with pytest.raises(InputError) as raised:
        parse_crs(name)
    assert message in str(raised.value)


@pytest.mark.parametrize("crs", [WGS84, GCJ02, BD09, CGCS2000, ZONE_39, CM_117])
def test_a_system_reads_its_own_name_and_its_description(crs):
    assert parse_crs(crs.name) == crs
    assert parse_crs(str(crs)) == crs


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("CRS84", None),
        ("WGS84", None),
        ("GCJ-02", "GCJ-02 (火星坐标, Amap and Tencent) lies 300 to 700 m away"),
        ("BD-09", "kerbwatch site import DIR FILE.geojson --crs BD09"),
        ("EPSG:4490", "--crs CGCS2000"),
        ("EPSG:4548", "it is a projection in metres"),
        ("EPSG:3857", "crs 'EPSG:3857' is not taken"),
    ],
)
def test_what_a_site_folder_may_hold(name, refused):
    said = refuse_crs(name)
    assert said is None if refused is None else refused in str(said)
