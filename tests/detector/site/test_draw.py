"""The map is well-formed, self-contained, and shows what the site holds."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest
from shapely import Polygon

from detector.errors import InputError
from detector.geo.camera import CameraSigmas, FixedHomography, FixedPose, Lens
from detector.geo.zones import ZoneIndex
from detector.site import draw_site_map, load_site
from detector.site.draw import view_bearings_deg
from tests.conftest import ROOT

SITE = load_site(ROOT / "edge" / "demo_site")


def drawn(tmp_path, site) -> str:
    draw_site_map(site, tmp_path / "map.svg")
    return (tmp_path / "map.svg").read_text(encoding="utf-8")


def test_map_shows_zones_cameras_hours_and_says_synthetic(tmp_path):
    svg = drawn(tmp_path, SITE)
    texts = " ".join(element.text or "" for element in ET.fromstring(svg).iter())  # noqa: S314 (our own file)
    for wanted in (
        "1号非机动车停车区",
        "bike bay 1",
        "wall-cam",
        "corner-cam",
        "ebike-front",
        "17:00-02:00",
        "20 m",
        "北 N",
        "SYNTHETIC POSITIONS",
        "WGS-84",
        "图例",
    ):
        assert wanted in texts
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_real_positions_carry_no_watermark_and_the_patrol_area_is_drawn(tmp_path):
    west, south, east, north = SITE.bbox
    area = Polygon([(west, south), (east, south), (east, north), (west, north)])
    svg = drawn(tmp_path, dataclasses.replace(SITE, synthetic_positions=False, patrol_area=area))
    assert "SYNTHETIC" not in svg
    assert "patrolled area" in svg


def test_names_cannot_break_out_of_the_picture(tmp_path):
    evil = dataclasses.replace(SITE.name, en='<script>alert(1)</script>"&')
    svg = drawn(tmp_path, dataclasses.replace(SITE, name=evil))
    assert "<script>" not in svg
    ET.fromstring(svg)  # noqa: S314 (our own file)


def test_html_holds_the_same_picture(tmp_path):
    draw_site_map(SITE, tmp_path / "map.html")
    assert drawn(tmp_path, SITE) in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"'map\.png' is neither \.svg nor \.html"):
        draw_site_map(SITE, tmp_path / "map.png")


def test_fans_follow_the_heading():
    lens = Lens.from_fov(640, 272, 60.0)
    pose = FixedPose("c", 117.19, 34.26, 3.0, 350.0, -10.0, 0.0, lens, CameraSigmas())
    assert view_bearings_deg(pose) == pytest.approx((320.0, 380.0))
    # Pixels right to east, down to south, with the camera in the middle of the upper edge: it looks south.
    matrix = ((-0.01, 0.0, 3.2), (0.0, -0.01, 0.0), (0.0, 0.0, 1.0))
    tied = FixedHomography("h", 117.19, 34.26, 3.0, 640, 272, matrix, 0.1, CameraSigmas())
    left, right = view_bearings_deg(tied)
    assert left < 180.0 < right


def test_names_without_room_are_counted(tmp_path):
    crowd = [dataclasses.replace(zone, zone_id=f"{zone.zone_id}-{i}") for zone in SITE.zones.zones for i in range(9)]
    svg = drawn(tmp_path, dataclasses.replace(SITE, zones=ZoneIndex.build(crowd)))
    assert "names had no room: hover to read" in svg
    assert "no room" not in drawn(tmp_path, SITE)
