from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detector.model.bundle import load_bundle
from models.errors import DatasetError, TrainExtraMissing
from models.measure import plotting
from models.measure.curves import draw_curves
from models.measure.detect import Matches, measuring_detector
from models.measure.failures import MAX_BYTES, MAX_TILES, draw_failures, worst
from models.measure.pictures import clear_pictures, draw_pictures
from models.measure.training_curves import draw_training
from tests.models.measure.pictures import matches, picture
from tests.models.networks import draw_picture

RESULTS = (
    "epoch,train/box_loss,train/cls_loss,val/box_loss,val/cls_loss,metrics/mAP50(B),metrics/mAP50-95(B)\n"
    "1,2,3,2,3,0.1,0.05\n2,1,2,1,2,0.4,0.2\n"
)


@pytest.fixture
def street(tmp_path: Path) -> Matches:
    """Ten pictures; every third has a wrong box, every second a missed one."""
    pictures = []
    for number in range(10):
        path = tmp_path / "data" / f"{number}.png"
        draw_picture(path, number)
        found = [(0.9 - number / 100, number % 3 > 0)]
        pictures.append(picture(f"p{number}", found, 1 + (number % 2), path))
    return matches(*pictures)


def test_worst_of_each_kind_one_per_picture(street: Matches) -> None:
    failures = worst(street, 0.5)
    assert [(f.kind, f.picture.place) for f in failures if f.kind == "wrong"] == [
        ("wrong", "p0"), ("wrong", "p3"), ("wrong", "p6"), ("wrong", "p9"),
    ]  # fmt: skip
    assert len(failures) <= MAX_TILES
    assert worst(street, 0.89, most=3) != failures


def test_a_threshold_above_everything_leaves_misses(street: Matches) -> None:
    assert {failure.kind for failure in worst(street, 0.99)} == {"missed"}
    assert len(worst(street, 0.99)) == 10


def test_sheet_is_small_and_holds_every_tile(street: Matches, tmp_path: Path) -> None:
    failures = worst(street, 0.5)
    draw_failures(failures, None, tmp_path / "sheet.jpg")
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    rows = -(-len(failures) // 4)
    assert sheet is not None
    assert sheet.shape == (220 * rows, 880, 3)
    assert (tmp_path / "sheet.jpg").stat().st_size <= MAX_BYTES


def test_people_and_vehicles_are_blurred(zoo_street: Path, bikes_clip: Path, tmp_path: Path) -> None:
    """A frame with a stopped cyclist and a parked motorcycle, as the background of a mistake somewhere else."""
    with av.open(str(bikes_clip)) as clip:
        frame = next(f for number, f in enumerate(clip.decode(video=0)) if number == 124).to_ndarray(format="bgr24")
    path = tmp_path / "frame.png"
    cv2.imwrite(str(path), frame)
    people = measuring_detector(load_bundle(zoo_street))
    found = people.detect(frame)
    at = picture("p", [(0.9, False)], 0, path)
    at.found_xyxy[:] = [0, 0, frame.shape[1], frame.shape[0]]  # the tile then shows the whole frame
    for name, detector in (("plain", None), ("blurred", people)):
        draw_failures(worst(matches(at), 0.5), detector, tmp_path / f"{name}.jpg")
    plain, blurred = (cv2.imread(str(tmp_path / f"{name}.jpg")) for name in ("plain", "blurred"))
    assert plain is not None
    assert blurred is not None
    changed = np.abs(plain.astype(int) - blurred.astype(int)).mean(axis=2)[:200, :220] > 12
    scale = 220 / frame.shape[1]
    for cue in ("person", "motorcycle"):
        left, top, right, bottom = (found.xyxy[found.cue == people.cue_names.index(cue)][0] * scale).astype(int)
        head_or_all = changed[top : top + max(1, (bottom - top) // (5 if cue == "person" else 1)), left:right]
        assert head_or_all.mean() > 0.3, cue
    assert changed.mean() < 0.6


def test_everything_is_drawn_and_cleared(street: Matches, tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    results.write_text(RESULTS, encoding="utf-8")
    folder = tmp_path / "bundle"
    hidden = matches(*street.pictures, cue="stall", source="private")
    names = draw_pictures(
        folder, [street, hidden], {"signboard": 0.5, "stall": 0.5},
        may_show=lambda source: source == "s", people=None, results=results,
    )  # fmt: skip
    # Pictures of a source that must not be published are on no sheet; its curve is only numbers.
    assert names == ["curves-signboard.png", "failures-signboard.jpg", "curves-stall.png", "training.png"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    (folder / "model.onnx").touch()
    clear_pictures(folder)
    assert [path.name for path in folder.iterdir()] == ["model.onnx"]


def test_curves_are_the_same_bytes_every_time(street: Matches, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_curves([street], 0.5, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image is not None
    assert image.shape == (380, 900, 3)


def test_names_are_drawn_with_the_fonts_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotting, "chinese_font", lambda: None)
    assert plotting.label("召回", "recall") == "recall"
    assert plotting.plain("街景") == "\\u8857\\u666f"
    monkeypatch.setattr(plotting, "chinese_font", lambda: "A Font")
    assert plotting.label("召回", "recall") == "召回 · recall"
    assert plotting.plain("街景") == "街景"


def test_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch, street: Matches, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainExtraMissing, match=r"pip install 'kerbwatch\[train\]'"):
        draw_curves([street], 0.5, tmp_path / "a.png")


def test_an_epoch_that_a_kill_cut_short_counts_once(tmp_path: Path) -> None:
    header, first, second = RESULTS.splitlines()
    cut_short = second.replace("0.4,0.2", "0.0,0.0")
    for name, rows in (("whole", [first, second]), ("resumed", [first, cut_short, second])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        draw_training(tmp_path / f"{name}.csv", tmp_path / f"{name}.png")
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "resumed.png").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the training record"),
        ("epoch,loss\n1,2\n", "has no column 'train/box_loss'"),
        (RESULTS.splitlines()[0] + "\n", "or no epoch"),
    ],
)
def test_training_records_that_cannot_be_drawn(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "results.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        draw_training(path, tmp_path / "training.png")
