"""The map is well-formed, self-contained, and shows what the site holds."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from datetime import datetime

import pytest
from shapely import Polygon

from detector.errors import InputError
from detector.geo.camera import CameraSigmas, FixedHomography, FixedPose, Lens
from detector.geo.zones import ZoneIndex
from detector.site import draw_site_map, load_site
from detector.site.draw import view_bearings_deg
from detector.site.svg import wrapped
from tests.conftest import ROOT
from tests.detector.site.folders import copy_demo_site

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


def texts_at(tmp_path, time: str, folder=None) -> str:
    site = load_site(folder) if folder else SITE
    at = datetime.fromisoformat(time).replace(tzinfo=site.timezone)
    draw_site_map(site, tmp_path / "at.svg", at)
    root = ET.fromstring((tmp_path / "at.svg").read_text(encoding="utf-8"))  # noqa: S314 (our own file)
    return "\n".join(element.text or "" for element in root.iter())


@pytest.mark.parametrize(
    ("time", "shown", "not_shown"),
    [
        ("2026-05-18T12:00", ["17:00起 · from 17:00", "not in force now", "周一 Mon"], ["closed for", "至02:00"]),
        ("2026-05-18T17:30", ["至02:00 · until 02:00", "至18:30 · until 18:30"], ["not in force now"]),
        ("2031-05-18T20:00", ["没有有效的许可证 · no permit is in force", "已过期（2030-12-31）"], ["closed for"]),
    ],
)
def test_a_map_at_a_time_tells_what_is_in_force(tmp_path, time, shown, not_shown):
    words = texts_at(tmp_path, time)
    assert f"{time[:10]}  {time[11:]}" in words
    assert [wanted for wanted in shown if wanted not in words] == []
    assert [unwanted for unwanted in not_shown if unwanted in words] == []


def test_a_closed_bay_is_struck_out_with_its_reason(tmp_path):
    folder = copy_demo_site(tmp_path / "site")
    (folder / "closures.yaml").write_text(
        "schema: kerbwatch-closures/1\nclosures:\n  - {id: w, zones: [bay-1], from: 2026-05-18T08:00, "
        "to: 2026-05-20T18:00, reason: {zh: 道路施工, en: roadworks}}\n",
        encoding="utf-8",
    )
    words = texts_at(tmp_path, "2026-05-18T12:00", folder)
    assert "道路施工 · roadworks" in words
    assert "closed for the time being (roadworks), until 05-20 18:00" in " ".join(words.split())
    assert 'fill="url(#closed)"' in (tmp_path / "at.svg").read_text(encoding="utf-8")
    assert "道路施工 · roadworks" not in texts_at(tmp_path, "2026-05-20T18:00", folder)


def test_the_panel_makes_the_sheet_higher_or_says_what_it_left_out(tmp_path):
    evening = next(zone for zone in SITE.zones.zones if zone.zone_id == "pitch-7")
    crowd = [dataclasses.replace(evening, zone_id=f"p{i}") for i in range(60)]
    few, many = (
        drawn(tmp_path, dataclasses.replace(SITE, zones=ZoneIndex.build(zones))) for zones in (crowd[:6], crowd)
    )
    heights = [float(ET.fromstring(svg).attrib["height"]) for svg in (drawn(tmp_path, SITE), few, many)]  # noqa: S314
    assert heights[0] < heights[1] < heights[2] < 1400
    assert "more: hover to read" not in few
    assert "more: hover to read" in many


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("out of hours, until 17:00", ["out of hours,", "until 17:00"]),
        ("每天十八点至次日两点开放", ["每天十八点至次", "日两点开放"]),
        ("averyveryverylongword here", ["averyveryverylongword", "here"]),
        ("", []),
    ],
)
def test_text_is_broken_into_lines(words, lines):
    assert wrapped(words, 12.5, 95.0) == lines


def test_names_without_room_are_counted(tmp_path):
    crowd = [dataclasses.replace(zone, zone_id=f"{zone.zone_id}-{i}") for zone in SITE.zones.zones for i in range(9)]
    svg = drawn(tmp_path, dataclasses.replace(SITE, zones=ZoneIndex.build(crowd)))
    assert "names had no room: hover to read" in svg
    assert "no room" not in drawn(tmp_path, SITE)
