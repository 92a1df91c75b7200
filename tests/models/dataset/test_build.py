"""A data set is the same anywhere, stands whole or not at all, and is not written over by accident."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from models.dataset import BuiltDataset, Sample, build, read_back, read_recipe
from models.dataset.coco_names import COCO_80
from models.dataset.manifest import damage
from models.errors import DatasetError
from models.label_box import LabelBox
from models.recipe import TeacherSpec
from tests.models.dataset.sources import recipe, source, write_labels, write_source


def _make(root: Path, out: Path, **fields: bool) -> BuiltDataset:
    """Three places, one of them for testing, built at ``out``."""
    if not root.exists():
        root.mkdir(parents=True)
        write_source(root, "s", ["a.png", "b.jpg", "街 c.png"])
        write_labels(root, "s", {"a": "3 0.5 0.5 0.2 0.2\n", "b": "1 0.2 0.2 0.1 0.1\n", "街 c": "3 0.1 0.1 0.1 0.1\n"})
    spec = source("s", labels={1: "door", 3: "signboard"}, split={"test": ["s-place2"]})
    made = recipe(root, spec)
    samples = read_recipe(made, root).samples
    return build(samples, ["signboard", "door"], out=out, weights=None, teacher=made.teacher, **fields)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_folders_one_hash(tmp_path: Path) -> None:
    first = _make(tmp_path / "one" / "data", tmp_path / "one" / "out")
    second = _make(tmp_path / "far" / "away" / "data", tmp_path / "far" / "elsewhere")
    assert first.manifest_sha256 == second.manifest_sha256
    assert _files(first.folder) == _files(second.folder), "every file, not the manifest alone"
    assert not any(str(tmp_path).encode() in content for content in _files(first.folder).values())


def test_building_again_changes_nothing(tmp_path: Path) -> None:
    first = _make(tmp_path / "data", tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    again = _make(tmp_path / "data", tmp_path / "out")
    assert again.manifest_sha256 == first.manifest_sha256
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_what_stands_there(tmp_path: Path) -> None:
    built = _make(tmp_path / "data", tmp_path / "out")
    assert set(_files(built.folder)) == {
        "boxes.csv", "data.yaml", "manifest.json", "problems.csv",
        "images/train/a.png", "images/train/b.jpg", "images/test/街 c.png",
        "labels/train/a.txt", "labels/train/b.txt", "labels/test/街 c.txt",
    }  # fmt: skip
    signboard, door = built.slots["signboard"], built.slots["door"]
    assert (built.folder / "labels/train/a.txt").read_text(
        "ascii"
    ) == f"{signboard} 0.500000 0.500000 0.200000 0.200000\n"
    assert (built.folder / "labels/train/b.txt").read_text("ascii").startswith(f"{door} ")
    told = yaml.safe_load((built.folder / "data.yaml").read_text("utf-8"))
    assert told.pop("names") == dict(enumerate(COCO_80))
    assert told == {"train": "images/train", "val": "images/train", "test": "images/test"}
    assert read_back(built.folder) == built


def test_another_data_set_is_replaced_only_when_asked(tmp_path: Path) -> None:
    first = _make(tmp_path / "data", tmp_path / "out")
    write_labels(tmp_path / "data", "s", {"a": "3 0.4 0.5 0.2 0.2\n"})
    with pytest.raises(DatasetError, match="holds another data set"):
        _make(tmp_path / "data", tmp_path / "out")
    assert read_back(tmp_path / "out").manifest_sha256 == first.manifest_sha256
    second = _make(tmp_path / "data", tmp_path / "out", replace_other=True)
    assert second.manifest_sha256 != first.manifest_sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]


@pytest.mark.parametrize("replace_other", [False, True])
def test_other_folders_are_never_touched(tmp_path: Path, replace_other: bool) -> None:
    """`--out` pointed at the pictures themselves."""
    _make(tmp_path / "data", tmp_path / "out")
    before = _files(tmp_path / "data")
    with pytest.raises(DatasetError, match="no data set: give another folder"):
        _make(tmp_path / "data", tmp_path / "data" / "s", replace_other=replace_other)
    assert _files(tmp_path / "data") == before


@pytest.mark.parametrize("file", ["images/train/a.png", "labels/train/a.txt"])
@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_damage_is_seen_and_mended(tmp_path: Path, file: str, harm: str) -> None:
    built = _make(tmp_path / "data", tmp_path / "out")
    path = built.folder / file
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"\n")
    assert damage(built.folder) == [file]
    assert _make(tmp_path / "data", tmp_path / "out").manifest_sha256 == built.manifest_sha256
    assert damage(built.folder) == []


def test_a_killed_build_leaves_nothing_half_done(tmp_path: Path) -> None:
    """What a kill leaves is beside the place, never in it, and the next build clears it."""
    (tmp_path / "out.partial" / "images").mkdir(parents=True)
    (tmp_path / "out.old").mkdir()
    _make(tmp_path / "data", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]


def test_a_cue_that_needs_a_teacher_needs_weights(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png"])
    image = tmp_path / "s" / "images" / "a.png"
    sample = Sample(image, "s", "p", "train", frozenset({"signboard"}))
    with pytest.raises(DatasetError, match=r"nobody looked for 'car' in a\.png and 0 more pictures: give --weights"):
        build([sample], ["signboard", "car"], out=tmp_path / "out", weights=None, teacher=TeacherSpec())


def test_cues_nobody_looked_for_are_marked_in_training_pictures_only(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png", "b.png"])
    images = tmp_path / "s" / "images"
    train = Sample(
        images / "a.png", "s", "p", "train", frozenset({"door"}), (LabelBox("door", 0.5, 0.5, 0.1, 0.1, "hand"),)
    )
    test = replace(train, image=images / "b.png", split="test")
    built = build([train, test], ["signboard", "door"], out=tmp_path / "out", weights=None, teacher=TeacherSpec())
    mark = built.unreviewed_rows[built.slots["signboard"]]
    door = f"{built.slots['door']} 0.500000 0.500000 0.100000 0.100000\n"
    assert (built.folder / "labels/train/a.txt").read_text("ascii") == f"{door}{mark} 0.5 0.5 1 1\n"
    assert (built.folder / "labels/test/b.txt").read_text("ascii") == door


def test_unusable_samples(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png", "a.jpg"])
    images = tmp_path / "s" / "images"
    held = Sample(images / "a.png", "s", "p", "test", frozenset())
    with pytest.raises(DatasetError, match="no picture is left to train on"):
        build([held], ["signboard"], out=tmp_path / "out", weights=None, teacher=TeacherSpec())
    train = replace(held, split="train")
    with pytest.raises(DatasetError, match="two pictures are called 'a'"):
        build([train, replace(train, image=images / "a.jpg")], ["signboard"], out=tmp_path / "out", weights=None,
              teacher=TeacherSpec())  # fmt: skip


def test_the_list_of_problems_is_that_of_the_last_build(tmp_path: Path) -> None:
    """A fault that changes no picture changes no hash, but it is listed."""
    first = _make(tmp_path / "data", tmp_path / "out")
    (tmp_path / "data" / "s" / "images" / "notes.doc").write_text("x", "ascii")
    made = recipe(tmp_path / "data", source("s", labels={1: "door", 3: "signboard"}, split={"test": ["s-place2"]}))
    reading = read_recipe(made, tmp_path / "data")
    again = build(
        reading.samples, ["signboard", "door"], out=tmp_path / "out", weights=None, teacher=made.teacher,
        problems=reading.problems,
    )  # fmt: skip
    assert again.manifest_sha256 == first.manifest_sha256
    assert "not_a_picture" in (tmp_path / "out" / "problems.csv").read_text("utf-8-sig")


@pytest.mark.parametrize("content", ["", "{}", '{"images": [{}], "names": {}, "slots": {}}', "[]"])
def test_unreadable_manifests(tmp_path: Path, content: str) -> None:
    with pytest.raises(DatasetError, match=r"has no manifest\.json"):
        read_back(tmp_path)
    (tmp_path / "manifest.json").write_text(content, "utf-8")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_back(tmp_path)


def test_a_data_set_can_be_moved(tmp_path: Path) -> None:
    built = _make(tmp_path / "data", tmp_path / "out")
    shutil.move(built.folder, tmp_path / "moved")
    moved = read_back(tmp_path / "moved")
    assert moved.manifest_sha256 == built.manifest_sha256
    assert all(sample.image.is_file() for sample in moved.samples)
