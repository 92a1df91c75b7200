"""Layers into a site and out of it: every door names its system, and what is doubtful is refused with its cause."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from detector.errors import InputError, SiteError
from detector.geo.crs import BD09, GCJ02, WGS84, Crs, from_wgs84, parse_crs, to_wgs84
from detector.geo.plane import LocalPlane
from detector.geo.zones import ZoneIndex, ZoneKind
from detector.site import check_site, load_site
from detector.site.cli import app
from detector.site.exporting import export_site
from detector.site.importing import LayerError, Surroundings, read_layer, read_surroundings
from tests.conftest import ROOT
from tests.detector.geo.town import MIDDLE, bays, footways

CM_117 = parse_crs("EPSG:4548")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site whose footways are those of the made-up town."""
    path = tmp_path / "site"
    (path / "zones").mkdir(parents=True)
    (path / "site.yaml").write_text(
        "schema: kerbwatch-site/1\nname: {zh: 镇, en: Town}\ntimezone: Asia/Shanghai\ncrs: WGS84\n"
        "bbox: [117.15, 34.22, 117.23, 34.30]\nsynthetic_positions: true\npublic_map_crs: GCJ02\n",
        encoding="utf-8",
    )
    zones = collection(footways(), kind="public_ground", name={"zh": "人行道", "en": "footway"})
    for number, feature in enumerate(zones["features"]):
        feature["properties"]["id"] = f"footway-{number}"
    (path / "zones" / "ground.geojson").write_text(json.dumps(zones), encoding="utf-8")
    return path


def collection(polygons: Any, crs: Crs = WGS84, **properties: object) -> dict[str, Any]:
    """A layer in a system that it does not state."""
    turned = [shapely.transform(polygon, lambda points: from_wgs84(points, crs)) for polygon in polygons]
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": dict(properties), "geometry": json.loads(shapely.to_geojson(polygon))}
            for polygon in turned
        ],
    }


def put(folder: Path, raw: object) -> Path:
    path = folder.parent / "bays.geojson"
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")
    return path


def around(folder: Path) -> Surroundings:
    return read_surroundings(folder, folder / "zones" / "bays.geojson")


def run(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.mark.parametrize("crs", [WGS84, GCJ02, BD09, parse_crs("CGCS2000"), CM_117, parse_crs("EPSG:4527")])
def test_a_layer_comes_in_from_any_system_to_the_millimetre(folder, crs):
    layer = read_layer(put(folder, collection(bays(12), crs)), crs, around(folder), kind=ZoneKind.BIKE_BAY)
    for zone, drawn in zip(layer.zones, bays(12), strict=True):
        plane = LocalPlane(*MIDDLE)
        off = plane.east_north_m(shapely.get_coordinates(zone.polygon)) - plane.east_north_m(
            shapely.get_coordinates(drawn)
        )
        assert np.abs(off).max() < 1e-3
    assert layer.agreement.verdict == "fits"
    assert layer.warnings == ()


@pytest.mark.parametrize(
    ("truly", "claimed", "message"),
    [
        (GCJ02, WGS84, "looks like GCJ-02 given as WGS-84: 549 m to the east (很可能是GCJ-02坐标：偏东约549米); "
                       "re-run with --crs GCJ02, or with --sure when you know better"),
        (BD09, WGS84, "looks like BD-09 given as WGS-84: 124"),
        (WGS84, GCJ02, "looks like WGS-84 given as GCJ-02: 548 m to the west"),
        (BD09, GCJ02, "looks like BD-09 given as GCJ-02: "),
        (parse_crs("EPSG:4549"), CM_117, "the layer lies about (114."),
        (CM_117, WGS84, "3-degree Gauss-Kruger CM 117E (EPSG:4548): re-run with --crs EPSG:4548"),
        (WGS84, CM_117, "are degrees, but CGCS2000 / 3-degree Gauss-Kruger CM 117E (EPSG:4548) is in metres"),
    ],
)  # fmt: skip
def test_a_layer_in_another_system_than_named_is_refused_with_the_cause(folder, truly, claimed, message):
    path = put(folder, collection(bays(40), truly))
    with pytest.raises(InputError) as raised:
        read_layer(path, claimed, around(folder), kind=ZoneKind.BIKE_BAY)
    assert str(raised.value).startswith("bays.geojson: ")
    assert message in str(raised.value)


def test_gcj02_that_somebody_projected_as_if_it_were_wgs84(folder):
    raw = collection([shapely.transform(bay, lambda points: from_wgs84(points, GCJ02)) for bay in bays(40)], CM_117)
    with pytest.raises(InputError, match="whoever projected it took GCJ-02 for WGS-84: get the layer in degrees"):
        read_layer(put(folder, raw), CM_117, around(folder), kind=ZoneKind.BIKE_BAY)


def test_a_layer_converted_once_too_often_or_a_site_in_gcj02(folder):
    raw = collection([shapely.transform(bay, lambda points: to_wgs84(points, GCJ02)) for bay in bays(40)])
    with pytest.raises(InputError, match="once too often, or the site's own zones are in GCJ-02: 548 m to the west"):
        read_layer(put(folder, raw), WGS84, around(folder), kind=ZoneKind.BIKE_BAY)


def test_who_is_sure_is_believed_and_reminded(folder):
    path = put(folder, collection(bays(40), GCJ02))
    layer = read_layer(path, WGS84, around(folder), kind=ZoneKind.BIKE_BAY, sure=True)
    assert "looks like GCJ-02 given as WGS-84" in layer.warnings[0]


def test_where_the_site_has_nothing_the_layer_is_taken_with_a_note(folder):
    new_district = tuple(LocalPlane(*MIDDLE).lon_lat_deg([(3000.0, 2500.0)])[0].tolist())
    layer = read_layer(put(folder, collection(bays(40, new_district))), WGS84, around(folder), kind=ZoneKind.BIKE_BAY)
    assert layer.agreement.verdict == "cannot_tell"
    assert "could not be checked" in layer.warnings[0]


def test_the_first_layer_of_a_site_is_taken_with_a_note(folder):
    (folder / "zones" / "ground.geojson").unlink()
    done = run("import", folder, put(folder, collection(footways())), "--crs", "WGS84", "--kind", "public_ground",
               "--out", "zones/ground.geojson")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "could not be checked" in done.output
    assert check_site(folder) == []


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("site.yaml", "schema: [", "site.yaml: is no YAML"),
        ("site.yaml", "schema: kerbwatch-site/1", "site.yaml: name: is missing; add it"),
        ("zones/ground.geojson", "{", "zones/ground.geojson: is no JSON"),
    ],
)
def test_a_site_that_cannot_be_used_is_named(folder, file, text, message):
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(SiteError) as raised:
        around(folder)
    assert message in str(raised.value)


def test_holes_and_heights_and_properties(folder):
    ring, hole = bays(1)[0].exterior.coords[:], bays(1)[0].buffer(-2e-6).exterior.coords[:]
    raw = collection(bays(1), kind="bike_bay", id=7, name="一号停车区", capacity=None, FID=3, 面积=12.8)
    raw["features"][0]["geometry"]["coordinates"] = [[[*p, 31.5] for p in ring], [[*p, 31.5] for p in hole]]
    layer = read_layer(put(folder, raw), WGS84, around(folder))
    feature = layer.collection["features"][0]
    assert feature["properties"] == {"id": "7", "kind": "bike_bay", "name": {"zh": "一号停车区", "en": "一号停车区"}}
    assert feature["source_properties"] == {"FID": 3, "面积": 12.8}
    assert layer.set_aside == {"FID": 1, "面积": 1}
    assert [len(part) for part in feature["geometry"]["coordinates"]] == [len(ring), len(hole)]
    assert {len(point) for part in feature["geometry"]["coordinates"] for point in part} == {2}
    assert len(layer.zones[0].polygon.interiors) == 1


def test_a_kind_that_is_none_of_ours_gives_way_to_the_one_named(folder):
    layer = read_layer(put(folder, collection(bays(2), kind="非机动车")), WGS84, around(folder), kind=ZoneKind.BIKE_BAY)
    assert [zone.kind for zone in layer.zones] == [ZoneKind.BIKE_BAY] * 2
    assert layer.collection["features"][0]["source_properties"] == {"kind": "非机动车"}
    assert [zone.zone_id for zone in layer.zones] == ["bays-1", "bays-2"]


def broken(change):
    raw = collection(bays(3), kind="bike_bay")
    change(raw["features"])
    return raw


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("{", "bays.geojson is no JSON"),
        ({"type": "Feature"}, "bays.geojson is no FeatureCollection; export the layer as GeoJSON"),
        ({"type": "FeatureCollection", "features": []}, "bays.geojson has no features"),
        (broken(lambda f: [x.update(geometry=None) for x in f]), "bays.geojson holds no coordinates"),
        ('{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":'
         '{"type":"Point","coordinates":[NaN,1]}}]}', "not finite"),
        (broken(lambda f: f[1].update(geometry=None)), "bays.geojson: feature bays-2: geometry: is missing"),
        (broken(lambda f: f[1]["geometry"].update(type="LineString")), "'LineString'; a zone is a Polygon"),
        (broken(lambda f: f[1]["geometry"]["coordinates"][0].pop()), "is not closed"),
        (broken(lambda f: f[1]["properties"].pop("kind")), "feature bays-2: properties.kind: is missing; add it"),
        (broken(lambda f: [x["properties"].update(id="a") for x in f]), "is used twice in the layer"),
        (broken(lambda f: f[0]["properties"].update(id="footway-3")), "footway-3: properties.id: is used in the site"),
    ],
)  # fmt: skip
def test_a_layer_that_is_none(folder, raw, message):
    with pytest.raises(InputError) as raised:
        read_layer(put(folder, raw), WGS84, around(folder))
    assert message in str(raised.value)


def test_every_bad_feature_is_named(folder):
    raw = broken(lambda f: [x["properties"].pop("kind") for x in f])
    with pytest.raises(LayerError) as raised:
        read_layer(put(folder, raw), WGS84, around(folder))
    assert [problem.feature for problem in raised.value.problems] == ["bays-1", "bays-2", "bays-3"]
    assert "(and 2 more)" in str(raised.value)


def test_a_file_that_cannot_be_read(folder):
    with pytest.raises(InputError, match=r"nowhere\.geojson is no file"):
        read_layer(folder / "nowhere.geojson", WGS84, around(folder))


@pytest.mark.parametrize(
    ("stated", "claimed", "expected"),
    [
        ("EPSG:4326", WGS84, None),
        # drawn over a web map and saved by a tool that writes WGS-84 into everything
        ("urn:ogc:def:crs:OGC:1.3:CRS84", GCJ02, "the file says WGS-84 of itself; it is read as GCJ-02, as you say"),
        ("GCJ02", WGS84, "says that it is in GCJ-02, but --crs says WGS-84; re-run with --crs GCJ02"),
        ("EPSG:4547", CM_117, "says that it is in CGCS2000 / 3-degree Gauss-Kruger CM 114E"),
        ("EPSG:3857", WGS84, "crs 'EPSG:3857' is not taken"),
    ],
)
def test_what_the_file_says_of_itself(folder, stated, claimed, expected):
    raw = collection(bays(12), claimed, kind="bike_bay")
    raw["crs"] = {"type": "name", "properties": {"name": stated}}
    path = put(folder, raw)
    if expected is None or "as you say" in expected:
        assert read_layer(path, claimed, around(folder)).warnings == (() if expected is None else (expected,))
    else:
        with pytest.raises(InputError) as raised:
            read_layer(path, claimed, around(folder))
        assert expected in str(raised.value)


def test_the_command_writes_a_file_that_the_site_reads(folder):
    path = put(folder, collection(bays(12), GCJ02))
    arguments = ["import", folder, path, "--crs", "火星坐标", "--kind", "bike_bay", "--out", "zones/bays.geojson"]
    dry = run(*arguments, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "12 个区域 · zones (bike_bay), GCJ-02 -> WGS-84" in dry.output
    assert "moved by 548" in dry.output
    assert "nothing was written" in dry.output
    assert not (folder / "zones" / "bays.geojson").exists()
    assert run(*arguments).exit_code == 0
    assert check_site(folder) == []
    assert len(load_site(folder).zones) == len(footways()) + 12
    written = json.loads((folder / "zones" / "bays.geojson").read_text(encoding="utf-8"))
    assert written["crs"]["properties"]["name"] == "urn:ogc:def:crs:OGC:1.3:CRS84"
    assert written["kerbwatch_import"]["from_crs"] == "GCJ02"
    again = run(*arguments)
    assert "is there already; give --replace" in str(again.exception)
    assert run(*arguments, "--replace").exit_code == 0
    assert check_site(folder) == []


def test_a_layer_imported_wrongly_does_not_vouch_for_itself(folder):
    path = put(folder, collection(bays(40), GCJ02))
    arguments = ["import", folder, path, "--crs", "WGS84", "--kind", "bike_bay", "--out", "zones/bays.geojson"]
    assert run(*arguments, "--sure").exit_code == 0
    assert "looks like GCJ-02" in str(run(*arguments, "--replace").exception)


@pytest.mark.parametrize("out", ["bays.geojson", "zones/bays.json", "rules/bays.geojson", "zones/deep/bays.geojson"])
def test_a_layer_goes_where_the_site_looks_for_it(folder, out):
    done = run("import", folder, put(folder, collection(bays(2))), "--crs", "WGS84", "--out", out)
    assert f"--out {out} is no zone file of the site; write e.g. --out zones/bays.geojson" in str(done.exception)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "edge" / "demo_site", tmp_path / "demo"))


@pytest.mark.parametrize("crs", [WGS84, GCJ02, BD09, CM_117])
def test_an_export_states_its_system_and_comes_back_the_same(demo, tmp_path, crs):
    site = load_site(demo)
    export_site(site, crs, tmp_path / "out.geojson", with_privacy=True)
    written = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))
    assert written["kerbwatch_crs"] == crs.name
    assert parse_crs(written["crs"]["properties"]["name"]) == crs
    assert len(written["features"]) == len(site.zones)
    for feature, zone in zip(written["features"], site.zones.zones, strict=True):
        back = shapely.from_geojson(json.dumps(feature["geometry"]))
        points = to_wgs84(shapely.get_coordinates(back), crs)
        assert np.abs(points - shapely.get_coordinates(zone.polygon)).max() < 3e-8  # 3 mm


def test_an_export_names_nobody(demo, tmp_path):
    site = load_site(demo)
    export_site(site, GCJ02, tmp_path / "out.geojson")
    text = (tmp_path / "out.geojson").read_text(encoding="utf-8")
    assert site.permits
    for permit in site.permits:
        assert permit.holder not in text
    assert "owner" not in text
    assert "holder" not in text
    assert "privacy_exclusion" not in text
    assert '"en": "filed sign"' in text
    assert '"hours"' in text


def test_an_export_in_another_system_is_not_taken_for_a_zone_file(demo, tmp_path):
    export_site(load_site(demo), GCJ02, demo / "zones" / "public.geojson")
    (problem,) = check_site(demo)
    assert problem.field == "crs"
    assert "kerbwatch site import DIR FILE.geojson --crs GCJ02 --out zones/NAME.geojson" in problem.message


def test_the_export_command_takes_the_sites_own_choice(folder, tmp_path):
    done = run("export", folder, "--out", tmp_path / "out.geojson")
    assert done.exit_code == 0, done.output
    assert "GCJ-02 · 32 public_ground" in done.output
    assert json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))["kerbwatch_crs"] == "GCJ02"
    other = run("export", folder, "--out", tmp_path / "out.geojson", "--crs", "BD-09")
    assert "BD-09 · 32 public_ground" in other.output


def test_the_export_command_says_what_it_left_out(demo, tmp_path):
    assert "1 个隐私区未导出" in run("export", demo, "--out", tmp_path / "out.geojson").output
    full = run("export", demo, "--out", tmp_path / "out.geojson", "--with-privacy")
    assert "1 privacy_exclusion" in full.output
    assert "未导出" not in full.output


def test_an_unknown_public_map_system_is_named(folder):
    text = (folder / "site.yaml").read_text(encoding="utf-8").replace("GCJ02", "EPSG:3857")
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    (problem,) = check_site(folder)
    assert (problem.file, problem.field) == ("site.yaml", "public_map_crs")


def test_a_public_map_comes_back_to_the_millimetre_and_without_its_hours(tmp_path):
    folder = tmp_path / "demo"
    shutil.copytree(ROOT / "edge" / "demo_site", folder)
    before = load_site(folder)
    export_site(before, GCJ02, tmp_path / "public.geojson", with_privacy=True)
    empty = Surroundings(before.bbox, ZoneIndex.build([]))
    layer = read_layer(tmp_path / "public.geojson", GCJ02, empty)
    plane = LocalPlane(117.19, 34.26)
    assert len(layer.zones) == len(before.zones)
    for zone in layer.zones:
        was = before.zones.zone(zone.zone_id)
        assert was is not None
        apart = plane.east_north_m(shapely.get_coordinates(zone.polygon))
        apart -= plane.east_north_m(shapely.get_coordinates(was.polygon))
        assert np.abs(apart).max() < 0.002
    assert any("holds at all hours" in warning for warning in layer.warnings)
