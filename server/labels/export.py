"""Writes a YOLO data set of what people reviewed: pictures, cue labels, the cues reviewed per picture, provenance.

What a decision becomes:

=====================  =====================================================================================
confirmed              a positive with the cue and the box as the reviewer left them
object_but_allowed     stays a positive: a permitted stall is still a stall
not_the_object         no box, and the cue counts as reviewed on the picture: a hard negative
a box nobody judged    no label, and its cue does not count as reviewed on the picture: training must mask it
=====================  =====================================================================================

Only blurred full stills leave the service. The same database always gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from detector.errors import InputError, SealError
from detector.vocabulary import vocabulary
from server.db.engine import Database
from server.labels import split
from server.labels.gather import Judged, Labelled, gather
from server.storage import EvidenceStore

_SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png"}
_PROVENANCE = (
    "image",
    "place",
    "split",
    "report_id",
    "case_id",
    "device",
    "captured_at",
    "kind",
    "model_cue",
    "cue",
    "verdict",
    "reason_family",
    "reason",
    "box_origin",
    "reviewer",
    "decided_at",
    "model_sha256",
    "blur_method",
    "sha256",
)
_README = """\
# Reviewed labels of a Kerbwatch service

A YOLO data set: `images/`, `labels/` (class cx cy w h, normalised), `data.yaml`, `train.txt`, `val.txt`.
{pictures} pictures, {boxes} boxes, {places} places; pictures of one place are all on one side of the split.{one_place}

- `reviewed_cues.csv`: image, cues (space-separated). Only for these cues does a picture without a box mean "none
  there". Every other cue is unknown on that picture: mask it in training, or let a teacher fill it in.
- `provenance.csv`: one line per judged box, also the hard negatives (`not_the_object`), which `labels/` does not have.
- A rejected case of the family `object_but_allowed` is a positive: the thing is there, the law permits it.
- Every picture is a blurred copy; its SHA-256 is the one its sealed report names.

Train with `kerbwatch models train --data .`, or with any trainer that reads YOLO and honours `reviewed_cues.csv`.
"""

_ONE_PLACE = "\nAll pictures show one place, so `val.txt` repeats `train.txt` and measures nothing."


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    pictures: int
    boxes: int
    hard_negatives: int
    places: int
    validation: int
    skipped_unblurred: int
    skipped_waiting: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pictures are taken.

    Attributes:
        only_reviewed: leave out pictures on which some box still waits for a person, so that a trainer that cannot
            mask cues may use the set; fewer pictures, no doubt.
        skip_unblurred: leave unblurred pictures out and count them, instead of refusing the export.
    """

    only_reviewed: bool = False
    skip_unblurred: bool = False


def export(database: Database, evidence: EvidenceStore, out: Path, choice: Choice | None = None) -> Exported:
    """Writes the data set to `out`, which appears whole or not at all.

    Raises:
        InputError: `out` holds something; nothing was reviewed; a reviewed picture is not blurred.
        SealError: a stored picture is not the one its report sealed.
    """
    choice = choice or Choice()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not empty: name a new folder, an export never overwrites one")
    with database.read() as session:
        found = gather(session)
    blurred = [picture for picture in found if picture.blurred]
    if len(blurred) < len(found) and not choice.skip_unblurred:
        raise InputError(_unblurred([picture for picture in found if not picture.blurred]))
    taken = [picture for picture in blurred if not (choice.only_reviewed and picture.waiting)]
    if not taken:
        raise InputError(
            f"no picture to export ({len(found)} reviewed, {len(found) - len(blurred)} not blurred): "
            "confirm or reject cases on the review pages first"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        folder = Path(scratch) / "export"
        result = _write(taken, evidence, folder)
        folder.replace(out)
    return Exported(
        **result,
        skipped_unblurred=len(found) - len(blurred),
        skipped_waiting=len(blurred) - len(taken),
    )


def _write(pictures: Sequence[Labelled], evidence: EvidenceStore, folder: Path) -> dict[str, int]:
    names = _class_names(pictures)
    place_of = split.places({picture.sha256: picture.places for picture in pictures})
    held_back = split.validation_places(place_of.values())
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for picture in pictures:
        (folder / "images" / _file(picture)).write_bytes(_bytes(evidence, picture))
        (folder / "labels" / _file(picture)).with_suffix(".txt").write_text(_label_lines(picture, names))
    validation = [picture for picture in pictures if place_of[picture.sha256] in held_back]
    training = [picture for picture in pictures if place_of[picture.sha256] not in held_back]
    _lines(folder / "train.txt", (f"./images/{_file(picture)}" for picture in training))
    # One place cannot be on two sides: trainers want a validation list all the same, and the README says so.
    _lines(folder / "val.txt", (f"./images/{_file(picture)}" for picture in validation or training))
    data = {"train": "train.txt", "val": "val.txt", "names": dict(enumerate(names))}
    (folder / "data.yaml").write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    _table(
        folder / "reviewed_cues.csv",
        ("image", "cues"),
        ((_file(picture), " ".join(picture.reviewed)) for picture in pictures),
    )
    _table(
        folder / "provenance.csv",
        _PROVENANCE,
        (
            _provenance(picture, box, place_of[picture.sha256], held_back)
            for picture in pictures
            for box in picture.judged
        ),
    )
    counts = {
        "pictures": len(pictures),
        "boxes": sum(len(picture.positives) for picture in pictures),
        "places": len(set(place_of.values())),
    }
    one_place = (
        "" if validation else "\nAll pictures show one place, so `val.txt` repeats `train.txt` and measures nothing."
    )
    (folder / "README.md").write_text(_README.format(**counts, one_place=one_place), encoding="utf-8")
    hard_negatives = sum(not box.positive for picture in pictures for box in picture.judged)
    return {**counts, "hard_negatives": hard_negatives, "validation": len(validation)}


def _class_names(pictures: Iterable[Labelled]) -> list[str]:
    """The cues that occur, positive or reviewed, in the order of the vocabulary."""
    seen = {cue for picture in pictures for box in picture.judged for cue in (box.cue, box.model_cue)}
    order = list(vocabulary().cues)
    return sorted(seen, key=lambda cue: (order.index(cue) if cue in order else len(order), cue))


def _label_lines(picture: Labelled, names: Sequence[str]) -> str:
    lines: list[str] = []
    for cue, (left, top, right, bottom) in picture.positives:
        centre_x, centre_y = (left + right) / 2 / picture.width_px, (top + bottom) / 2 / picture.height_px
        width, height = (right - left) / picture.width_px, (bottom - top) / picture.height_px
        lines.append(f"{names.index(cue)} {centre_x:.6f} {centre_y:.6f} {width:.6f} {height:.6f}\n")
    return "".join(lines)


def _bytes(evidence: EvidenceStore, picture: Labelled) -> bytes:
    data = evidence.read(picture.sha256)
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        raise SealError(f"evidence {picture.sha256} was changed after it was sealed: it is no label; check the store")
    return data


def _unblurred(pictures: Sequence[Labelled]) -> str:
    first = pictures[0]
    return (
        f"evidence {first.sha256[:12]} of case {first.judged[0].case_id} is not blurred"
        f"{f' (and {len(pictures) - 1} more)' if len(pictures) > 1 else ''}: faces must not reach training. "
        "Patrol again with blurring on (the default), or leave such pictures out with --skip-unblurred"
    )


def _provenance(picture: Labelled, box: Judged, place: str, held_back: set[str]) -> tuple[object, ...]:
    return (
        _file(picture),
        place[:16],
        "val" if place in held_back else "train",
        box.report_id,
        box.case_id,
        picture.device_id,
        picture.captured_at.isoformat(),
        box.kind,
        box.model_cue,
        box.cue,
        box.verdict.value,
        box.reason_family,
        box.reason,
        box.origin,
        box.reviewer,
        box.decided_at.isoformat(),
        picture.model_sha256,
        picture.blur_method,
        picture.sha256,
    )


def _file(picture: Labelled) -> str:
    return picture.sha256[:16] + _SUFFIX[picture.media_type]


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
