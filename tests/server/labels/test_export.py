"""From decisions to labels: what each click becomes, and what never leaves the service."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import delete, select
from typer.testing import CliRunner

from detector.errors import InputError, SealError
from server.db.tables import LabelBox
from server.labels.cli import app
from server.labels.export import Choice, Exported, export
from tests.server import street
from tests.server.inprocess import Service, in_process

PERSON = (20.0, 40.0, 120.0, 260.0)
CAR = (150.0, 10.0, 250.0, 90.0)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, bikes_clip: Path) -> Iterator[Service]:
    with in_process(tmp_path_factory.mktemp("live") / "server", bikes_clip) as service:
        yield service


@pytest.fixture
def service(running: Service) -> Service:
    """The running service with no decision of another test left to export."""
    with running.services.database.write() as session:
        session.execute(delete(LabelBox))
    return running


@pytest.fixture
def exported(service: Service, tmp_path: Path) -> Callable[..., tuple[Path, Exported]]:
    def run(name: str = "labels", **choice: bool) -> tuple[Path, Exported]:
        out = tmp_path / name
        return out, export(service.services.database, service.services.evidence, out, Choice(**choice))

    return run


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _of_case(out: Path, case: int) -> tuple[str, str, dict[str, str]]:
    """Label lines, reviewed cues and provenance of a case's picture."""
    provenance = next(row for row in _rows(out / "provenance.csv") if row["case_id"] == str(case))
    reviewed = {row["image"]: row["cues"] for row in _rows(out / "reviewed_cues.csv")}
    labels = (out / "labels" / provenance["image"]).with_suffix(".txt").read_text()
    return labels, reviewed[provenance["image"]], provenance


def _yolo(xyxy: tuple[float, float, float, float], width_px: int = 640, height_px: int = 272) -> str:
    left, top, right, bottom = xyxy
    return (
        f"{(left + right) / 2 / width_px:.6f} {(top + bottom) / 2 / height_px:.6f} "
        f"{(right - left) / width_px:.6f} {(bottom - top) / height_px:.6f}"
    )


def test_confirmed_is_a_positive_with_its_provenance(
    service: Service, exported: Callable[..., tuple[Path, Exported]]
) -> None:
    case = service.new_case()
    service.act(case, "confirm")
    out, done = exported()
    labels, reviewed, provenance = _of_case(out, case)
    assert labels == f"0 {_yolo(street.WALL_BICYCLE)}\n"
    assert reviewed == "bicycle"
    assert provenance["verdict"] == "violation"
    assert provenance["box_origin"] == "model"
    assert provenance["device"] == service.device.key.device_id
    assert provenance["captured_at"].startswith("2026-05-17T00:")
    assert "reviewer" not in provenance["reviewer"]
    image = (out / "images" / provenance["image"]).read_bytes()
    assert hashlib.sha256(image).hexdigest() == provenance["sha256"]
    assert (done.pictures, done.boxes, done.hard_negatives, done.places) == (1, 1, 0, 1)


def test_object_but_allowed_stays_a_positive(service: Service, exported: Callable[..., tuple[Path, Exported]]) -> None:
    case = service.new_case()
    service.act(case, "reject", choice="object_but_allowed:bike_in_bay")
    labels, reviewed, provenance = _of_case(exported()[0], case)
    assert labels == f"0 {_yolo(street.WALL_BICYCLE)}\n"
    assert reviewed == "bicycle"
    assert (provenance["verdict"], provenance["reason_family"], provenance["reason"]) == (
        "allowed",
        "object_but_allowed",
        "bike_in_bay",
    )


@pytest.mark.parametrize("xyxy", [(-50.0, -50.0, -10.0, -10.0), (700.0, 10.0, 900.0, 50.0), (1.0, 271.5, 9.0, 1e308)])
def test_a_box_beside_its_picture_is_no_label(
    service: Service, exported: Callable[..., tuple[Path, Exported]], xyxy: tuple[float, float, float, float]
) -> None:
    service.act(service.new_case(), "confirm")
    with service.services.database.write() as session:
        for label in session.scalars(select(LabelBox)):
            label.left_px, label.top_px, label.right_px, label.bottom_px = xyxy
    with pytest.raises(InputError, match=r"no picture to export \(0 reviewed"):
        exported()


def test_not_the_object_is_a_hard_negative(service: Service, exported: Callable[..., tuple[Path, Exported]]) -> None:
    case = service.new_case()
    service.act(case, "reject", choice="not_the_object:shadow_or_reflection")
    out, done = exported()
    labels, reviewed, provenance = _of_case(out, case)
    assert labels == ""
    assert reviewed == "bicycle"
    assert provenance["verdict"] == "not_the_object"
    assert done.hard_negatives == 1
    assert yaml.safe_load((out / "data.yaml").read_text())["names"] == {0: "bicycle"}


def test_a_changed_cue_and_a_redrawn_box_are_what_is_learned(
    service: Service, exported: Callable[..., tuple[Path, Exported]]
) -> None:
    case = service.new_case()
    service.act(case, "cue", cue="tricycle")
    page = service.page(f"/cases/{case}")
    fields = {name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("report_id", "sha256")}
    edges = {"left": "100.0", "top": "50.0", "right": "228.0", "bottom": "186.0"}
    service.act(case, "box", version=2, box="0", **fields, **edges)
    service.act(case, "confirm", version=3)
    out, _ = exported()
    labels, reviewed, provenance = _of_case(out, case)
    names = yaml.safe_load((out / "data.yaml").read_text())["names"]
    assert names == {0: "bicycle", 1: "tricycle"}
    assert labels == f"1 {_yolo((100.0, 50.0, 228.0, 186.0))}\n"
    assert reviewed == "bicycle tricycle"  # it is a tricycle, and so it is no bicycle
    assert (provenance["model_cue"], provenance["cue"], provenance["box_origin"]) == ("bicycle", "tricycle", "reviewer")


def test_boxes_that_nobody_judged_are_no_labels_and_their_cues_are_unknown(
    service: Service, exported: Callable[..., tuple[Path, Exported]]
) -> None:
    case = service.new_case(others=(("person", PERSON), ("bicycle", CAR)))
    service.act(case, "confirm")
    out, _ = exported()
    labels, reviewed, _ = _of_case(out, case)
    assert labels.count("\n") == 1
    assert reviewed == ""  # a second bicycle waits, so a bicycle missing here means nothing


def test_a_box_judged_through_another_report_of_the_same_picture_counts(
    service: Service, exported: Callable[..., tuple[Path, Exported]]
) -> None:
    one = service.new_case(quality=40, others=(("bicycle", CAR),))
    other = service.new_case(quality=40, box=CAR, others=(("bicycle", street.WALL_BICYCLE),))
    service.act(one, "confirm")
    service.act(other, "reject", choice="not_the_object:other_object")
    out, done = exported()
    labels, reviewed, _ = _of_case(out, one)
    assert labels == f"0 {_yolo(street.WALL_BICYCLE)}\n"
    assert reviewed == "bicycle"
    assert (done.pictures, done.places) == (1, 1)


def test_what_waits_or_was_undone_is_not_exported(
    service: Service, exported: Callable[..., tuple[Path, Exported]]
) -> None:
    service.new_case()
    undone = service.new_case()
    service.act(undone, "confirm")
    service.act(undone, "undo", version=2)
    with pytest.raises(InputError, match=r"no picture to export.*confirm or reject cases"):
        exported()


def test_only_reviewed_leaves_out_pictures_with_a_waiting_box(
    service: Service, exported: Callable[..., tuple[Path, Exported]]
) -> None:
    doubtful, clear = service.new_case(others=(("person", PERSON),)), service.new_case()
    service.act(doubtful, "confirm")
    service.act(clear, "confirm")
    out, done = exported(only_reviewed=True)
    assert [row["case_id"] for row in _rows(out / "provenance.csv")] == [str(clear)]
    assert (done.pictures, done.skipped_waiting) == (1, 1)


def test_an_unblurred_picture_is_refused_by_name_and_can_be_left_out(
    service: Service, exported: Callable[..., tuple[Path, Exported]], tmp_path: Path
) -> None:
    bare, blurred = service.new_case(blurred=False), service.new_case()
    service.act(bare, "confirm")
    service.act(blurred, "confirm")
    with pytest.raises(InputError, match=rf"evidence [0-9a-f]{{12}} of case {bare} is not blurred.*--skip-unblurred"):
        exported()
    assert not (tmp_path / "labels").exists()
    out, done = exported(skip_unblurred=True)
    assert [row["case_id"] for row in _rows(out / "provenance.csv")] == [str(blurred)]
    assert done.skipped_unblurred == 1


def test_the_same_data_gives_the_same_bytes(service: Service, exported: Callable[..., tuple[Path, Exported]]) -> None:
    for _ in range(3):
        service.act(service.new_case(), "confirm")
    first, second = exported("one")[0], exported("two")[0]
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_a_camera_that_stands_is_one_place(service: Service, exported: Callable[..., tuple[Path, Exported]]) -> None:
    for _ in range(2):
        service.act(service.new_case(), "confirm")  # two cases, 900 m apart on the map, one camera
    out, done = exported()
    assert (done.places, done.validation) == (1, 0)
    assert (out / "val.txt").read_text() == (out / "train.txt").read_text()
    assert "measures nothing" in (out / "README.md").read_text()


def test_a_target_that_holds_something_is_not_touched(
    service: Service, exported: Callable[..., tuple[Path, Exported]], tmp_path: Path
) -> None:
    service.act(service.new_case(), "confirm")
    (tmp_path / "labels").mkdir()
    exported()  # an empty folder is fine
    with pytest.raises(InputError, match="labels is not empty: name a new folder"):
        exported()


def test_a_picture_changed_in_the_store_stops_the_export(
    service: Service, exported: Callable[..., tuple[Path, Exported]], tmp_path: Path
) -> None:
    service.act(service.new_case(), "confirm")
    for path in service.services.evidence.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(SealError, match="was changed after it was sealed"):
        exported()
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_wrote(service: Service, tmp_path: Path) -> None:
    service.act(service.new_case(), "confirm")
    data = service.services.settings.data
    done = CliRunner().invoke(app, ["export", "--data", str(data), "--out", str(tmp_path / "set")])
    assert done.exit_code == 0, done.output
    assert "1 pictures, 1 boxes, 0 hard negatives, 1 places" in done.output
    assert (tmp_path / "set" / "data.yaml").is_file()


def test_the_command_names_a_target_that_cannot_be_made(service: Service, tmp_path: Path) -> None:
    service.act(service.new_case(), "confirm")
    (tmp_path / "file").write_text("")
    arguments = ["export", "--data", str(service.services.settings.data), "--out", str(tmp_path / "file" / "x")]
    with pytest.raises(InputError, match=r"file cannot be used: (File exists|Not a directory)"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_command_names_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "kerbwatch.sqlite").write_bytes(b"no database" * 1000)
    arguments = ["export", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(InputError, match=r"kerbwatch\.sqlite cannot be used: file is not a database"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_command_needs_a_servers_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "--data", str(tmp_path), "--out", str(tmp_path / "set")])
    assert isinstance(done.exception, InputError)
    assert "holds no kerbwatch.sqlite: give the folder that `kerbwatch serve` writes" in str(done.exception)
