"""Each format on a tiny file of its own: the same boxes come out, and its faults are told with their place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from models.dataset import read_recipe
from models.dataset.readers import READERS
from models.dataset.readers.text_file import read_json, read_text
from models.dataset.readers.xml_tree import read_xml
from models.errors import DatasetError
from tests.models.dataset.sources import recipe, source, told, write_source

NAMES = ["a.png", "街 b.png"]  # 120 x 80 px
SIGN_PX, DOOR_PX = (12, 8, 60, 40), (90, 40, 120, 80)
EXPECTED = {
    "a.png": [("signboard", 0.3, 0.3, 0.4, 0.4), ("door", 0.875, 0.75, 0.25, 0.5)],
    "街 b.png": [],
}
VOC_BOX = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def _voc(objects: str, size: str = "<size><width>120</width><height>80</height><depth>3</depth></size>") -> str:
    return f"<annotation>\n<filename>x</filename>\n{size}\n{objects}\n</annotation>"


def _coco(annotations: list[Any], images: list[Any] | None = None) -> str:
    listed = [{"id": i, "file_name": f"data/{name}", "width": 120, "height": 80} for i, name in enumerate(NAMES)]
    categories = [{"id": 3, "name": "sign"}, {"id": 9, "name": "door"}]
    return json.dumps({"images": images or listed, "categories": categories, "annotations": annotations})


def _labelme(shapes: list[Any], **fields: Any) -> str:
    return json.dumps({"imageWidth": 120, "imageHeight": 80, "shapes": shapes, "imageData": None, **fields})


def _shape(label: str, points: Any, kind: str = "rectangle") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind}


def _write(root: Path, kind: str) -> None:
    sign, door = SIGN_PX, DOOR_PX
    files = {
        "yolo": {
            "labels/a.txt": "0 0.3 0.3 0.4 0.4\n1 0.875 0.75 0.25 0.5\n",
            "labels/街 b.txt": "",
            "classes.txt": "sign\ndoor\n",
        },
        "voc": {
            "annotations/a.xml": _voc(VOC_BOX.format("sign", *sign) + VOC_BOX.format("door", *door)),
            "annotations/街 b.xml": _voc(""),
        },
        "coco": {
            "annotations.json": _coco(
                [
                    {"id": 1, "image_id": 0, "category_id": 3, "bbox": [12, 8, 48, 32]},
                    {"id": 2, "image_id": 0, "category_id": 9, "bbox": [90, 40, 30, 40]},
                ]
            )
        },
        "cvat": {
            "annotations.xml": "<annotations><version>1.1</version>\n"
            '<image id="0" name="sub/a.png" width="120" height="80">\n'
            '<box label="sign" xtl="12" ytl="8" xbr="60" ybr="40" occluded="0"/>\n'
            '<polygon label="door" points="90,40;120,40;120,80;100,80"/></image>\n'
            '<image id="1" name="街 b.png" width="120" height="80"/></annotations>'
        },
        "labelme": {
            "labels/a.json": _labelme(
                [_shape("sign", [[60, 40], [12, 8]]), _shape("door", [[90, 40], [120, 45], [110, 80]], "polygon")],
                imagePath="..\\images\\a.png",
            ),
            "labels/街 b.json": _labelme([]),
        },
        "export": {
            "labels/a.txt": "0 0.3 0.3 0.4 0.4\n1 0.875 0.75 0.25 0.5\n",
            "labels/街 b.txt": "",
            "data.yaml": "names: [sign, door]\n",
            "reviewed_cues.csv": "image,cues\na.png,signboard door\n街 b.png,signboard door\n",
            "provenance.csv": "image,place,split\na.png,p,train\n街 b.png,q,val\n",
        },
    }[kind]  # fmt: skip
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("kind", sorted(READERS))
def test_every_format_gives_the_same_boxes(tmp_path: Path, kind: str) -> None:
    _write(write_source(tmp_path, "s", NAMES), kind)
    labels = {"sign": "signboard", "door": "door"}
    spec = source("s", format=kind, labels=labels, empty_means_none=True)
    reading = read_recipe(recipe(tmp_path, spec), tmp_path)
    assert reading.problems == ()
    found = {sample.name: [(b.cue, b.cx, b.cy, b.w, b.h) for b in sample.boxes] for sample in reading.samples}
    assert {name: [cue for cue, *_ in boxes] for name, boxes in found.items()} == {
        "a.png": ["signboard", "door"],
        "街 b.png": [],
    }
    for name, boxes in EXPECTED.items():
        for box, expected in zip(found[name], boxes, strict=True):
            assert box[1:] == pytest.approx(expected[1:], abs=1e-9)
    assert all(sample.reviewed == {"signboard", "door"} for sample in reading.samples)


def test_an_export_brings_its_own_places_split_and_reviewed_cues(tmp_path: Path) -> None:
    root = write_source(tmp_path, "s", NAMES)
    _write(root, "export")
    (root / "reviewed_cues.csv").write_text("image,cues\na.png,signboard\n街 b.png,\n", encoding="utf-8")
    (tmp_path / "index.csv").unlink()
    reading = read_recipe(recipe(tmp_path, source("s", format="export", labels={"sign": "signboard"})), tmp_path)
    found = [(s.name, s.place, s.split, set(s.reviewed)) for s in reading.samples]
    assert found == [("a.png", "p", "train", {"signboard"}), ("街 b.png", "q", "val", set())]


def test_an_export_with_gaps_is_reported(tmp_path: Path) -> None:
    root = write_source(tmp_path, "s", ["a.png", "b.png", "c.png"])
    _write(root, "export")
    (root / "provenance.csv").write_text("image,place,split\na.png,p,train\nb.png,q,west\nz.png,q,val\n", "utf-8")
    reading = read_recipe(recipe(tmp_path, source("s", format="export", labels={0: "signboard"})), tmp_path)
    assert told(reading.problems) == [
        ("not_in_index", "b.png", ""),
        ("not_in_index", "c.png", ""),
        ("label_without_picture", "街 b.txt", ""),
        ("not_in_index", "provenance.csv", "3"),
        ("only_in_index", "provenance.csv", "4"),
    ]


@pytest.mark.parametrize(
    ("kind", "file", "text", "problems"),
    [
        ("voc", "annotations/a.xml", "", [("empty_label_file", "a.xml", "")]),
        ("voc", "annotations/a.xml", "<annotation><object>", [("labels_unreadable", "a.xml", "")]),
        (
            "voc",
            "annotations/a.xml",
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///x'>]><a>&x;</a>",
            [("labels_unreadable", "a.xml", "")],
        ),
        ("voc", "annotations/a.xml", _voc("<object><bndbox/></object>"), [("malformed_box", "a.xml", "4")]),
        ("voc", "annotations/a.xml", _voc("<object><name>sign</name></object>"), [("malformed_box", "a.xml", "4")]),
        ("voc", "annotations/a.xml", _voc(VOC_BOX.format("sign", 1, 2, "x", 4)), [("malformed_box", "a.xml", "4")]),
        ("voc", "annotations/a.xml", _voc(VOC_BOX.format("sign", 60, 8, 12, 40)), [("crossed_box", "a.xml", "4")]),
        ("voc", "annotations/a.xml", _voc(VOC_BOX.format("sign", 12, 8, 12, 40)), [("empty_box", "a.xml", "4")]),
        ("voc", "annotations/a.xml", _voc(VOC_BOX.format("sign", "nan", 8, 12, 40)), [("not_finite", "a.xml", "4")]),
        (
            "voc",
            "annotations/a.xml",
            _voc(VOC_BOX.format("sgin", 12, 8, 60, 40)),
            [("class_out_of_range", "a.xml", "4")],
        ),
        (
            "voc",
            "annotations/a.xml",
            _voc("", "<size><width>64</width><height>48</height></size>"),
            [("size_mismatch", "a.xml", "3")],
        ),
        ("voc", "annotations/z.xml", _voc(""), [("label_without_picture", "z.xml", "")]),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": 0, "category_id": 3, "bbox": [60, 8, -48, 32]}]),
            [("crossed_box", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": 0, "category_id": 5, "bbox": [12, 8, 48, 32]}]),
            [("class_out_of_range", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": 0, "category_id": "3", "bbox": [12, 8, 48, 32]}]),
            [("malformed_box", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": 0, "category_id": 3, "bbox": [12, 8, 48]}]),
            [("malformed_box", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": 0, "category_id": 3, "bbox": [12, 8, 10**400, 3]}]),
            [("not_finite", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": [7], "category_id": 3, "bbox": [1, 2, 3, 4]}, "x"]),
            [
                ("label_without_picture", "annotations.json", "annotations[0]"),
                ("label_without_picture", "annotations.json", "annotations[1]"),
            ],
        ),
        (
            "coco",
            "annotations.json",
            _coco([{"image_id": 0, "category_id": 3, "iscrowd": 1, "segmentation": {}}]),
            [("not_a_box", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco([], [{"id": 0, "file_name": "../../etc/passwd"}]),
            [
                ("label_without_picture", "annotations.json", "images[0]"),
                ("picture_without_label", "a.png", ""),
                ("picture_without_label", "街 b.png", ""),
            ],
        ),
        (
            "cvat",
            "annotations.xml",
            '<a><image name="a.png" width="120" height="80">\n<points label="sign" points="1,1"/>'
            '</image><image name="街 b.png"/><image name="z.png"/></a>',
            [("label_without_picture", "annotations.xml", "2"), ("not_a_box", "annotations.xml", "2")],
        ),
        (
            "cvat",
            "annotations.xml",
            '<a><image name="a.png"><box label="sign" xtl="1"/>\n<box xtl="1"/>\n'
            '<polygon label="sign" points="1,1;2,2"/></image><image name="街 b.png"/></a>',
            [
                ("malformed_box", "annotations.xml", "1"),
                ("malformed_box", "annotations.xml", "2"),
                ("malformed_box", "annotations.xml", "3"),
            ],
        ),
        (
            "voc",
            "annotations/a.xml",
            _voc(
                VOC_BOX.format("sign", 500, 8, 600, 40), f"<size><width>{'9' * 5000}</width><height>80</height></size>"
            ),
            [("off_picture", "a.xml", "4")],
        ),
        (
            "coco",
            "annotations.json",
            _coco(
                [{"image_id": 0, "category_id": 3, "bbox": [500, 8, 48, 32]}],
                [{"id": i, "file_name": name, "width": 10**400, "height": 80} for i, name in enumerate(NAMES)],
            ),
            [("off_picture", "annotations.json", "annotations[0]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco(
                [{"image_id": 0, "category_id": 3, "bbox": [12, 8, 48, 32]}],
                [{"id": i, "file_name": name} for i, name in enumerate([*NAMES, "other/a.png"])],
            ),
            [("same_name", "annotations.json", "images[2]")],
        ),
        (
            "coco",
            "annotations.json",
            _coco(
                [{"image_id": 0, "category_id": 3, "bbox": [12, 8, 48, 32]}],
                [{"id": 0, "file_name": name} for name in NAMES],
            ),
            [("same_name", "annotations.json", "images[1]")],
        ),
        (
            "coco",
            "annotations.json",
            json.dumps(
                {
                    "images": [{"id": i, "file_name": name} for i, name in enumerate(NAMES)],
                    "categories": [{"id": 3, "name": "sign"}, {"id": 3, "name": "door"}],
                }
            ),
            [("malformed_box", "annotations.json", "categories[1]")],
        ),
        (
            "cvat",
            "annotations.xml",
            f'<a><image name="a.png" width="{"9" * 400}" height="80">'
            '<box label="sign" xtl="500" ytl="8" xbr="600" ybr="40"/></image><image name="街 b.png"/></a>',
            [("off_picture", "annotations.xml", "1")],
        ),
        (
            "cvat",
            "annotations.xml",
            '<a><image name="x/a.png"><box label="sign" xtl="12" ytl="8" xbr="60" ybr="40"/></image>\n'
            '<image name="y/a.png"/><image name="街 b.png"/></a>',
            [("same_name", "annotations.xml", "2")],
        ),
        (
            "cvat",
            "annotations.xml",
            '<a><image name="a.png"><box label="sign" xtl="12" ytl="8" xbr="60" ybr="40" rotation="nan"/></image>'
            '<image name="街 b.png"/></a>',
            [("malformed_box", "annotations.xml", "1")],
        ),
        (
            "labelme",
            "labels/a.json",
            _labelme([_shape("sign", [[500, 8], [600, 40]])], imageWidth=10**400),
            [("off_picture", "a.json", "shapes[0]")],
        ),
        (
            "labelme",
            "labels/a.json",
            _labelme([{"label": "sign", "points": [[1, 1], [9, 9]], "shape_type": {}}]),
            [("malformed_box", "a.json", "shapes[0]")],
        ),
        (
            "labelme",
            "labels/b.json",
            _labelme([_shape("sign", [[1, 1], [9, 9]])], imagePath="x\\a.png"),
            [("same_name", "b.json", "")],
        ),
        ("labelme", "labels/a.json", "{", [("labels_unreadable", "a.json", "")]),
        ("labelme", "labels/a.json", "[]", [("labels_unreadable", "a.json", "")]),
        ("labelme", "labels/a.json", "[" * 100_000, [("labels_unreadable", "a.json", "")]),
        (
            "labelme",
            "labels/a.json",
            _labelme([_shape("sign", [[1, 1], [2, 2]], "line")]),
            [("not_a_box", "a.json", "shapes[0]")],
        ),
        ("labelme", "labels/a.json", _labelme([_shape("sign", [[1, 1]])]), [("malformed_box", "a.json", "shapes[0]")]),
        ("labelme", "labels/a.json", _labelme([_shape("sign", 7)]), [("malformed_box", "a.json", "shapes[0]")]),
        (
            "labelme",
            "labels/a.json",
            _labelme([_shape("", [[1, 1], [9, 9]])]),
            [("malformed_box", "a.json", "shapes[0]")],
        ),
        (
            "labelme",
            "labels/a.json",
            _labelme([_shape("sign", [[1, None], [9, 9]])]),
            [("malformed_box", "a.json", "shapes[0]")],
        ),
        (
            "labelme",
            "labels/a.json",
            _labelme([_shape("sign", [[1, float("nan")], [9, 9]])]),
            [("not_finite", "a.json", "shapes[0]")],
        ),
        (
            "labelme",
            "labels/a.json",
            _labelme([_shape("sign", [[500, 500], [600, 600]])]),
            [("off_picture", "a.json", "shapes[0]")],
        ),
        ("labelme", "labels/z.json", _labelme([], imagePath="z.png"), [("label_without_picture", "z.json", "")]),
    ],
)
def test_faults_are_told_with_their_place(
    tmp_path: Path, kind: str, file: str, text: str, problems: list[tuple[str, str, str]]
) -> None:
    root = write_source(tmp_path, "s", NAMES)
    _write(root, kind)
    (root / file).write_text(text, encoding="utf-8")
    spec = source("s", format=kind, labels={"sign": "signboard"}, classes=["sign", "door"] if kind != "coco" else [])
    reading = read_recipe(recipe(tmp_path, spec), tmp_path)
    assert told(reading.problems) == problems
    assert len(reading.samples) == 2, "faults of labels cost no picture"


@pytest.mark.parametrize("kind", ["coco", "cvat", "labelme"])
def test_a_picture_with_labels_in_two_places_counts_as_not_reviewed(tmp_path: Path, kind: str) -> None:
    root = write_source(tmp_path, "s", ["a.png"])
    box = '<box label="sign" xtl="12" ytl="8" xbr="60" ybr="40"/>'
    texts = {
        "coco": {
            "annotations.json": _coco(
                [{"image_id": 0, "category_id": 3, "bbox": [12, 8, 48, 32]}],
                [{"id": i, "file_name": f"{i}/a.png"} for i in range(2)],
            )
        },
        "cvat": {"annotations.xml": f'<a><image name="x/a.png">{box}</image><image name="y/a.png"/></a>'},
        "labelme": {f"labels/{i}.json": _labelme([], imagePath=f"{i}/a.png") for i in range(2)},
    }
    for file, text in texts[kind].items():
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    reading = read_recipe(recipe(tmp_path, source("s", format=kind, labels={"sign": "signboard"})), tmp_path)
    assert [(sample.reviewed, sample.boxes) for sample in reading.samples] == [(frozenset(), ())]
    assert "same_name" in {problem.kind for problem in reading.problems}


@pytest.mark.parametrize("kind", ["yolo", "voc", "labelme"])
@pytest.mark.parametrize("odd", ["pipe", "broken link", "folder"])
def test_a_label_file_that_is_no_file_is_reported(tmp_path: Path, kind: str, odd: str) -> None:
    root = write_source(tmp_path, "s", ["a.png"])
    path = root / {"yolo": "labels/a.txt", "voc": "annotations/a.xml", "labelme": "labels/a.json"}[kind]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    {"pipe": os.mkfifo, "broken link": lambda at: at.symlink_to("nowhere"), "folder": Path.mkdir}[odd](path)
    labels: dict[int | str, str] = {0: "signboard"} if kind == "yolo" else {"sign": "signboard"}
    reading = read_recipe(recipe(tmp_path, source("s", format=kind, labels=labels)), tmp_path)
    assert told(reading.problems) == [("labels_unreadable", path.name, "")]
    assert reading.samples[0].reviewed == frozenset()


@pytest.mark.parametrize("kind", ["coco", "cvat"])
def test_one_file_for_all_must_be_there(tmp_path: Path, kind: str) -> None:
    write_source(tmp_path, "s", NAMES)
    with pytest.raises(DatasetError, match=r"cannot read annotations\.(json|xml)"):
        read_recipe(recipe(tmp_path, source("s", format=kind, labels={"sign": "signboard"})), tmp_path)


def test_a_rotated_cvat_box_is_the_box_around_it(tmp_path: Path) -> None:
    root = write_source(tmp_path, "s", ["a.png"])
    box = '<box label="sign" xtl="40" ytl="30" xbr="80" ybr="50" rotation="90"/>'
    (root / "annotations.xml").write_text(f'<a><image name="a.png" width="120" height="80">{box}</image></a>', "utf-8")
    reading = read_recipe(recipe(tmp_path, source("s", format="cvat", labels={"sign": "signboard"})), tmp_path)
    (found,) = reading.samples[0].boxes
    assert (found.cx * 120, found.cy * 80, found.w * 120, found.h * 80) == pytest.approx((60, 40, 20, 40))


def test_a_labelme_circle_is_the_box_around_it(tmp_path: Path) -> None:
    root = write_source(tmp_path, "s", ["a.png"])
    (root / "labels").mkdir()
    (root / "labels" / "a.json").write_text(_labelme([_shape("sign", [[60, 40], [60, 50]], "circle")]), "utf-8")
    reading = read_recipe(recipe(tmp_path, source("s", format="labelme", labels={"sign": "signboard"})), tmp_path)
    (found,) = reading.samples[0].boxes
    assert (found.w * 120, found.h * 80) == pytest.approx((20, 20))


def test_labels_may_lie_elsewhere(tmp_path: Path) -> None:
    """LabelMe writes beside the pictures; the recipe says so."""
    root = write_source(tmp_path, "s", ["a.png"])
    (root / "images" / "a.json").write_text(_labelme([_shape("sign", [[12, 8], [60, 40]])]), "utf-8")
    spec = source("s", format="labelme", annotations="images", labels={"sign": "signboard"})
    reading = read_recipe(recipe(tmp_path, spec), tmp_path)
    assert reading.problems == ()
    assert len(reading.samples[0].boxes) == 1


def test_deep_and_large_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.xml").write_text("<a>" * 40 + "</a>" * 40, "utf-8")
    with pytest.raises(DatasetError, match="nested too deeply"):
        read_xml(tmp_path / "deep.xml", 10_000)
    with pytest.raises(DatasetError, match="more than 10 bytes"):
        read_xml(tmp_path / "deep.xml", 10)
    (tmp_path / "a.json").write_text("7", "utf-8")
    with pytest.raises(DatasetError, match="no JSON object"):
        read_json(tmp_path / "a.json", 10)
    with pytest.raises(DatasetError, match="cannot read none"):
        read_text(tmp_path / "none", 10)
