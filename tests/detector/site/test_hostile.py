"""Files that were made to hurt: that unfold, nest, never end, or speak to the terminal. One line, no defect."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.errors import InputError, TransientError
from detector.output import write_whole
from detector.site import check_site
from tests.detector.site.folders import GROUND, PERMITTED, copy_demo_site, edit_json, edit_yaml, properties

BOMB = "\n".join(["a: &a [x, x, x, x, x, x, x, x, x]"] + [
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
])  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demonstration's site."""
    return copy_demo_site(tmp_path / "site")


def only_problem(folder: Path) -> str:
    """The text of the one thing wrong."""
    (problem,) = check_site(folder)
    return str(problem)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "other references stand for over 100000 values; write them out"),
        ("a: &a [*a]", "*a refers to itself"),
        ("schema: kerbwatch-site/1\nname: x\nschema: y", "'schema' is there twice, first in line 1"),
        ("[" * 3000, "recursion"),
    ],
)
def test_yaml_that_unfolds_nests_or_says_things_twice(folder: Path, text: str, message: str):
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    assert any(f.file == "site.yaml" and "is no YAML" in f.message and message in f.message for f in check_site(folder))


def test_a_second_list_of_permits_does_not_take_the_first_away(folder: Path):
    with (folder / "permits.yaml").open("a", encoding="utf-8") as file:
        file.write("permits: []\n")
    assert "'permits' is there twice, first in line 2; put them into one" in only_problem(folder)


def test_references_to_single_values_are_fine(folder: Path):
    path = folder / "permits.yaml"
    text = path.read_text(encoding="utf-8").replace("valid_to: 2030-12-31", "valid_to: &end 2030-12-31", 1)
    path.write_text(text.replace("valid_to: 2030-12-31", "valid_to: *end"), encoding="utf-8")
    assert check_site(folder) == []


def test_json_nested_too_deep(folder: Path):
    (folder / "zones" / "deep.geojson").write_text("[" * 100_000, encoding="utf-8")
    assert "is nested too deep to be GeoJSON" in only_problem(folder)


def test_files_too_large_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("detector.site.problems.YAML_MAX_BYTES", 100)
    assert any("more than 100; split it" in found.message for found in check_site(folder))


@pytest.mark.parametrize("point", [[10**400, 34.26], [1e308, 1e308]])
def test_numbers_beyond_all_maps(folder: Path, point: list[float]):
    def change(raw: Any) -> None:
        raw["features"][0]["geometry"]["coordinates"][0][1] = point

    edit_json(folder / GROUND, change)
    assert "is no [longitude, latitude] pair" in (told := only_problem(folder)) or "metres of a projection" in told


@pytest.mark.parametrize(
    ("file", "change", "field"),
    [
        (GROUND, properties(name={"zh": "\x1b[2J", "en": "x"}), "properties.name.zh"),
        (GROUND, properties(name={"zh": "x", "en": "a\nb"}), "properties.name.en"),
        (GROUND, properties(owner="\u202eabc"), "properties.owner"),
        ("permits.yaml", lambda raw: raw["permits"][1].update(holder="\x9b31m"), "holder"),
        ("site.yaml", lambda raw: raw["name"].update(zh="\x07"), "name.zh"),
    ],
)
def test_texts_hold_nothing_unseen(folder: Path, file: str, change: Callable[[Any], None], field: str):
    (edit_json if file.endswith("json") else edit_yaml)(folder / file, change)
    (problem,) = check_site(folder)
    assert (problem.file, problem.field) == (file, field)
    assert "holds the unseen character U+" in problem.message


def test_problems_do_not_speak_to_the_terminal(folder: Path):
    (folder / "\x1b[31mred.yaml").write_text("x", encoding="utf-8")
    edit_json(folder / GROUND, properties(**{"\x1b]0;title\x07": 1}))
    told = [str(problem) for problem in check_site(folder)]
    assert len(told) == 2
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_a_zone_file_that_is_no_file_is_named(folder: Path, make: Callable[[Path], None]):
    make(folder / "zones" / "more.geojson")
    assert "zones/more.geojson: is no file" in only_problem(folder)


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "../../etc/localtime", "x" * 101])
def test_time_zones_that_mean_another_time_elsewhere(folder: Path, name: str):
    edit_yaml(folder / "site.yaml", lambda raw: raw.update(timezone=name))
    (problem,) = check_site(folder)
    assert problem.field == "timezone"


@pytest.mark.parametrize(
    ("kind", "zone", "fits"),
    [
        ("vending", "bay-1", "vending_pitch or market; 'bay-1' is a bike_bay"),
        ("bike_parking", "pitch-7", "bike_bay; 'pitch-7' is a vending_pitch"),
        ("filed_sign", "pitch-7", "sign_registry or shop_frontage; 'pitch-7' is a vending_pitch"),
    ],
)
def test_a_permit_of_one_kind_permits_nothing_else(folder: Path, kind: str, zone: str, fits: str):
    edit_yaml(folder / "permits.yaml", lambda raw: raw["permits"][0].update(kind=kind, zone=zone))
    assert only_problem(folder) == f"permits.yaml: feature vend-2026-007: zone: a {kind} permit is for a {fits}"


def test_holidays_named_twice(folder: Path):
    hours = {"daily": ["08:00-09:00"], "holiday": [], "Holiday": ["08:00-09:00"]}
    edit_json(folder / PERMITTED, properties(schedule=hours))
    assert "holiday is named twice in the schedule (again as 'Holiday')" in only_problem(folder)


@pytest.mark.parametrize(
    ("lens", "field"),
    [
        ({"fx_px": float("inf"), "fy_px": 1000, "cx_px": 1, "cy_px": 1}, "lens.fx_px"),
        ({"fx_px": 1e-300, "fy_px": 1000, "cx_px": 1, "cy_px": 1}, "lens.fx_px"),
        ({"fx_px": 1000, "fy_px": 1000, "cx_px": 1e300, "cy_px": 1}, "lens.cx_px"),
        ({"horizontal_fov_deg": 60, "distortion": [1e300, 0, 0, 0]}, "lens.distortion.0"),
    ],
)
def test_lenses_that_no_camera_has(folder: Path, lens: dict[str, Any], field: str):
    edit_yaml(folder / "cameras.yaml", lambda raw: raw["cameras"][0].update(lens=lens))
    (problem,) = check_site(folder)
    assert problem.field == field


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A file with something in it."""
    path = tmp_path / "out.svg"
    path.write_text("before", encoding="utf-8")
    return path


def test_a_file_is_written_whole_through_a_link(there: Path):
    link = there.with_name("link.svg")
    link.symlink_to(there)
    write_whole(link, "after")
    assert link.is_symlink()
    assert there.read_text(encoding="utf-8") == "after"
    assert sorted(path.name for path in there.parent.iterdir()) == ["link.svg", "out.svg"]


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (".", InputError, "is a folder (是文件夹); name a file in it"),
        ("nowhere/out.svg", InputError, "there is no folder"),
        ("out.svg/x.svg", InputError, "Not a directory; name another file"),
        ("/dev/full", TransientError, "the disk is full (磁盘已满)"),
    ],
)
def test_what_cannot_be_written_is_named(there: Path, target: str, error: type[Exception], message: str):
    with pytest.raises(error) as told:
        write_whole(there.parent / target, "after")
    assert message in str(told.value)
    assert there.read_text(encoding="utf-8") == "before"
    assert [path.name for path in there.parent.iterdir()] == ["out.svg"]


def test_a_layer_from_a_pipe_is_not_waited_for(folder: Path, tmp_path: Path):
    from detector.geo.crs import WGS84
    from detector.site.importing import read_layer, read_surroundings

    os.mkfifo(tmp_path / "layer.geojson")
    around = read_surroundings(folder, folder / "zones" / "new.geojson")
    with pytest.raises(InputError, match="is no file"):
        read_layer(tmp_path / "layer.geojson", WGS84, around)


def test_a_layer_nested_too_deep(folder: Path, tmp_path: Path):
    from detector.geo.crs import WGS84
    from detector.site.importing import read_layer, read_surroundings

    (tmp_path / "layer.geojson").write_text("[" * 100_000, encoding="utf-8")
    around = read_surroundings(folder, folder / "zones" / "new.geojson")
    with pytest.raises(InputError, match="is nested too deep"):
        read_layer(tmp_path / "layer.geojson", WGS84, around)
    (tmp_path / "layer.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [{"geometry": {"coordinates": [[10**400, 1]]}}]}),
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="holds a coordinate that is no coordinate"):
        read_layer(tmp_path / "layer.geojson", WGS84, around)
