from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DatasetError
from models.measure.yolo_folder import read_yolo_folder
from tests.models.networks import draw_picture

BOX = "0.5 0.5 0.2 0.2"


def _write(folder: Path, name: str, labels: str | None, *, sub: str = "") -> None:
    draw_picture(folder / "images" / sub / f"{name}.png", seed=len(name))
    if labels is not None:
        path = folder / "labels" / sub / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(labels, encoding="utf-8")


def _names(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_splits_places_and_cues(folder: Path) -> None:
    _names(folder, "names: {0: person, 3: dining table, 5: sky}\npath: /nowhere\n")
    _write(folder, "a", f"0 {BOX}\n3 {BOX}\n5 {BOX}\n", sub="train")
    _write(folder, "街角 b", f"0 {BOX}\n", sub="valid")
    _write(folder, "c", "")
    (folder / "places.csv").write_text("image,scene\na.png,north\n", encoding="utf-8")
    read = read_yolo_folder(folder)
    assert read.cue_by_class == {0: "person", 3: "table"}  # "dining table" is COCO's word, "sky" is no cue
    found = {s.image.stem: (s.split, s.place, [box.cue for box in s.boxes], s.reviewed) for s in read.samples}
    both = frozenset({"person", "table"})
    assert found == {
        "a": ("train", "north", ["person", "table"], both),
        "街角 b": ("val", "", ["person"], both),
        "c": ("all", "", [], both),
    }
    assert read.problems == ()


def test_splits_above_images_too(folder: Path) -> None:
    _names(folder, "names: [person]\n")
    draw_picture(folder / "test" / "images" / "a.png", 0)
    (folder / "test" / "labels").mkdir()
    (folder / "test" / "labels" / "a.txt").write_text(f"0 {BOX}\n", encoding="ascii")
    (sample,) = read_yolo_folder(folder).samples
    assert (sample.split, len(sample.boxes)) == ("test", 1)


def test_pictures_and_labels_side_by_side(folder: Path) -> None:
    _names(folder, "names: [person]\n")
    draw_picture(folder / "a.png", 0)
    (folder / "a.txt").write_text(f"0 {BOX}\n", encoding="ascii")
    (sample,) = read_yolo_folder(folder).samples
    assert len(sample.boxes) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0: person\n2: car\n", {0: "person", 2: "car"}),
        ("van: car\nwalker: person\n", {2: "car", 0: "person"}),
        ("0: car\n2: car\n", {0: "car", 2: "car"}),  # two classes, one cue
    ],
)
def test_class_map(folder: Path, tmp_path: Path, text: str, expected: dict[int, str]) -> None:
    _names(folder, "names: [walker, sky, van]\n")
    _write(folder, "a", f"0 {BOX}\n")
    classes = tmp_path / "map.yaml"
    classes.write_text(text, encoding="utf-8")
    assert read_yolo_folder(folder, classes).cue_by_class == expected


@pytest.mark.parametrize(
    ("labels", "fault", "boxes", "reviewed"),
    [
        (f"0 {BOX}\n0 nine 0.5 0.1 0.1\n", ("2", "malformed_box", "not_reviewed"), 1, False),
        (f"0 {BOX} 0.9\n", ("1", "malformed_box", "not_reviewed"), 0, False),  # a sixth number: a prediction file
        ("0 0.5 0.5 -0.1 0.1\n", ("1", "crossed_box", "box_left_out"), 0, False),
        ("0 0.5 0.5 0 0.1\n", ("1", "empty_box", "box_left_out"), 0, False),
        ("0 nan 0.5 0.1 0.1\n", ("1", "not_finite", "box_left_out"), 0, False),
        ("0 0.95 0.5 0.2 0.2\n", ("1", "sticks_out", "box_clipped"), 1, True),
        ("0 48 30 20 20\n", ("1", "off_picture", "box_left_out"), 0, False),  # pixels instead of fractions
        (f"7 {BOX}\n", ("1", "class_out_of_range", "not_reviewed"), 0, False),
        (None, ("", "picture_without_label", "kept"), 0, True),
    ],
)
def test_faults_are_listed(
    folder: Path, labels: str | None, fault: tuple[str, str, str], boxes: int, reviewed: bool
) -> None:
    _names(folder, "names: [person]\n")
    _write(folder, "a", labels)
    read = read_yolo_folder(folder)
    (problem,) = read.problems
    assert (problem.line, str(problem.kind), str(problem.effect)) == fault
    assert problem.file == ("labels/a.txt" if labels is not None else "images/a.png")
    (sample,) = read.samples
    assert len(sample.boxes) == boxes
    assert sample.reviewed == (frozenset({"person"}) if reviewed else frozenset())


def test_a_lost_box_takes_its_own_cue_only(folder: Path) -> None:
    _names(folder, "names: [person, car]\n")
    _write(folder, "a", f"0 {BOX}\n1 0.5 0.5 0 0\n")
    (sample,) = read_yolo_folder(folder).samples
    assert sample.reviewed == {"person"}


def test_a_broken_picture_is_left_out(folder: Path) -> None:
    _names(folder, "names: [person]\n")
    _write(folder, "a", f"0 {BOX}\n")
    (folder / "images" / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    read = read_yolo_folder(folder)
    assert [sample.image.stem for sample in read.samples] == ["a"]
    assert [(p.file, str(p.effect)) for p in read.problems] == [("images/torn.jpg", "picture_left_out")]


@pytest.mark.parametrize(
    ("names", "classes", "places", "message"),
    [
        ("names: [sky]\n", None, None, "no class name in data.yaml is a cue: give --classes"),
        ("names: 3\n", None, None, "names must be a list"),
        ("nc: [\n", None, None, "cannot read"),
        ("names: [person]\n", "- person\n", None, "must map class ids or names to cues"),
        ("names: [person]\n", "dog: person\n", None, "class 'dog' is not in data.yaml"),
        ("names: [person]\n", "0: walker\n", None, "mapped to 'walker', which is no cue"),
        ("names: [person]\n", None, "picture,place\na.png,n\n", "has no column 'image'"),
        ("names: [person]\n", None, "image,street\na.png,n\n", "needs the columns image and place"),
    ],
)
def test_what_cannot_be_used(
    folder: Path, tmp_path: Path, names: str, classes: str | None, places: str | None, message: str
) -> None:
    _names(folder, names)
    _write(folder, "a", "")
    given: dict[str, Path] = {}
    for name, text in (("classes", classes), ("places", places)):
        if text is not None:
            given[name] = tmp_path / name
            given[name].write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_yolo_folder(folder, **given)


def test_no_folder_and_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        read_yolo_folder(tmp_path / "none")
    with pytest.raises(DatasetError, match="no picture below"):
        read_yolo_folder(tmp_path)


def test_a_box_given_twice_counts_once(folder: Path) -> None:
    _names(folder, "names: [person]\n")
    _write(folder, "a", f"0 {BOX}\n0 {BOX}\n")
    read = read_yolo_folder(folder)
    assert [len(sample.boxes) for sample in read.samples] == [1]
    assert [(fault.kind.value, fault.file, fault.line) for fault in read.problems] == [
        ("double_box", "labels/a.txt", "2")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0: [person]", r"class 0 is mapped to \['person'\], which is no cue"),
        ("0: {person: 1}", "which is no cue"),
        ("true: person", "class True is not in data.yaml"),
        ("0: 2026-02-30", "cannot read .*day is out of range"),
        ("[" * 20_000, "cannot read .*recursion"),
    ],
)
def test_odd_class_maps(folder: Path, tmp_path: Path, text: str, message: str) -> None:
    _write(folder, "a", f"0 {BOX}\n")
    (tmp_path / "classes.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_yolo_folder(folder, tmp_path / "classes.yaml")
