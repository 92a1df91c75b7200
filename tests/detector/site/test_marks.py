"""Areas marked in a camera's picture: read, and everything wrong with them named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detector.site import check_site, load_site
from detector.site.model import MarkedZone
from tests.detector.site.folders import copy_demo_site, edit_yaml

SHOP: dict[str, Any] = {"zone": "shop-12", "pixels": [[10, 100], [200, 100], [200, 180], [10, 180]]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demonstration's site."""
    return copy_demo_site(tmp_path / "site")


def mark(folder: Path, *marked: object, camera: int = 0) -> None:
    edit_yaml(folder / "cameras.yaml", lambda raw: raw["cameras"][camera].update(marked=list(marked)))


def test_marks_are_read(folder):
    mark(folder, SHOP, {**SHOP, "zone": "bay-1"})
    site = load_site(folder)
    corners = ((10.0, 100.0), (200.0, 100.0), (200.0, 180.0), (10.0, 180.0))
    assert site.marked == {"wall-cam": (MarkedZone("shop-12", corners), MarkedZone("bay-1", corners))}


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"zone": "shop-13"}, "marked.0.zone", "names zone 'shop-13', which no zones/*.geojson has; near: shop-1"),
        ({"pixels": [[10, 100], [650, 100], [200, 180]]}, "marked.0.pixels", "(650, 100) lies outside the 640 x 272"),
        ({"pixels": [[10, 100], [20, -1], [200, 180]]}, "marked.0.pixels", "(20, -1) lies outside"),
        ({"pixels": [SHOP["pixels"][i] for i in (0, 2, 1, 3)]}, "marked.0.pixels", "crosses itself"),
        ({"pixels": [[10, 10], [20, 20], [30, 30]]}, "marked.0.pixels", "crosses itself"),
        ({"pixels": [[10, 10], [20, 20]]}, "marked.0.pixels", "at least 3 items"),
        ({"pixels": [[10, 10], [20, 20], [30]]}, "marked.0.pixels.2.1", "is missing"),
        ({"pixels": [[10, 10], [20, 20], ["a", 3]]}, "marked.0.pixels.2.0", "valid number"),
        ({"colour": "red"}, "marked.0.colour", "is no known field"),
    ],
)
def test_bad_marks_are_named(folder, change, field, message):
    mark(folder, {**SHOP, **change})
    problem = check_site(folder)[0]
    assert (problem.file, problem.feature, problem.field) == ("cameras.yaml", "wall-cam", field)
    assert message in problem.message


def test_a_zone_marked_twice_is_named(folder):
    mark(folder, SHOP, SHOP)
    (problem,) = check_site(folder)
    assert (problem.field, problem.message[:25]) == ("marked.1.pixels", "'shop-12' is marked twice")


def test_a_vehicle_shows_no_lines(folder):
    mark(folder, SHOP, camera=2)
    (problem,) = check_site(folder)
    assert (problem.feature, problem.field) == ("ebike-front", "marked")
    assert "is no known field" in problem.message
