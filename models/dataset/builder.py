"""Writes a data set: pictures, labels by row of the start weights, and a manifest of where each box is from.

The result is a YOLO data set that can be moved: ``data.yaml`` names no folder but its own. It is built beside its place
and moved there when it is whole; what stands there is never changed, only replaced, and only when asked.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from models.dataset.coco_names import COCO_80
from models.dataset.manifest import MANIFEST, Entry, Teaching, build_key, damage, key_of, manifest_text, read_back
from models.dataset.picture import upright
from models.dataset.problems import Problem, write_problems
from models.dataset.sample import SPLITS, BuiltDataset, Sample
from models.errors import DatasetError
from models.label_box import LabelBox
from models.pseudo_labels import load_network, teacher_boxes
from models.recipe import TeacherSpec
from models.slots import assign_slots, spare_rows, taught_cues

SAME_THING_IOU = 0.5
"""A teacher's box that covers a hand-drawn one of its cue this much is the same thing."""


def build(
    samples: Sequence[Sample],
    cues: Sequence[str],
    *,
    out: Path,
    weights: Path | None,
    teacher: TeacherSpec,
    problems: Sequence[Problem] = (),
    replace_other: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> BuiltDataset:
    """Write the data set to ``out``, letting the teacher fill in the cues that were not reviewed.

    Building again with the same pictures, labels, weights and teacher settings only reads the manifest back.

    Args:
        samples: Pictures with their hand labels.
        cues: The cues to learn.
        out: Folder to fill.
        weights: The start weights, which are the teacher too. None where no teacher is needed: the rows of the labels
            are then COCO's, and torch is not loaded.
        teacher: Its settings.
        problems: What was wrong with the data, for ``problems.csv``.
        replace_other: Replace another data set that stands in ``out``; a folder that is no data set is never touched.
        on_progress: Called with (pictures done, pictures in all).

    Raises:
        DatasetError: no training picture, two pictures with the same name, ``out`` holds something else, or a cue
            needs a teacher and there are no weights.
        CheckpointError: the weights cannot be read.
    """
    _check_samples(samples)
    names = dict(enumerate(COCO_80)) if weights is None else dict(load_network(weights).names)
    slots = assign_slots(cues, names)
    taught = taught_cues(cues, names)
    to_teach = [sample for sample in samples if set(taught.values()) - sample.reviewed]
    teaching = _teaching(to_teach, taught.values(), weights, teacher)
    sha256 = {sample.image: hashlib.sha256(sample.image.read_bytes()).hexdigest() for sample in samples}
    key = build_key([(sample, sha256[sample.image]) for sample in samples], slots, names, teaching)
    if key_of(out) == key and not damage(out):
        write_problems(problems, out / "problems.csv")
        return read_back(out)
    _check_out(out, same=key_of(out) == key, replace_other=replace_other)
    filled = [sample for sample in samples if not set(taught.values()) - sample.reviewed]
    if weights is not None and to_teach:
        by_image = {sample.image: sample for sample in to_teach}
        for image, boxes in teacher_boxes(list(by_image), weights, taught, teacher):
            sample = by_image[image]
            extra = [b for b in boxes if b.cue not in sample.reviewed and not drawn_already(b, sample.boxes)]
            filled.append(replace(sample, boxes=sample.boxes + tuple(extra)))
            on_progress(len(filled), len(samples))
    entries = [Entry(s, sha256[s.image], _label_text(s, slots, names)) for s in sorted(filled, key=lambda s: s.name)]
    _write(entries, slots, names, out, manifest_text(entries, slots, names, key=key, teaching=teaching), problems)
    return read_back(out)


def drawn_already(box: LabelBox, drawn: Sequence[LabelBox]) -> bool:
    """Whether a person drew this thing: one confirmed bike of a row leaves its cue unreviewed, yet it is one bike."""
    same = [other for other in drawn if other.cue == box.cue]
    return bool(same) and bool(iou_matrix(_xyxy([box]), _xyxy(same)).max() >= SAME_THING_IOU)


def _xyxy(boxes: Sequence[LabelBox]) -> NDArray[np.float32]:
    return np.array([(b.cx - b.w / 2, b.cy - b.h / 2, b.cx + b.w / 2, b.cy + b.h / 2) for b in boxes], np.float32)


def _check_samples(samples: Sequence[Sample]) -> None:
    if not any(sample.split == "train" for sample in samples):
        raise DatasetError("no picture is left to train on")
    twice = [stem for stem, count in Counter(sample.stem for sample in samples).items() if count > 1]
    if twice:
        raise DatasetError(f"two pictures are called {twice[0]!r}: names must be unique over all sources")


def _teaching(
    to_teach: Sequence[Sample], taught: Iterable[str], weights: Path | None, teacher: TeacherSpec
) -> Teaching | None:
    if not to_teach:
        return None
    if weights is None:
        cue = min(set(taught) - to_teach[0].reviewed)
        raise DatasetError(
            f"nobody looked for {cue!r} in {to_teach[0].name} and {len(to_teach) - 1} more pictures: "
            "give --weights, so that the start weights fill it in"
        )
    return Teaching(hashlib.sha256(weights.read_bytes()).hexdigest(), teacher)


def _check_out(out: Path, *, same: bool, replace_other: bool) -> None:
    """Refuse to write over anything but a data set of ours, and over another data set unless asked."""
    if not out.exists() or same:
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).is_file()):
        raise DatasetError(f"{out} holds something that is no data set: give another folder")
    if any(out.iterdir()) and not replace_other:
        raise DatasetError(
            f"{out} holds another data set: give another folder, or replace it with "
            "`kerbwatch models build-dataset RECIPE --replace`"
        )


def _label_text(sample: Sample, slots: Mapping[str, int], names: Mapping[int, str]) -> str:
    """The YOLO lines of a picture; cues that nobody looked for are marked in training pictures (`reviewed_loss`)."""
    boxes = [box for box in sample.boxes if box.cue in slots]
    lines = [f"{slots[b.cue]} {b.cx:.6f} {b.cy:.6f} {b.w:.6f} {b.h:.6f}\n" for b in boxes]
    if sample.split == "train":
        marks = spare_rows(slots, names)
        unknown = set(slots) - sample.reviewed - set(taught_cues(list(slots), names).values())
        lines += [f"{marks[slots[cue]]} 0.5 0.5 1 1\n" for cue in sorted(unknown)]
    return "".join(lines)


def _write(
    entries: Sequence[Entry],
    slots: Mapping[str, int],
    names: Mapping[int, str],
    out: Path,
    manifest: str,
    problems: Sequence[Problem],
) -> None:
    partial, old = out.with_name(f"{out.name}.partial"), out.with_name(f"{out.name}.old")
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        for kind in ("images", "labels"):
            for split in SPLITS:
                (partial / kind / split).mkdir(parents=True)
    except OSError as error:
        raise DatasetError(f"cannot write the data set beside {out}: {error.strerror}") from error
    for entry in entries:
        sample = entry.sample
        image = partial / "images" / sample.split / sample.name
        if sample.orientation == 1:
            shutil.copyfile(sample.image, image)
        else:
            image.write_bytes(upright(sample.image, sample.orientation))
        (partial / "labels" / sample.split / f"{sample.stem}.txt").write_text(entry.label, encoding="ascii")
    _write_boxes_csv([entry.sample for entry in entries], partial / "boxes.csv")
    write_problems(problems, partial / "problems.csv")
    (partial / "data.yaml").write_text(_data_yaml(entries, names), encoding="utf-8")
    (partial / MANIFEST).write_text(manifest, encoding="utf-8")
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _data_yaml(entries: Sequence[Entry], names: Mapping[int, str]) -> str:
    # Without held-out places (a small export) the trainer's own check runs on the training pictures; the card then
    # carries no metrics. Without a `path` the trainer looks beside this file, so that the folder can be moved.
    val = "images/val" if any(entry.sample.split == "val" for entry in entries) else "images/train"
    # The names stay the start weights' own: the trainer re-deals rows when it meets a name it does not know.
    content = {"train": "images/train", "val": val, "test": "images/test", "names": dict(names)}
    return yaml.safe_dump(content, sort_keys=False)


def _write_boxes_csv(samples: Sequence[Sample], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        columns = ["image", "split", "source", "place", "cue", "cx", "cy", "w", "h", "origin", "confidence", "how"]
        writer.writerow(columns)
        for sample in samples:
            for box in sample.boxes:
                xywh = [f"{value:.6f}" for value in (box.cx, box.cy, box.w, box.h)]
                row = [sample.name, sample.split, sample.source, sample.place, box.cue]
                writer.writerow([*row, *xywh, box.origin, f"{box.confidence:.4f}", box.how])
