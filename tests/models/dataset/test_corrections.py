"""People's boxes replace what the source said, for the cues they looked at, in the very file they looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from models.dataset import build, read_recipe
from models.errors import DatasetError, RecipeError
from models.recipe import TeacherSpec
from tests.models.dataset.sources import recipe, source, told, write_labels, write_source

REVIEWED = "source,image,sha256,cues,date\n"
BOXES = "source,image,cue,left_px,top_px,right_px,bottom_px,how,note\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two pictures of 120 x 80 px, each with one sign board and one door by the source."""
    write_source(tmp_path, "s", ["a.png", "街.png"])
    write_labels(tmp_path, "s", dict.fromkeys(["a", "街"], "3 0.5 0.5 0.2 0.2\n1 0.2 0.2 0.1 0.1\n"))
    return tmp_path


def _sha256(root: Path, image: str) -> str:
    return hashlib.sha256((root / "s" / "images" / image).read_bytes()).hexdigest()


def _write_set(root: Path, reviewed: Sequence[str], boxes: Sequence[str], name: str = "first") -> None:
    folder = root / "corrections" / name
    folder.mkdir(parents=True)
    (folder / "reviewed.csv").write_text(REVIEWED + "".join(f"{line}\n" for line in reviewed), "utf-8")
    (folder / "boxes.csv").write_text(BOXES + "".join(f"{line}\n" for line in boxes), "utf-8")


def _read(root: Path, *sets: str):
    labels = {1: "door", 3: "signboard"}
    return read_recipe(recipe(root, source("s", labels=labels, corrections=list(sets))), root)


def test_corrected_cues_replace_and_the_others_stay(root: Path) -> None:
    """In 街 the board was moved, a table was drawn, and nobody asked about doors."""
    reviewed = [f"s,街.png,{_sha256(root, '街.png')},signboard table awning,2026-11-21"]
    boxes = ["s,街.png,signboard,12,8,60,40,moved,", "s,街.png,table,60,40,120,80,drawn,half hidden"]
    _write_set(root, reviewed, boxes)
    reading = _read(root, "first")
    assert reading.problems == ()
    untouched, corrected = reading.samples
    assert [(box.cue, box.how) for box in untouched.boxes] == [("signboard", ""), ("door", "")]
    assert [(box.cue, box.how) for box in corrected.boxes] == [("door", ""), ("signboard", "moved"), ("table", "drawn")]
    assert all(box.origin == "hand" for box in corrected.boxes)
    moved = corrected.boxes[1]
    assert (moved.cx, moved.cy, moved.w, moved.h) == pytest.approx((0.3, 0.3, 0.4, 0.4))
    assert corrected.reviewed == {"signboard", "door", "table", "awning"}


def test_what_is_not_learnt_is_kept_for_measuring_but_not_taught(root: Path) -> None:
    _write_set(root, [f"s,a.png,{_sha256(root, 'a.png')},table,"], ["s,a.png,table,60,40,120,80,drawn,"])
    reading = _read(root, "first")
    out = root / "out"
    built = build(reading.samples, ["signboard", "door"], out=out, weights=None, teacher=TeacherSpec())
    assert [box.cue for box in built.samples[0].boxes] == ["signboard", "door", "table"]
    lines = (out / "labels" / "train" / "a.txt").read_text("ascii").splitlines()
    assert len(lines) == 2
    table = [line for line in (out / "boxes.csv").read_text("utf-8").splitlines() if ",table," in line]
    assert table == ["a.png,train,s,s-place0,table,0.750000,0.750000,0.500000,0.500000,hand,1.0000,drawn"]


def test_no_box_left_means_none_there(root: Path) -> None:
    _write_set(root, [f"s,a.png,{_sha256(root, 'a.png')},signboard door,"], [])
    sample = _read(root, "first").samples[0]
    assert sample.boxes == ()
    assert sample.reviewed == {"signboard", "door"}


def test_a_later_set_wins(root: Path) -> None:
    for name, how in (("first", "teacher"), ("second", "source")):
        reviewed = [f"s,a.png,{_sha256(root, 'a.png')},signboard,"]
        _write_set(root, reviewed, [f"s,a.png,signboard,12,8,60,40,{how},"], name)
    assert [box.how for box in _read(root, "first", "second").samples[0].boxes] == ["", "source"]
    assert [box.how for box in _read(root, "second", "first").samples[0].boxes] == ["", "teacher"]


@pytest.mark.parametrize(
    ("reviewed", "boxes", "problems", "boards"),
    [
        # Of another version of the picture: not applied.
        (["s,a.png,00ff,signboard,"], [], [("correction_of_another_file", "reviewed.csv", "2")], 1),
        (["s,gone.png,00ff,signboard,"], [], [("correction_unusable", "reviewed.csv", "2")], 1),
        (["s,a.png,{sha},signbord,"], [], [("correction_unusable", "reviewed.csv", "2")], 1),  # a typing error
        ([], ["s,a.png,signboard,1,1,9,9,drawn,"], [("correction_unusable", "boxes.csv", "2")], 1),
        (["s,a.png,{sha},door,"], ["s,a.png,signboard,1,1,9,9,drawn,"], [("correction_unusable", "boxes.csv", "2")], 1),
        (["s,a.png,{sha},signboard,"], ["s,a.png,signboard,1,1,9,x,drawn,"],
         [("correction_unusable", "boxes.csv", "2")], 0),
        (["s,a.png,{sha},signboard,"], ["s,a.png,signboard,1,1,9,9,guessed,"],
         [("correction_unusable", "boxes.csv", "2")], 0),
        (["s,a.png,{sha},signboard,"], ["s,a.png,signboard,9,1,1,9,drawn,"], [("crossed_box", "boxes.csv", "2")], 0),
        (["s,a.png,{sha},signboard,"], ["s,a.png,signboard,1,1,9,nan,drawn,"], [("not_finite", "boxes.csv", "2")], 0),
        (["s,a.png,{sha},signboard,"], ["s,a.png,signboard,90,20,130,60,drawn,"],
         [("sticks_out", "boxes.csv", "2")], 1),
        (["other,a.png,00ff,signboard,"], ["other,a.png,signboard,9,1,1,9,drawn,"], [], 1),  # not ours to judge
    ],
)  # fmt: skip
def test_bad_corrections(
    root: Path, reviewed: list[str], boxes: list[str], problems: list[tuple[str, str, str]], boards: int
) -> None:
    _write_set(root, [line.format(sha=_sha256(root, "a.png")) for line in reviewed], boxes)
    reading = _read(root, "first")
    assert told(reading.problems) == problems
    sample = reading.samples[0]
    assert [box.cue for box in sample.boxes].count("signboard") == boards
    lost = problems and problems[0][0] != "sticks_out" and boards == 0
    assert ("signboard" in sample.reviewed) is not bool(lost)


def test_a_missing_set_is_an_error(root: Path) -> None:
    with pytest.raises(DatasetError, match="s wants the corrections 'none'"):
        _read(root, "none")
    (root / "corrections" / "empty").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"cannot read .*reviewed\.csv"):
        _read(root, "empty")


def test_a_set_stays_below_the_corrections_folder(root: Path) -> None:
    with pytest.raises(RecipeError, match=r"corrections.*must be a path below"):
        _read(root, "../elsewhere")


def test_a_box_drawn_twice_counts_once(root: Path) -> None:
    box = "s,a.png,table,60,40,120,80,drawn,"
    _write_set(root, [f"s,a.png,{_sha256(root, 'a.png')},table,"], [box, box])
    reading = _read(root, "first")
    assert told(reading.problems) == [("double_box", "boxes.csv", "3")]
    assert [box.cue for box in reading.samples[0].boxes].count("table") == 1
