"""Closures: what they close and when, and every way the file can be wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.geo.schedule import Standing
from detector.site import check_site, load_site
from tests.detector.site.folders import PERMITTED, copy_demo_site, edit_json, properties

CLOSURE: dict[str, Any] = {
    "id": "works",
    "zones": ["bay-1"],
    "from": "2026-05-18T08:00",
    "to": "2026-05-20T18:00",
    "reason": {"zh": "道路施工", "en": "roadworks"},
}
AROUND_BAY_1 = [[117.1901, 34.2600], [117.1902072, 34.2600], [117.1902072, 34.2601], [117.1901, 34.2601]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demonstration's site."""
    return copy_demo_site(tmp_path / "site")


def write(folder: Path, *closures: object) -> None:
    content = {"schema": "kerbwatch-closures/1", "closures": list(closures)}
    (folder / "closures.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def closed_zones(folder: Path) -> set[str]:
    return {zone.zone_id for zone in load_site(folder).zones.zones if zone.validity.closures}


@pytest.mark.parametrize(
    ("change", "closed"),
    [
        ({}, {"bay-1"}),
        ({"zones": ["bay-1", "shop-12"]}, {"bay-1", "shop-12"}),
        ({"zones": ["sign-2026-003"]}, {"sign-2026-003"}),  # a filed sign
        ({"zones": ["footway-north"]}, {"bay-1", "bay-2", "pitch-7"}),  # what is permitted on it; no shop
        ({"zones": None, "area": AROUND_BAY_1}, {"bay-1"}),
    ],
)
def test_what_a_closure_closes(folder, change, closed):
    write(folder, {**CLOSURE, **change})
    assert closed_zones(folder) == closed


def test_a_closed_bay_is_closed_from_to_and_says_why(folder):
    write(folder, CLOSURE)
    site = load_site(folder)
    bay = site.zones.zone("bay-1")
    assert bay is not None
    (closure,) = bay.validity.closures
    assert closure.reason.en == "roadworks"
    for time, standing in (
        ("2026-05-18T07:59", Standing.OPEN),
        ("2026-05-18T08:00", Standing.CLOSED),
        ("2026-05-20T17:59", Standing.CLOSED),
        ("2026-05-20T18:00", Standing.OPEN),
    ):
        at = datetime.fromisoformat(time).replace(tzinfo=site.timezone)
        assert bay.validity.standing(at, site.timezone, site.holidays) is standing


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"zones": ["bay-9"]}, "zones", "names zone 'bay-9', which no zones/*.geojson has; near: bay-2, bay-1"),
        ({"zones": ["courtyard"]}, "zones", "closes nothing: no pitch, market or bay lies at least half in it"),
        ({"zones": []}, "zones", "at least 1 item"),
        ({"zones": None}, None, "closes zones or an area: give exactly one"),
        ({"area": AROUND_BAY_1}, None, "closes zones or an area: give exactly one"),
        ({"zones": None, "area": AROUND_BAY_1[:2]}, "area", "at least 3 items"),
        ({"zones": None, "area": [*AROUND_BAY_1[1:], AROUND_BAY_1[0][::-1]]}, "area.3.1", "less than or equal to 90"),
        ({"zones": None, "area": [[x + 1, y] for x, y in AROUND_BAY_1]}, "area", "outside the bbox"),
        ({"zones": None, "area": [AROUND_BAY_1[i] for i in (0, 2, 1, 3)]}, "area", "crosses itself"),
        ({"zones": None, "area": [[x, y - 0.001] for x, y in AROUND_BAY_1]}, "area", "closes nothing"),
        ({"to": "2026-05-18T08:00"}, None, "must lie after from"),
        ({"from": "2026-05-18"}, "from", "is no local date and time; write e.g. 2026-05-18T08:00"),
        ({"from": "soon"}, "from", "is no local date and time"),
        ({"from": "2026-05-18T08:00+08:00"}, "from", "carries an offset"),
        ({"reason": {"zh": "施工"}}, "reason.en", "is missing"),
        ({"colour": "red"}, "colour", "is no known field"),
    ],
)
def test_bad_closures_are_named(folder, change, field, message):
    given = {key: value for key, value in {**CLOSURE, **change}.items() if value is not None}
    write(folder, given)
    (problem,) = check_site(folder)
    assert (problem.file, problem.feature, problem.field) == ("closures.yaml", "works", field)
    assert message in problem.message


def test_an_id_used_twice_is_named(folder):
    write(folder, CLOSURE, {**CLOSURE, "zones": ["bay-2"]})
    (problem,) = check_site(folder)
    assert (problem.feature, problem.field) == ("works", "id")
    assert "used twice" in problem.message


def test_a_closure_is_not_blamed_for_its_refused_zone(folder):
    write(folder, CLOSURE)
    edit_json(folder / PERMITTED, properties(0, kind="x"))
    assert [problem.file for problem in check_site(folder)] == [PERMITTED]


def test_capacity_and_goods_of_a_pitch(folder):
    edit_json(folder / PERMITTED, properties(2, goods={"zh": "水果", "en": "fruit"}))
    site = load_site(folder)
    pitch, shop = site.zones.zone("pitch-7"), site.zones.zone("shop-12")
    assert pitch is not None
    assert (pitch.capacity, pitch.goods and pitch.goods.en) == (1, "fruit")  # one stall unless the city says more
    assert shop is not None
    assert (shop.capacity, shop.goods) == (None, None)


def test_a_permit_without_hours_has_those_of_its_zone(folder):
    site = load_site(folder)
    (permit,) = site.permits_of["pitch-7"]
    last_night = datetime(2031, 1, 1, 1, 59, tzinfo=site.timezone)  # its last day is 2030-12-31
    assert permit.validity.is_valid(last_night, site.timezone, site.holidays)
    assert not permit.validity.is_valid(last_night.replace(hour=2), site.timezone, site.holidays)
