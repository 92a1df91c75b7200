"""Bad data is normal input: every fault is reported with its file and line, none ends a build, none is dropped."""

from __future__ import annotations

import csv
import shutil
import unicodedata
import zlib
from pathlib import Path

import pytest

from models.dataset import build, read_recipe
from models.dataset.limits import Limits
from models.dataset.problems import EFFECT_TEXTS, KIND_TEXTS, Effect, Kind, printable, write_problems
from models.errors import DatasetError
from models.recipe import TeacherSpec
from tests.models.dataset.sources import add_to_index, picture, recipe, source, told, write_labels, write_source

GOOD = "3 0.5 0.5 0.2 0.2\n"


@pytest.mark.parametrize(
    ("line", "kind", "boxes", "reviewed"),
    [
        ("3 0.5 0.5 0.1", "malformed_box", 1, set()),  # which cue it was cannot be told: none is sure to be complete
        ("sign 0.5 0.5 0.1 0.1", "malformed_box", 1, set()),
        ("3 0.5 0.5 0.1 x", "malformed_box", 1, set()),
        ("3 0.5 0.5 0.1 0.1 0.9", "malformed_box", 1, set()),  # a prediction with its confidence
        ("7 0.5 0.5 0.1 0.1", "class_out_of_range", 1, set()),
        ("-1 0.5 0.5 0.1 0.1", "class_out_of_range", 1, set()),
        ("3 nan 0.5 0.1 0.1", "not_finite", 1, {"door"}),  # a board was lost, doors were not
        ("3 0.5 0.5 inf 0.1", "not_finite", 1, {"door"}),
        ("3 0.5 0.5 -0.1 0.1", "crossed_box", 1, {"door"}),
        ("3 0.5 0.5 0 0.1", "empty_box", 1, {"door"}),
        ("3 0.5 0.5 0.1 0.001", "empty_box", 1, {"door"}),  # 0.08 px high
        ("3 1.3 0.5 0.1 0.1", "off_picture", 1, {"door"}),
        ("3 1.04 0.5 0.1 0.1", "off_picture", 1, {"door"}),  # a tenth of it is inside
        ("3 320 240 64 64", "off_picture", 1, {"door"}),  # px instead of fractions
        ("3 0.98 0.3 0.1 0.1", "sticks_out", 2, {"signboard", "door"}),
        ("3 0.5 0.5 0.2 0.2", "double_box", 1, {"signboard", "door"}),
        ("1 0.5 0.5 nan 0.2", "not_finite", 1, {"signboard"}),
    ],
)
def test_bad_boxes(tmp_path: Path, line: str, kind: str, boxes: int, reviewed: set[str]) -> None:
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": f"{GOOD}{line}\n"})
    classes = ["window", "door", "arch", "signboard", "ad"]
    reading = read_recipe(recipe(tmp_path, source("s", labels={1: "door", 3: "signboard"}, classes=classes)), tmp_path)
    assert told(reading.problems) == [(kind, "a.txt", "2")]
    (sample,) = reading.samples
    assert len(sample.boxes) == boxes
    assert sample.reviewed == reviewed


def test_a_file_that_is_no_picture_is_told_alike_in_every_run(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png", "b.png"])
    (tmp_path / "s/images/b.png").write_bytes(b"GIF89a")
    problems = read_recipe(recipe(tmp_path, source("s")), tmp_path).problems
    told_of = [problem.detail for problem in problems if problem.kind is Kind.PICTURE_UNREADABLE]
    assert told_of == ["no JPEG or PNG, 6 bytes"]


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.2 0.2", "3 0.5 0.5 1 1", "3 0.95 0.5 0.1 0.1", "3 0.9505 0.5 0.1 0.1"])
def test_good_boxes_are_no_problem(tmp_path: Path, line: str) -> None:
    """A class that the recipe does not use, the whole picture, a box to the edge, a rounded edge: as written."""
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": line})
    reading = read_recipe(recipe(tmp_path, source("s")), tmp_path)
    assert reading.problems == ()
    assert reading.samples[0].reviewed == {"signboard"}


def test_clipped_box_ends_at_the_edge(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": "3 0.98 0.3 0.1 0.1"})
    (sample,) = read_recipe(recipe(tmp_path, source("s")), tmp_path).samples
    assert (sample.boxes[0].cx, sample.boxes[0].w) == pytest.approx((0.965, 0.07))


def test_an_outline_is_taken_as_its_box(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": "3 0.2 0.2 0.6 0.3 0.4 0.8\n3 0.2 0.2 nan 0.3 0.4 0.8"})
    reading = read_recipe(recipe(tmp_path, source("s")), tmp_path)
    (box,) = reading.samples[0].boxes
    assert (box.cx, box.cy, box.w, box.h) == pytest.approx((0.4, 0.5, 0.4, 0.6))
    assert told(reading.problems) == [("not_finite", "a.txt", "2")]


def test_bad_files(tmp_path: Path) -> None:
    """One of each, in one build: all are told, what is whole is built."""
    names = ["good.png", "torn.jpg", "text.png", "zero.jpg", "nolabel.png", "empty.png", "latin1.png", "名前.png"]
    root = write_source(tmp_path, "s", names)
    write_labels(tmp_path, "s", {"good": GOOD, "torn": GOOD, "empty": "", "orphan": GOOD, "名前": GOOD, "text": GOOD})
    (root / "labels" / "zero.txt").write_text(GOOD, encoding="ascii")
    (root / "labels" / "latin1.txt").write_bytes(b"3 0.5 0.5 0.2 0.2 \xe9\n")
    torn = root / "images" / "torn.jpg"
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size * 2 // 3])
    (root / "images" / "text.png").write_text("not a picture", encoding="ascii")
    (root / "images" / "zero.jpg").write_bytes(b"")
    (root / "images" / "notes.doc").write_text("x", encoding="ascii")
    picture(50).save(root / "images" / "unlisted.png")
    picture(51).save(root / "images" / "good.jpg")
    picture(52).save(root / "images" / "line\nbreak.png")
    picture(53).save(root / "images" / "-rf.png")
    add_to_index(tmp_path, "s", ["gone.png", "good.jpg"])
    reading = read_recipe(recipe(tmp_path, source("s")), tmp_path)
    assert sorted(told(reading.problems)) == sorted(
        [
            ("picture_unreadable", "torn.jpg", ""),
            ("picture_unreadable", "text.png", ""),
            ("picture_unreadable", "zero.jpg", ""),
            ("picture_without_label", "nolabel.png", ""),
            ("empty_label_file", "empty.txt", ""),
            ("label_without_picture", "orphan.txt", ""),
            ("labels_unreadable", "latin1.txt", ""),
            ("not_a_picture", "notes.doc", ""),
            ("not_in_index", "unlisted.png", ""),
            ("only_in_index", "gone.png", ""),
            ("same_name", "good.png", ""),
            ("hostile_name", "line\\nbreak.png", ""),
            ("hostile_name", "-rf.png", ""),
        ]
    )
    kept = {sample.name: (len(sample.boxes), set(sample.reviewed)) for sample in reading.samples}
    assert kept == {
        "good.jpg": (1, {"signboard"}),  # sorts before good.png, whose labels would overwrite its own
        "empty.png": (0, {"signboard"}),  # somebody looked and found nothing
        "nolabel.png": (0, set()),  # nobody looked
        "latin1.png": (0, set()),
        "名前.png": (1, {"signboard"}),
    }
    built = build(
        reading.samples, ["signboard"], out=tmp_path / "out", weights=None, teacher=TeacherSpec(),
        problems=reading.problems,
    )  # fmt: skip
    assert (built.folder / "images" / "train" / "名前.png").is_file()
    with (built.folder / "problems.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    assert not any(str(tmp_path) in " ".join(row.values()) for row in rows), "the list names this machine"


def test_a_source_may_say_that_empty_files_are_meant(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": ""})
    reading = read_recipe(recipe(tmp_path, source("s", empty_means_none=True)), tmp_path)
    assert reading.problems == ()
    assert reading.samples[0].reviewed == {"signboard"}


@pytest.mark.parametrize(
    ("limits", "kind", "file"),
    [
        (Limits(picture_px=100), "picture_huge", "a.png"),
        (Limits(picture_bytes=10), "picture_huge", "a.png"),
        (Limits(label_bytes=10), "labels_unreadable", "a.txt"),
        (Limits(boxes_per_picture=1), "labels_unreadable", "a.txt"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, kind: str, file: str) -> None:
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": GOOD + "3 0.3 0.3 0.1 0.1\n"})
    assert told(read_recipe(recipe(tmp_path, source("s")), tmp_path, limits=limits).problems) == [(kind, file, "")]


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="limits must be positive"):
        Limits(picture_px=0)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A PNG whose header claims 60000 x 60000 px: refused by its header alone."""
    root = write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": GOOD})
    path = root / "images" / "a.png"
    content = bytearray(path.read_bytes())
    content[16:24] = (60000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(content))
    assert told(read_recipe(recipe(tmp_path, source("s")), tmp_path).problems) == [("picture_huge", "a.png", "")]


def test_names_are_compared_composed(tmp_path: Path) -> None:
    """macOS writes é as e and an accent: picture, label and index still belong together, and the data set has one é."""
    decomposed, composed = unicodedata.normalize("NFD", "Café"), "Café"
    write_source(tmp_path, "s", [f"{decomposed}.png"])
    write_labels(tmp_path, "s", {composed: GOOD})
    reading = read_recipe(recipe(tmp_path, source("s")), tmp_path)
    assert reading.problems == ()
    assert [(sample.name, len(sample.boxes)) for sample in reading.samples] == [("Café.png", 1)]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("index.csv", r"cannot read .*index\.csv"),
        ("s/images/a.png", r"no picture below .* belongs to the scenes"),
        ("s/images", "s has no folder"),
    ],
)
def test_what_is_missing_altogether_is_an_error(tmp_path: Path, missing: str, message: str) -> None:
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": GOOD})
    gone = tmp_path / missing
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    with pytest.raises(DatasetError, match=message):
        read_recipe(recipe(tmp_path, source("s")), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"source,image\ns,a.png\n", "has no column 'scene'"), (b"source,image,scene\n\xff,a,b\n", "cannot read")],
)
def test_unusable_index(tmp_path: Path, content: bytes, message: str) -> None:
    write_source(tmp_path, "s", ["a.png"])
    (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_recipe(recipe(tmp_path, source("s")), tmp_path)


def test_every_kind_and_effect_is_told_in_both_languages() -> None:
    assert set(KIND_TEXTS) == set(Kind)
    assert set(EFFECT_TEXTS) == set(Effect)


def test_the_list_is_safe_to_open_in_a_spreadsheet(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["=cmd().png"])
    reading = read_recipe(recipe(tmp_path, source("s")), tmp_path)
    (problem,) = reading.problems
    write_problems([problem, problem.__class__("=a", "f", "", problem.kind, "", problem.effect)], tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["s", "'=a"]


def test_long_text_is_cut() -> None:
    assert printable("x" * 500) == "x" * 200 + "…"
