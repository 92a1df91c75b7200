"""Every way a site folder can be wrong, and that the message names file, feature, field, value and fix."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.errors import SiteError
from detector.geo.camera import CameraSigmas, DroneCamera, Lens, VehicleCamera, profile_sigmas
from detector.site import check_site, load_site
from tests.conftest import ROOT
from tests.detector.site.folders import GROUND, PERMITTED, copy_demo_site, edit_json, edit_yaml, properties


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demonstration's site."""
    return copy_demo_site(tmp_path / "site")


def ring(raw: Any, index: int = 0) -> list[list[float]]:
    return raw["features"][index]["geometry"]["coordinates"][0]


def swap(raw: Any) -> None:
    for feature in raw["features"]:
        for point in feature["geometry"]["coordinates"][0]:
            point.reverse()


def cross(raw: Any) -> None:
    points = ring(raw)
    points[1], points[2] = points[2], points[1]


def to_metres(raw: Any) -> None:
    ring(raw)[:] = [[lon * 111320, lat * 111320] for lon, lat in ring(raw)]


def shift(raw: Any) -> None:
    ring(raw)[:] = [[lon + 1.0, lat] for lon, lat in ring(raw)]


def as_3d(raw: Any) -> None:
    ring(raw)[:] = [[lon, lat, 31.5] for lon, lat in ring(raw)]


def crs(name: str) -> Callable[[Any], None]:
    return lambda raw: raw.update(crs={"type": "name", "properties": {"name": name}})


def test_the_demo_site_is_sound():
    folder = ROOT / "edge" / "demo_site"
    assert check_site(folder) == []
    site = load_site(folder)
    assert site.synthetic_positions
    assert set(site.cameras) == {"wall-cam", "corner-cam", "ebike-front"}
    assert site.default_vehicle is site.cameras["ebike-front"]


@pytest.mark.parametrize(
    ("file", "change", "feature", "field", "message"),
    [
        (GROUND, cross, "footway-north", "geometry.coordinates", "Self-intersection"),
        (GROUND, lambda r: ring(r).pop(), "footway-north", "geometry.coordinates", "is not closed"),
        (
            GROUND,
            lambda r: ring(r).__setitem__(slice(1, 3), []),
            "footway-north",
            "geometry.coordinates",
            "has 3 points",
        ),
        (GROUND, lambda r: ring(r).clear(), "footway-north", "geometry.coordinates", "its shape is (0,)"),
        (
            GROUND,
            lambda r: ring(r).__setitem__(1, [117.19, float("nan")]),
            "footway-north",
            "geometry.coordinates",
            "NaN",
        ),
        (
            GROUND,
            lambda r: ring(r).__setitem__(1, ["a", "b"]),
            "footway-north",
            "geometry.coordinates",
            "no [longitude",
        ),
        (GROUND, swap, "footway-north", "geometry.coordinates", "longitude and latitude are swapped"),
        (GROUND, to_metres, "footway-north", "geometry.coordinates", "metres of a projection"),
        (GROUND, shift, "footway-north", "geometry.coordinates", "outside the bbox"),
        (GROUND, crs("urn:ogc:def:crs:EPSG::4490 CGCS2000"), None, "crs", "names no zone; say which"),
        (GROUND, crs("EPSG:3857"), None, "crs", "crs 'EPSG:3857' is not taken"),
        (GROUND, lambda r: r.update(crs="GCJ-02"), None, "crs", "GCJ-02 (火星坐标"),
        (GROUND, lambda r: r.update(type="Feature"), None, "type", "is no FeatureCollection"),
        (GROUND, lambda r: r.update(features=[]), None, "features", "has no features"),
        (GROUND, lambda r: r["features"].__setitem__(0, 7), "0", "type", "is no Feature"),
        (GROUND, lambda r: r["features"][0].update(geometry=None), "footway-north", "geometry", "is missing"),
        (
            GROUND,
            lambda r: r["features"][0]["geometry"].update(type="LineString"),
            "footway-north",
            "geometry.type",
            "is 'LineString'",
        ),
        (GROUND, properties(0, id="road"), "road", "properties.id", "is used twice"),
        (GROUND, properties(0, kind="no_fun"), "footway-north", "properties.kind", "'no_fun'"),
        (GROUND, properties(0, colour="red"), "footway-north", "properties.colour", "is no known field (got 'red')"),
        (
            GROUND,
            properties(0, tolerance_m=-1),
            "footway-north",
            "properties.tolerance_m",
            "greater than or equal to 0",
        ),
        (
            GROUND,
            properties(0, schedule={"mon-fry": []}),
            "footway-north",
            "properties.schedule",
            "'mon-fry' is no day",
        ),
        (GROUND, properties(0, schedule={"mon": ["9-5"]}), "footway-north", "properties.schedule", "write HH:MM-HH:MM"),
        (
            GROUND,
            properties(0, valid_from="2026-05-01", valid_to="2026-04-01"),
            "footway-north",
            "properties",
            "lies before valid_from",
        ),
        (GROUND, properties(0, season=["05-01"]), "footway-north", "properties.season", "write MM-DD..MM-DD"),
        (GROUND, properties(0, season=["02-30..03-01"]), "footway-north", "properties.season", "02-30 is no day"),
        (GROUND, properties(0, season=["00-10..03-01"]), "footway-north", "properties.season", "00-10 is no day"),
        (GROUND, properties(0, season=[]), "footway-north", "properties.season", "at least 1 item"),
        (GROUND, properties(0, ranges=["2026-05-01"]), "footway-north", "properties.ranges", "one end may be left out"),
        (GROUND, properties(0, ranges=[".."]), "footway-north", "properties.ranges", "'..' is no range"),
        (
            GROUND,
            properties(0, ranges=["2026-02-30..2026-03-01"]),
            "footway-north",
            "properties.ranges",
            "a date that does not exist",
        ),
        (
            GROUND,
            properties(0, ranges=["2026-05-02..2026-05-01"]),
            "footway-north",
            "properties.ranges",
            "ends before it starts",
        ),
        (PERMITTED, properties(0, goods={"zh": "水果", "en": "fruit"}), "bay-1", "properties", "not for bike_bay"),
        (PERMITTED, properties(2, goods={"en": "fruit"}), "pitch-7", "properties.goods.zh", "is missing"),
        (PERMITTED, properties(2, capacity=-1), "pitch-7", "properties.capacity", "greater than or equal to 0"),
        (PERMITTED, properties(0, name={"en": "bay"}), "bay-1", "properties.name.zh", "is missing"),
        ("site.yaml", lambda r: r.update(timezone="Asia/Shanhai"), None, "timezone", "near: Asia/Shanghai"),
        ("site.yaml", lambda r: r.update(timezone="../etc/passwd"), None, "timezone", "no IANA time zone"),
        ("site.yaml", lambda r: r.update(crs="GCJ02"), None, "crs", "300 to 700 m"),
        ("site.yaml", lambda r: r.update(crs="BD-09"), None, "crs", "Baidu"),
        ("site.yaml", lambda r: r.update(bbox=[117.3, 34.2, 117.1, 34.4]), None, None, "west < east"),
        ("site.yaml", lambda r: r.update(bbox=[-90, -45, 90, 45]), None, None, "larger than"),
        ("site.yaml", lambda r: r.pop("synthetic_positions"), None, "synthetic_positions", "is missing; add it"),
        ("site.yaml", lambda r: r.update(makeup={"2026-09-27": "friday"}), None, "makeup.2026-09-27", "'fri'"),
        ("site.yaml", lambda r: r.update(makeup={"sunday": "fri"}), None, "makeup.sunday.[key]", "valid date"),
        ("site.yaml", lambda r: r.update(makeup={"2026-10-01": "fri"}), None, None, "2026-10-01 is a holiday and"),
        ("site.yaml", lambda r: r.update(schema="kerbwatch-site/9"), None, "schema", "kerbwatch-site/1"),
        ("site.yaml", lambda r: r.update(default_vehicle_camera="car"), None, "default_vehicle_camera", "ebike-front"),
        (
            "site.yaml",
            lambda r: r.update(patrol_area=[[117.19, 34.26], [117.191, 34.26]]),
            None,
            "patrol_area",
            "2 corners",
        ),
        (
            "site.yaml",
            lambda r: r.update(patrol_area=[[34.26, 80.1], [34.261, 80.1], [34.26, 80.2]]),
            None,
            "patrol_area",
            "outside the bbox",
        ),
        ("permits.yaml", lambda r: r["permits"][0].update(zone="pitch-8"), "vend-2026-007", "zone", "near: pitch-7"),
        ("permits.yaml", lambda r: r["permits"][0].update(id="sign-2026-003"), "sign-2026-003", "id", "used twice"),
        ("permits.yaml", lambda r: r["permits"][0].update(point=[117.19, 34.26]), "vend-2026-007", None, "exactly one"),
        (
            "permits.yaml",
            lambda r: r["permits"][1].update(point=[34.26, 80.0]),
            "sign-2026-003",
            "point",
            "outside the bbox",
        ),
        ("permits.yaml", lambda r: r["permits"][1].update(id="bay-1"), "bay-1", "id", "already the id of a zone"),
        ("permits.yaml", lambda r: r["permits"][0].update(season=["1-1..2-2"]), "vend-2026-007", "season", "no season"),
        ("permits.yaml", lambda r: r["permits"][0].update(ranges=["x..y"]), "vend-2026-007", "ranges", "no range"),
        (
            "permits.yaml",
            lambda r: r["permits"][0].update(schedule={"mon": ["5pm"]}),
            "vend-2026-007",
            "schedule",
            "'5pm'",
        ),
        (
            "cameras.yaml",
            lambda r: r["cameras"][0].update(type="roof"),
            "wall-cam",
            "type",
            "write fixed, vehicle, drone",
        ),
        ("cameras.yaml", lambda r: r["cameras"][0].update(id="corner-cam"), "corner-cam", "id", "used twice"),
        ("cameras.yaml", lambda r: r["cameras"][0].pop("lens"), "wall-cam", None, "or ground_points"),
        ("cameras.yaml", lambda r: r["cameras"][0].update(lens={"fx_px": 700}), "wall-cam", "lens", "all of fx_px"),
        ("cameras.yaml", lambda r: r["cameras"][0].update(lat_deg=35.0), "wall-cam", "lon_deg", "outside the bbox"),
        ("cameras.yaml", lambda r: r["cameras"][2].update(pitch_deg=95), "ebike-front", "pitch_deg", "90"),
        ("cameras.yaml", lambda r: r["cameras"][2].update(profile="bus"), "ebike-front", "profile", "'e_bike'"),
        (
            "cameras.yaml",
            lambda r: r["cameras"][0].update(sigmas={"lean_deg": 1}),
            "wall-cam",
            "sigmas.lean_deg",
            "known",
        ),
        (
            "cameras.yaml",
            lambda r: r["cameras"][2].update(type="drone"),
            "ebike-front",
            "height_m",
            "is no known field",
        ),
        ("rules/disorderly_bike.yaml", lambda r: r.update(kind="parking"), None, "kind", "no violation kind"),
        ("rules/disorderly_bike.yaml", lambda r: r.update(cues=["bycicle"]), None, "cues", "unknown cue 'bycicle'"),
        ("rules/disorderly_bike.yaml", lambda r: r.update(unsure_min=0.9), None, None, "above violation_min"),
        (
            "rules/disorderly_bike.yaml",
            lambda r: r.update(gather={"row_within_m": 3}),
            None,
            "gather",
            "row_within_m goes with as: parts",
        ),
        (
            "rules/disorderly_bike.yaml",
            lambda r: r.update(priors={"publik": 0.5}),
            None,
            "priors.publik.[key]",
            "'publik'",
        ),
        (
            "rules/disorderly_bike.yaml",
            lambda r: r.update(reasons={"beside": {"zh": "{who}", "en": "x"}}),
            None,
            "reasons",
            "uses {who}",
        ),
        (
            "rules/disorderly_bike.yaml",
            lambda r: r.update(reasons={"beside": {"zh": "{", "en": "x"}}),
            None,
            "reasons",
            "unmatched brace",
        ),
        (
            "rules/disorderly_bike.yaml",
            lambda r: r.update(exemptions=[{"when": "asleep", "look_alike": "x"}]),
            None,
            "exemptions.0.when",
            "'asleep'",
        ),
    ],
)
def test_bad_input_is_named(folder, file, change, feature, field, message):
    edit = edit_json if file.endswith(".geojson") else edit_yaml
    edit(folder / file, change)
    matching = [p for p in check_site(folder) if p.file == file and p.feature == feature and p.field == field]
    assert matching, [str(problem) for problem in check_site(folder)]
    assert message in matching[0].message
    with pytest.raises(SiteError):
        load_site(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("site.yaml", b"schema: [", "is no YAML"),
        ("site.yaml", b"- 1\n", "holds list, not a mapping"),
        ("site.yaml", b"\xff\xfe\x00", "is not UTF-8"),
        (GROUND, b"{", "is no JSON"),
        ("zone/typo.geojson", b"{}", "would be ignored"),
        ("camera.yaml", b"{}", "would be ignored"),
    ],
)
def test_unreadable_and_stray_files(folder, file, content, message):
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(content)
    assert any(p.file == file and message in p.message for p in check_site(folder))


def test_missing_pieces(tmp_path):
    assert [str(p) for p in check_site(tmp_path / "no")] == [
        f"{tmp_path / 'no'}: is no folder; give the site folder that holds site.yaml"
    ]
    assert {p.file for p in check_site(tmp_path)} == {"site.yaml", "zones"}


@pytest.mark.parametrize("change", [as_3d, crs("EPSG:4326"), crs("urn:ogc:def:crs:OGC:1.3:CRS84")])
def test_what_is_fine_stays_fine(folder, change):
    edit_json(folder / GROUND, change)
    assert check_site(folder) == []


def test_signers_of_models_are_looked_at(folder: Path) -> None:
    (folder / "signers").mkdir()
    assert check_site(folder) == []
    (folder / "signers" / "city.pub").write_text("name: city\n")
    (problem,) = check_site(folder)
    assert problem.file == "signers"
    assert "city.pub: algorithm: Field required" in problem.message


def test_all_problems_are_reported_and_the_first_is_raised(folder):
    edit_json(folder / GROUND, cross)
    edit_json(folder / PERMITTED, properties(0, kind="x"))
    edit_yaml(folder / "site.yaml", lambda r: r.update(timezone="Mars/Base"))
    files = [problem.file for problem in check_site(folder)]
    assert {"site.yaml", GROUND, PERMITTED} <= set(files)
    with pytest.raises(SiteError, match=rf"and {len(files) - 1} more: kerbwatch site check") as caught:
        load_site(folder)
    assert (caught.value.file, caught.value.feature) == (GROUND, "footway-north")


def points(pixels, lon_lats):
    return [{"pixel": list(p), "lon_lat": list(g)} for p, g in zip(pixels, lon_lats, strict=True)]


SQUARE_PX = [(50, 250), (600, 250), (450, 100), (200, 100), (330, 180)]
SQUARE_LL = [(117.18998, 34.26002), (117.19002, 34.26002), (117.19004, 34.26012), (117.18996, 34.26012)]


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        (points(SQUARE_PX[:3], SQUARE_LL[:3]), "ground_points has 3"),
        (points([(10, 10), (20, 20), (30, 30), (40, 40)], SQUARE_LL), "on a line"),
        (points(SQUARE_PX[:4], [(117.19 + i * 1e-5, 34.26 + i * 1e-5) for i in range(4)]), "on a line"),
        (points(SQUARE_PX, [*SQUARE_LL, (117.1901, 34.26)]), "misses by"),
        (points([(50, 250), (700, 250), (450, 100), (200, 100)], SQUARE_LL), "ground point 1 at pixel (700.0, 250.0)"),
    ],
    ids=["three points", "collinear pixels", "collinear ground", "large residual", "outside the picture"],
)
def test_homographies_that_do_not_hold(folder, marked, message):
    def change(raw):
        camera = raw["cameras"][0]
        for name in ("heading_deg", "pitch_deg", "roll_deg", "lens"):
            del camera[name]
        camera["ground_points"] = marked

    edit_yaml(folder / "cameras.yaml", change)
    (problem,) = check_site(folder)
    assert (problem.file, problem.feature, problem.field) == ("cameras.yaml", "wall-cam", "ground_points")
    assert message in problem.message


def test_a_good_homography_loads(folder):
    def change(raw):
        camera = raw["cameras"][0]
        for name in ("heading_deg", "pitch_deg", "roll_deg", "lens"):
            del camera[name]
        camera["ground_points"] = points(SQUARE_PX[:4], SQUARE_LL)

    edit_yaml(folder / "cameras.yaml", change)
    assert check_site(folder) == []


def test_a_profile_gives_the_errors_that_are_not_given(folder):
    edit_yaml(folder / "cameras.yaml", lambda r: r["cameras"][2].update(profile="e_bike", sigmas={"pitch_deg": 2.5}))
    camera = load_site(folder).camera("ebike-front")
    assert isinstance(camera, VehicleCamera)
    assert camera.profile == "e_bike"
    assert camera.sigmas == replace(profile_sigmas("e_bike"), pitch_deg=2.5)


def test_a_drone_has_a_lens_and_no_height(folder):
    drone = {"id": "m3", "name": {"zh": "无人机", "en": "drone"}, "type": "drone", "image_px": [4000, 3000]}
    drone |= {"lens": {"horizontal_fov_deg": 73.7}, "sigmas": {"heading_deg": 2.0}}
    edit_yaml(folder / "cameras.yaml", lambda r: r["cameras"].append(drone))
    camera = load_site(folder).camera("m3")
    assert camera == DroneCamera("m3", Lens.from_fov(4000, 3000, 73.7), CameraSigmas(heading_deg=2.0))


def test_ten_thousand_features_load(folder):
    def many(raw):
        template = raw["features"][0]
        for row in range(10_000):
            east, north = 117.1852 + (row % 100) * 1e-4, 34.2562 + (row // 100) * 7e-5
            corners = [[east, north], [east + 5e-5, north], [east + 5e-5, north + 5e-5], [east, north + 5e-5]]
            feature = copy.deepcopy(template)
            feature["properties"]["id"] = f"z{row}"
            feature["geometry"]["coordinates"] = [[*corners, corners[0]]]
            raw["features"].append(feature)

    edit_json(folder / GROUND, many)
    assert len(load_site(folder).zones) == 10_010


def test_the_hash_is_of_the_content(folder, tmp_path):
    before = load_site(folder).sha256
    (folder / "README.md").write_text("not part of the site")
    twin = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert load_site(twin).sha256 == before
    edit_yaml(twin / "site.yaml", lambda r: r.update(synthetic_positions=False))
    assert load_site(twin).sha256 != before


def test_an_unknown_camera_is_named(folder):
    with pytest.raises(ValueError, match=r"no camera 'roof'; cameras\.yaml names: corner-cam, ebike-front, wall-cam"):
        load_site(folder).camera("roof")


def test_a_permit_is_not_blamed_for_its_refused_zone(folder):
    edit_json(folder / PERMITTED, properties(0, kind="pitch"))
    found = check_site(folder)
    assert len(found) == 1
    assert found[0].field == "properties.kind"
