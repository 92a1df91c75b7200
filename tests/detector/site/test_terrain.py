"""A site's terrain.asc: read, and every way it can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from detector.errors import InputError
from detector.site import check_site, load_site
from detector.site.terrain import _numbers, read_terrain

DEMO_SITE = Path(__file__).parents[3] / "edge" / "demo_site"
BBOX = (117.18, 34.25, 117.20, 34.27)
HEADER = {"ncols": 3, "nrows": 2, "xllcorner": 117.19, "yllcorner": 34.26, "cellsize": 0.0001, "NODATA_value": -9999}
HEIGHTS = "4 5 6\n1 2 -9999\n"


def grid(tmp_path, heights=HEIGHTS, **changes):
    """A grid's path; a header line set to `None` is left out."""
    header = {**HEADER, **changes}
    lines = [f"{key} {value}" for key, value in header.items() if value is not None]
    path = tmp_path / "terrain.asc"
    path.write_text("\n".join(lines) + "\n" + heights)
    return path


def test_the_first_row_is_the_northern_one_and_corners_become_centres(tmp_path):
    terrain = read_terrain(grid(tmp_path), BBOX)
    south_west = (117.19005, 34.26005)
    assert (terrain.west_deg, terrain.south_deg) == pytest.approx(south_west)
    steps = np.array([[0.0, 0.0], [0.5, 0.5], [0.0, 0.999], [1.5, 0.5], [-0.5, 0.0], [0.0, 1.5]])
    heights = terrain.heights(np.array(south_west) + 0.0001 * steps + [1e-9, 1e-9])
    # Beside a cell without data and outside nobody knows.
    assert heights == pytest.approx([1.0, 3.0, 4.0, np.nan, np.nan, np.nan], nan_ok=True, abs=0.01)


def test_a_grid_may_count_from_the_cell_centre(tmp_path):
    terrain = read_terrain(grid(tmp_path, xllcorner=None, yllcorner=None, xllcenter=117.19, yllcenter=34.26))
    assert (terrain.west_deg, terrain.south_deg) == (117.19, 34.26)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ncols": None}, "has no ncols in its header"),
        ({"nrows": 1}, "nrows is 1; a grid has at least 2 rows"),
        ({"nrows": 2.5}, "nrows is 2.5; a grid has at least 2 rows"),
        ({"nrows": "inf"}, "nrows is inf; a grid has at least 2 rows"),
        ({"heights": "4 5 6\n1 2 1e308\n"}, "holds heights from 1 to inf m"),
        ({"heights": "4 5 6\n1 2 " + "3" * 200}, "holds something that is no number: '333"),
        ({"ncols": "three"}, "header line 'ncols three' has no number"),
        ({"cellsize": None}, "has no cellsize"),
        ({"cellsize": 0}, "cellsize 0 or its corner is not in degrees"),
        ({"cellsize": 5}, "cellsize 5 is more than 0.0005 degrees"),
        ({"xllcorner": 39517000, "yllcorner": 3793000}, "is not in degrees; re-project the grid"),
        ({"xllcorner": None}, "has neither xllcorner nor xllcenter"),
        ({"xllcorner": 34.26, "yllcorner": 117.19}, "is not on Earth; swapped axes?"),
        ({"xllcorner": 121.4, "yllcorner": 31.2}, "not the bbox: wrong file, or not in WGS-84 degrees?"),
        ({"ncols": 30000, "nrows": 30000}, "has 30000 x 30000 cells, more than 25000000"),
        ({"ncols": 4}, "holds 6 heights, its header says 4 x 2 = 8"),
        ({"heights": "4 5 6\n1 x 3\n"}, "holds something that is no number"),
        ({"heights": "4 5 6\n1 2 -32768\n"}, "holds heights from -32768 to 6 m"),
        ({"heights": "-9999 " * 6}, "holds no height at all"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, message):
    with pytest.raises(InputError) as raised:
        read_terrain(grid(tmp_path, **changes), BBOX)
    assert message in str(raised.value)


def test_swapped_axes_are_recognised_where_both_are_on_earth(tmp_path):
    with pytest.raises(InputError, match="its axes are swapped"):
        read_terrain(grid(tmp_path, xllcorner=34.26, yllcorner=17.19), (17.18, 34.25, 17.20, 34.27))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_numbers_may_be_cut_by_the_pieces_they_come_in(size):
    text = " 4.25 5\n-6e1  1 "
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert _numbers(pieces, 4).tolist() == [4.25, 5.0, -60.0, 1.0]


def test_far_more_heights_than_promised_are_not_kept(monkeypatch):
    monkeypatch.setattr("detector.site.terrain.PIECE_CHARS", 10)
    with pytest.raises(InputError, match="holds over 15 heights, its header says 4"):
        _numbers(["1 2 3 4 5 "] * 100, 4)


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("detector.site.terrain.MAX_BYTES", 20)
    with pytest.raises(InputError, match="more than 20; cut the grid"):
        read_terrain(grid(tmp_path))


@pytest.mark.parametrize(
    ("crs", "with_grid", "problem"),
    [
        (None, True, "site.yaml: terrain_crs: is missing: terrain.asc says nothing about its coordinates"),
        ("WGS84", False, "site.yaml: terrain_crs: is given, but there is no terrain.asc"),
        ("WGS84", True, None),
        (None, False, None),
    ],
)
def test_a_site_says_what_its_grid_counts_in(tmp_path, crs, with_grid, problem):
    folder = tmp_path / "site"
    shutil.copytree(DEMO_SITE, folder)
    head = folder / "site.yaml"
    if crs:
        head.write_text(head.read_text(encoding="utf-8") + f"\nterrain_crs: {crs}\n", encoding="utf-8")
    if with_grid:
        west, south = yaml.safe_load(head.read_text(encoding="utf-8"))["bbox"][:2]
        grid(folder, xllcorner=west, yllcorner=south)
    if problem:
        (found,) = check_site(folder)
        assert str(found).startswith(problem)
    else:
        assert (load_site(folder).terrain is not None) == with_grid


def test_the_grid_counts_in_the_hash_of_the_folder(tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(DEMO_SITE, folder)
    head = folder / "site.yaml"
    west, south = yaml.safe_load(head.read_text(encoding="utf-8"))["bbox"][:2]
    head.write_text(head.read_text(encoding="utf-8") + "\nterrain_crs: WGS84\n", encoding="utf-8")
    grid(folder, xllcorner=west, yllcorner=south)
    before = load_site(folder).sha256
    grid(folder, heights="4 5 6\n1 2 3\n", xllcorner=west, yllcorner=south)
    assert load_site(folder).sha256 != before
