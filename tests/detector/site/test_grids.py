"""Unit grids: codes that cannot be, and how they should cover the patrolled area."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.geo.plane import LocalPlane
from detector.site import check_site, load_site, site_warnings
from detector.site.cli import app
from tests.detector.site.folders import copy_demo_site, edit_yaml

PLANE = LocalPlane(117.19, 34.26)
FILE = "zones/grids.geojson"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demonstration's site, which has no grids."""
    return copy_demo_site(tmp_path / "site")


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """Corners in metres about the middle of the demonstration, as degrees."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return PLANE.lon_lat_deg(corners).tolist()


def write(folder: Path, *grids: tuple[str, object, list[list[float]]], kind: str = "grid") -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "kind": kind, "name": {"zh": name, "en": name}, "code": code, "owner": "李某"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for name, code, ring in grids
    ]
    (folder / FILE).write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


LEFT, RIGHT = ("g1", "32030200100101", box(0, 0, 50, 50)), ("g2", "320302001001002", box(50, 0, 100, 50))


def test_grids_that_meet_are_sound(folder):
    write(folder, LEFT, RIGHT)
    edit_yaml(folder / "site.yaml", lambda raw: raw.update(admin_code=320302, patrol_area=box(0, 0, 100, 50)[:-1]))
    site = load_site(folder)
    assert site_warnings(site) == []
    grid = site.zones.zone("g2")
    assert grid is not None
    assert (grid.code, grid.owner) == ("320302001001002", "李某")


@pytest.mark.parametrize(
    ("code", "head", "message"),
    [
        ("3203020010010", {}, "'3203020010010' is no unit grid code: 14, 15 or 16 digits"),
        ("32030200100100001", {}, "is no unit grid code"),
        ("3203020010010A", {}, "is no unit grid code"),
        ("３２０３０２００１００１０３", {}, "is no unit grid code"),  # full-width digits
        (32030200100102, {"admin_code": "320303"}, "does not begin with the admin_code '320303' of site.yaml"),
        ("32030200100101", {}, "'32030200100101' is the code of 'g1' already"),
        ("32030200100102", {"void_codes": [32030200100102]}, "is one of the void_codes of site.yaml"),
    ],
)
def test_codes_that_cannot_be(folder, code, head, message):
    write(folder, LEFT, ("g2", code, RIGHT[2]))
    edit_yaml(folder / "site.yaml", lambda raw: raw.update(head))
    problem = check_site(folder)[-1]
    assert (problem.file, problem.feature, problem.field) == (FILE, "g2", "properties.code")
    assert message in problem.message


def test_a_code_is_for_grids(folder):
    write(folder, LEFT, kind="market")
    (problem,) = check_site(folder)
    assert (problem.field, problem.message[:24]) == ("properties", "a code is for a grid, no")


@pytest.mark.parametrize(
    ("head", "field", "message"),
    [
        ({"admin_code": "32030"}, "admin_code", "'32030' is no admin code: 6 digits (county), 9 (street) or 12"),
        ({"void_codes": ["3203"]}, "void_codes.0", "'3203' is no unit grid code"),
    ],
)
def test_codes_of_the_site_that_cannot_be(folder, head, field, message):
    edit_yaml(folder / "site.yaml", lambda raw: raw.update(head))
    problem = check_site(folder)[0]
    assert (problem.file, problem.field) == ("site.yaml", field)
    assert message in problem.message


@pytest.mark.parametrize(
    ("rings", "area", "expected"),
    [
        ([box(0, 0, 51, 50), box(50, 0, 100, 50)], None, ["g0: geometry: overlaps the grid 'g1' by 50 m²"]),
        ([box(0, 0, 50.01, 50), box(50, 0, 100, 50)], None, []),  # half a square metre: how surveys meet
        (
            [box(0, 0, 50, 50), box(52, 0, 100, 50)],
            box(0, 0, 100, 50),
            ["grids: geometry: leave a gap of 100 m² in the patrol area"],
        ),
        (
            [box(0, 0, 50, 50)],
            box(-10, 0, 60, 50),
            ["grids: geometry: leave a gap of 500 m² in the patrol area"] * 2,
        ),
        # A ring of four grids around a square that none covers.
        (
            [box(0, 0, 30, 10), box(0, 20, 30, 30), box(0, 10, 10, 20), box(20, 10, 30, 20)],
            None,
            ["grids: geometry: leave a gap of 100 m² in the grids"],
        ),
    ],
)
def test_overlaps_and_gaps_are_warnings(folder, rings, area, expected):
    write(folder, *((f"g{row}", f"32030200100{row:03}", ring) for row, ring in enumerate(rings)))
    if area is not None:
        edit_yaml(folder / "site.yaml", lambda raw: raw.update(patrol_area=area[:-1]))
    assert check_site(folder) == []
    found = [str(warning) for warning in site_warnings(load_site(folder))]
    assert [line.removeprefix("zones: feature ").split(" at ")[0] for line in found] == expected


def test_large_grids_hold_unit_grids(folder):
    write(folder, LEFT, RIGHT, ("large", None, box(0, 0, 100, 50)))
    assert site_warnings(load_site(folder)) == []


def test_the_command_prints_warnings_and_goes_on(folder):
    write(folder, LEFT, ("g2", "32030200100102", box(40, 0, 100, 50)))
    edit_yaml(folder / "permits.yaml", lambda raw: raw["permits"].pop(0))
    result = CliRunner().invoke(app, ["check", str(folder)], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "! zones: feature g1: geometry: overlaps the grid 'g2' by 500 m² at 117.190" in result.output
    assert "! zones: feature pitch-7: no entry of permits.yaml names it: nobody may stand there" in result.output
