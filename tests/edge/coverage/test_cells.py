"""Looks laid over each other, read from folders, and written for people and programs."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from math import atan, degrees, pi, sinh
from pathlib import Path

import mapbox_vector_tile
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.reader import MmapSource, Reader, all_tiles

import kerbwatch
from detector.errors import InputError
from detector.geo.crs import GCJ02, WGS84
from edge.coverage.cells import APART, CELL_M, CellId, cells_of, column_deg, cover
from edge.coverage.export import ZOOMS, write_geojson, write_pmtiles
from edge.coverage.log import CoverageLog
from edge.coverage.picture import draw
from edge.coverage.publish import publish
from edge.coverage.read import read_looks
from edge.progress import ProgressBar
from tests.edge.coverage.rides import PLANE, look

LATER_S = APART.total_seconds() + 10


@settings(max_examples=100, deadline=None)
@given(row=st.integers(-800_000, 800_000), column=st.integers(-10_000, 10_000))
def test_cells_tile_the_ground(row: int, column: int) -> None:
    cell, right = CellId(row, column), CellId(row, column + 1)
    assert cell.corners[1] == pytest.approx(right.corners[0], abs=1e-9)
    assert cell.corners[2][1] == pytest.approx(CellId(row + 1, column).corners[0][1], abs=1e-9)
    assert column_deg(row) > 0


def test_a_look_is_as_many_cells_as_its_ground() -> None:
    covered = cover([("p", look(0.0, half_m=100.0))])
    assert covered.area_m2 == pytest.approx(200.0**2, rel=0.02)
    ground = shapely.union_all([shapely.Polygon(PLANE.east_north_m(list(c.corners))) for c in covered.cells])
    assert ground.area == pytest.approx(len(covered.cells) * CELL_M**2, rel=0.01)


def test_visits_are_counted_apart_in_time() -> None:
    first, soon, later = look(0.0), look(0.0, at_s=60.0), look(0.0, at_s=LATER_S + 60.0)
    (cell, *_) = cover([("p", later), ("p", first), ("p", soon)]).cells.values()
    assert (cell.visits, cell.good_visits) == (2, 2)
    assert (cell.first_at, cell.last_at) == (first.begins_at, later.ends_at)


def test_a_blurred_look_is_a_visit_but_no_good_one() -> None:
    (cell, *_) = cover([("p", look(0.0, sharp=0.1)), ("q", look(0.0, at_s=LATER_S))]).cells.values()
    assert (cell.visits, cell.good_visits, cell.best_sharp) == (2, 1, 0.6)
    blurred = cover([("p", look(0.0, sharp=0.1))])
    (cell, *_) = blurred.cells.values()
    assert (cell.good_visits, cell.last_good_at) == (0, None)
    assert blurred.area_m2 == 0.0


def test_gaps_stay_gaps_and_the_order_does_not_matter() -> None:
    looks = [("p", look(0.0)), ("p", look(60.0, at_s=9)), ("q", look(2.0, at_s=LATER_S))]
    covered = cover(looks)
    assert cover(looks[::-1]) == covered
    assert covered.patrols == 2
    middle = set(cells_of(look(30.0)))
    assert middle
    assert not middle & set(covered.cells)


def _run(folder: Path, *, patrol: str = "a" * 32, count: int = 5) -> Path:
    log = CoverageLog(folder / ".kerbwatch", patrol)
    for i in range(count):
        log.append(look(15.0 * i, at_s=3.0 * i))
    log.close(complete=True)
    publish(folder / ".kerbwatch", folder / "coverage.geojson")
    return folder


def test_laying_many_looks_over_each_other_shows_how_far_it_is() -> None:
    shown: list[float] = []

    class Bar(ProgressBar):
        def advance(self, completed: float, note: str = "") -> None:
            shown.append(completed)

    cover([("p", look(15.0 * i, at_s=3.0 * i)) for i in range(4)], Bar())
    assert shown == [0, 1, 2, 3]


def test_looks_are_read_from_folders_and_layers(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    both = read_looks([run, run / "coverage.geojson"])
    assert len(both) == 5  # the layer holds the same looks: they count once
    handed_on = tmp_path / "handed-on"
    handed_on.mkdir()
    publish(run / ".kerbwatch", handed_on / "coverage.geojson", GCJ02)
    turned = read_looks([handed_on])
    for (_, one), (_, other) in zip(read_looks([run]), turned, strict=True):
        assert abs(one.lon_deg - other.lon_deg) < 3e-6
        assert abs(one.ring[0][1] - other.ring[0][1]) < 3e-6
    assert len(read_looks([run / ".kerbwatch"])) == 5


def test_what_is_no_coverage_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no coverage log: name the --out or --state folder"):
        read_looks([tmp_path])
    (tmp_path / "x.geojson").write_text('{"features": []}')
    with pytest.raises(InputError, match=r"x\.geojson is no coverage layer of a patrol"):
        read_looks([tmp_path / "x.geojson"])
    log = _run(tmp_path / "run") / ".kerbwatch" / "coverage" / f"{'a' * 16}.jsonl"
    log.write_text('{"type": "Feature"}\n')
    with pytest.raises(InputError, match=r"jsonl: this feature is no look of a coverage log .*remove the line"):
        read_looks([tmp_path / "run"])


def test_the_map_for_people(tmp_path: Path) -> None:
    covered = cover(read_looks([_run(tmp_path / "run")]))
    draw(covered, tmp_path / "map.svg")
    drawn = (tmp_path / "map.svg").read_text()
    assert "巡查覆盖图 · Ground looked at" in drawn
    assert "清晰看到的次数 · Times well seen" in drawn
    # Cells of one row and shade are one rectangle.
    assert drawn.count("<polygon") < len(covered.cells) / 2
    with pytest.raises(InputError, match=r"'map\.pdf' is neither \.svg nor \.html"):
        draw(covered, tmp_path / "map.pdf")
    with pytest.raises(InputError, match="nothing was looked at whose place is known"):
        draw(cover([]), tmp_path / "map.svg")


def test_geojson_for_programs(tmp_path: Path) -> None:
    covered = cover(read_looks([_run(tmp_path / "run")]))
    write_geojson(covered, tmp_path / "c.geojson", WGS84)
    layer = json.loads((tmp_path / "c.geojson").read_text())
    assert len(layer["features"]) == len(covered.cells)
    assert layer["kerbwatch_crs"] == "WGS84"
    assert shapely.from_geojson(json.dumps(layer)).is_valid


def _lon_lat_deg(zoom: int, x: int, y: int, across: float, up: float) -> tuple[float, float]:
    """Inverse of the web's Mercator projection; the decoder counts upwards from the tile's lower edge."""
    count = 2**zoom
    lat_rad = atan(sinh(pi * (1 - 2 * (y + 1 - up / 4096) / count)))
    return (x + across / 4096) / count * 360 - 180, degrees(lat_rad)


def test_tiles_for_a_web_map(tmp_path: Path) -> None:
    covered = cover(read_looks([_run(tmp_path / "run")]))
    count = write_pmtiles(covered, tmp_path / "c.pmtiles", WGS84, ProgressBar())
    with (tmp_path / "c.pmtiles").open("rb") as file:
        source = MmapSource(file)
        header = Reader(source).header()
        tiles = list(all_tiles(source))
        metadata = Reader(source).metadata()
    assert len(tiles) == count >= len(ZOOMS)
    assert header["min_lon_e7"] <= 117.2e7 <= header["max_lon_e7"]
    assert metadata["kerbwatch_crs"] == "WGS84"
    for (zoom, x, y), data in tiles:
        features = mapbox_vector_tile.decode(gzip.decompress(data))["coverage"]["features"]
        assert features[0]["properties"]["good_visits"] == 1
        corner = features[0]["geometry"]["coordinates"][0][0]
        lon_deg, lat_deg = _lon_lat_deg(zoom, x, y, *corner)
        assert lon_deg == pytest.approx(117.2005, abs=1.5e-3)
        assert lat_deg == pytest.approx(34.26, abs=1.5e-3)
    with pytest.raises(InputError, match="there is no map to write"):
        write_pmtiles(cover([]), tmp_path / "c.pmtiles", WGS84, ProgressBar())


@pytest.mark.parametrize("lon_deg", [180.0, -180.0])
def test_tiles_end_at_the_antimeridian(tmp_path: Path, lon_deg: float) -> None:
    ring = tuple((lon_deg + x * 2e-4, y * 2e-4) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    covered = cover([("a" * 16, replace(look(0.0), ring=ring))])
    assert write_pmtiles(covered, tmp_path / "c.pmtiles", WGS84, ProgressBar()) >= len(ZOOMS)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path / "run")
    with pytest.raises(SystemExit) as end:
        kerbwatch.main(["coverage", str(run), "--json", "--out", str(tmp_path / "map.html")])
    assert not end.value.code
    told = json.loads(capsys.readouterr().out)
    assert (told["patrols"], told["looks"], told["way_km"], told["good_km"]) == (1, 5, 0.075, 0.075)
    assert (tmp_path / "map.html").exists()
    with pytest.raises(SystemExit):
        kerbwatch.main(["coverage", str(run), str(_run(tmp_path / "other", patrol="b" * 32))])
    printed = capsys.readouterr().out
    assert "巡查 · patrols: 2" in printed
    assert "looked at: 0.15 km" in printed


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--out", "c.shp"], "--out c.shp: name a file that ends in one of .svg, .html, .geojson, .pmtiles"),
        (["--out", "no/such/c.svg"], "there is no folder no/such; make it first, or name another"),
        (["--out", "no/such/c.pmtiles"], "there is no folder no/such; make it first, or name another"),
        (["--crs", "EPSG:4549"], "map layers are in degrees; take WGS84, GCJ02 or BD09"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        kerbwatch.main(["coverage", str(_run(tmp_path / "run")), *more])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
