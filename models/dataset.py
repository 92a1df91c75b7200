"""Builds the data set of a run: pictures, labels by row of the start weights, and a manifest of where each box is from.

Two ways in, one way out: a recipe over source folders, or the folder that ``kerbwatch label export`` wrote. The result
is a YOLO data set with ``data.yaml``, ``manifest.json`` (what a run record hashes) and ``boxes.csv`` (origin and
confidence of every box).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from models.errors import DatasetError
from models.pseudo_labels import LabelBox, load_network, teacher_boxes
from models.recipe import Recipe, SourceSpec, TeacherSpec
from models.slots import assign_slots, spare_rows, taught_cues

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
SPLITS = ("train", "val", "test")
SAME_THING_IOU = 0.5
"""A teacher's box that covers a hand-drawn one of its cue this much is the same thing."""


@dataclass(frozen=True)
class Sample:
    """One picture of a data set.

    ``place`` decides the split; ``reviewed`` are the cues whose boxes people drew (or confirmed absent) in it: a cue
    not reviewed is the teacher's to fill in.
    """

    image: Path
    source: str
    place: str
    split: str
    reviewed: frozenset[str]
    boxes: tuple[LabelBox, ...] = ()


@dataclass(frozen=True)
class BuiltDataset:
    """A data set on disk. ``slots`` maps each cue to its row of the 80-row head."""

    folder: Path
    slots: Mapping[str, int]
    names: Mapping[int, str]
    samples: tuple[Sample, ...] = field(repr=False)
    manifest_sha256: str

    @property
    def unreviewed_rows(self) -> dict[int, int]:
        """Row by row of a cue in which a label over the whole picture says that nobody looked for it."""
        return spare_rows(self.slots, self.names)

    @property
    def data_yaml(self) -> Path:
        """The file the trainer library is pointed at."""
        return self.folder / "data.yaml"


def split_places(places: Iterable[str], *, val: int, test: int, seed: str) -> dict[str, str]:
    """Deal places out to train, val and test, the same way on every machine.

    Args:
        places: Names; repeats count once.
        val, test: How many places go there; the rest is train.
        seed: Changes the deal. Hashing instead of a random generator keeps a place's rank when others are added.

    Raises:
        DatasetError: nothing would be left to train on.

    >>> split_places(["a", "b", "c"], val=1, test=1, seed="s") == split_places("cba", val=1, test=1, seed="s")
    True
    """
    ranked = sorted(set(places), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).hexdigest())
    if ranked and val + test >= len(ranked):
        raise DatasetError(f"{len(ranked)} places cannot give {val} to val and {test} to test and leave one to train")
    return {
        place: "test" if rank < test else "val" if rank < test + val else "train" for rank, place in enumerate(ranked)
    }


def samples_of_recipe(recipe: Recipe, data_root: Path) -> list[Sample]:
    """The pictures that a recipe learns from, with their hand labels, dealt out to the splits by place.

    ``data_root`` holds one folder per source and ``index.csv`` with the columns source, image, scene.

    Raises:
        DatasetError: the index or a source folder is missing or disagrees with the other.
    """
    scene_by_image = _read_index(data_root / "index.csv")
    samples: list[Sample] = []
    for source in recipe.sources:
        samples.extend(_samples_of_source(source, data_root, scene_by_image, recipe.split_seed))
    return samples


def evaluation_samples(recipe: Recipe, data_root: Path) -> list[Sample]:
    """The pictures of a recipe's evaluation sources, all of them on the test side.

    Raises:
        DatasetError: as :func:`samples_of_recipe`.
    """
    scene_by_image = _read_index(data_root / "index.csv")
    samples: list[Sample] = []
    for source in recipe.evaluation_sources:
        samples.extend(_samples_of_source(source, data_root, scene_by_image, recipe.split_seed))
    return [replace(sample, split="test") for sample in samples]


def samples_of_export(folder: Path) -> tuple[list[Sample], list[str]]:
    """The pictures of a ``kerbwatch label export`` folder, and its cue names in class order.

    Reads ``data.yaml`` (names), ``images/``, ``labels/``, ``reviewed_cues.csv`` (image, cues) and ``provenance.csv``
    (image, place, split): the split is the export's own, for it knows which pictures show the same place.

    Raises:
        DatasetError: a file is missing, a label line is malformed, or there is no picture.
    """
    names = _read_names(folder / "data.yaml")
    images = sorted(path for path in (folder / "images").glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise DatasetError(f"no picture below {folder / 'images'}: is it a folder written by `kerbwatch label export`?")
    reviewed = {row["image"]: row["cues"].split() for row in _read_table(folder / "reviewed_cues.csv", "image", "cues")}
    provenance = _read_table(folder / "provenance.csv", "image", "place", "split")
    placed = {row["image"]: (row["place"], row["split"]) for row in provenance}
    samples: list[Sample] = []
    for image in images:
        if image.name not in reviewed or image.name not in placed:
            raise DatasetError(
                f"{folder}: reviewed_cues.csv or provenance.csv does not name {image.name}; export again"
            )
        place, split = placed[image.name]
        if split not in SPLITS:
            raise DatasetError(f"{folder / 'provenance.csv'}: split {split!r} of {image.name} is none of {SPLITS}")
        boxes = _read_labels(folder / "labels" / f"{image.stem}.txt", dict(enumerate(names)))
        samples.append(Sample(image, folder.name, place, split, frozenset(reviewed[image.name]), boxes))
    return samples, names


def unlabelled(samples: Iterable[Sample], cues: Iterable[str], taught: Iterable[str]) -> Counter[str]:
    """Training pictures by cue that nobody labelled there: not reviewed, and nothing that the teacher knows.

    The trainer takes such a cue for absent; many of them mean that the cue will be found too rarely.
    """
    untaught = set(cues) - set(taught)
    return Counter(cue for s in samples if s.split == "train" for cue in untaught - s.reviewed)


def build(
    samples: Sequence[Sample],
    cues: Sequence[str],
    *,
    out: Path,
    weights: Path,
    teacher: TeacherSpec,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> BuiltDataset:
    """Write the data set to ``out``, letting the teacher fill in the cues that were not reviewed.

    Building again with the same pictures, labels, weights and teacher settings only reads the manifest back.

    Args:
        samples: Pictures with their hand labels.
        cues: The cues to learn.
        out: Folder to fill.
        weights: The start weights, which are the teacher too.
        teacher: Its settings.
        on_progress: Called with (pictures done, pictures in all).

    Raises:
        DatasetError: no training picture, or two pictures with the same name.
        CheckpointError: the weights cannot be read.
    """
    _check_samples(samples)
    names: dict[int, str] = dict(load_network(weights).names)
    slots = assign_slots(cues, names)
    key = _build_key(samples, cues, weights, teacher)
    manifest = out / "manifest.json"
    if manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8")).get("key") == key:
        return read_back(out)
    taught = taught_cues(cues, names)
    by_image = {sample.image: sample for sample in samples}
    filled = [sample for sample in samples if not set(taught.values()) - sample.reviewed]
    to_teach = [sample.image for sample in samples if set(taught.values()) - sample.reviewed]
    for image, boxes in teacher_boxes(to_teach, weights, taught, teacher):
        sample = by_image[image]
        extra = tuple(box for box in boxes if box.cue not in sample.reviewed and not drawn_already(box, sample.boxes))
        filled.append(replace(sample, boxes=sample.boxes + extra))
        on_progress(len(filled), len(samples))
    _write(filled, slots, names, out, key)
    return read_back(out)


def read_back(folder: Path) -> BuiltDataset:
    """Open a data set that :func:`build` wrote.

    Raises:
        DatasetError: there is no manifest.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise DatasetError(f"{folder} has no manifest.json: build the data set first")
    text = manifest.read_text(encoding="utf-8")
    content = json.loads(text)
    samples = tuple(
        Sample(
            image=folder / "images" / row["split"] / row["image"],
            source=row["source"],
            place=row["place"],
            split=row["split"],
            reviewed=frozenset(row["reviewed"]),
            boxes=tuple(LabelBox(**box) for box in row["boxes"]),
        )
        for row in content["images"]
    )
    names = {int(row): name for row, name in content["names"].items()}
    return BuiltDataset(folder, content["slots"], names, samples, hashlib.sha256(text.encode()).hexdigest())


def count_boxes(samples: Iterable[Sample]) -> Counter[tuple[str, str, str]]:
    """Boxes by (split, cue, origin)."""
    return Counter((sample.split, box.cue, box.origin) for sample in samples for box in sample.boxes)


def _samples_of_source(
    source: SourceSpec, data_root: Path, scene_by_image: Mapping[tuple[str, str], str], seed: str
) -> list[Sample]:
    folder = data_root / source.name
    everything = sorted(path for path in (folder / "images").glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    unknown = [path.name for path in everything if (source.name, path.name) not in scene_by_image]
    if unknown:
        raise DatasetError(f"index.csv names no scene for {source.name}/{unknown[0]}: the split by place needs one")
    scene = {path: scene_by_image[source.name, path.name] for path in everything}
    images = [path for path in everything if any(fnmatchcase(scene[path], pattern) for pattern in source.scenes)]
    if not images:
        raise DatasetError(f"no picture below {folder / 'images'} belongs to the scenes {', '.join(source.scenes)}")
    place = {path: _place(source, scene[path]) for path in images}
    split = _split(source, place.values(), seed)
    return [
        Sample(
            image=path,
            source=source.name,
            place=place[path],
            split=split[place[path]],
            reviewed=frozenset(source.labels.values()) | frozenset(source.empty_of),
            boxes=_read_labels(folder / "labels" / f"{path.stem}.txt", source.labels),
        )
        for path in images
    ]


def _place(source: SourceSpec, scene: str) -> str:
    if source.one_place:
        return source.name
    if source.place_pattern is None:
        return scene
    found = re.match(source.place_pattern, scene)
    if found is None or not found.groups():
        raise DatasetError(f"{source.name}: place_pattern {source.place_pattern!r} does not fit the scene {scene!r}")
    return found.group(1)


def _split(source: SourceSpec, places: Iterable[str], seed: str) -> dict[str, str]:
    """Split by place: the named ones first, then as many as are asked for by number."""
    unnamed = set(places)
    named = {place: split for split in ("val", "test") for place in getattr(source.split, split)}
    missing = sorted(set(named) - unnamed)
    if missing:
        raise DatasetError(f"{source.name} has no place {missing[0]!r}; it has {', '.join(sorted(unnamed)[:5])}, ...")
    unnamed -= set(named)
    spec = source.split
    dealt = split_places(unnamed, val=spec.val_places, test=spec.test_places, seed=f"{seed}:{source.name}")
    return {**dealt, **named}


def _read_index(path: Path) -> dict[tuple[str, str], str]:
    return {(row["source"], row["image"]): row["scene"] for row in _read_table(path, "source", "image", "scene")}


def _read_names(path: Path) -> list[str]:
    try:
        names = yaml.safe_load(path.read_text(encoding="utf-8"))["names"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DatasetError(f"cannot read the class names in {path}: {error!r}") from error
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DatasetError(f"{path}: names must be a list of cue names, got {names!r}")
    return [str(name) for name in names]


def _read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    for column in columns:
        if rows and rows[0].get(column) is None:
            raise DatasetError(f"{path} has no column {column!r}")
    return rows


def _read_labels(path: Path, cue_by_class: Mapping[int, str]) -> tuple[LabelBox, ...]:
    """The boxes of one YOLO label file whose class is wanted; a missing file means nothing was found in the picture."""
    if not path.is_file():
        return ()
    boxes: list[LabelBox] = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            class_text, *rest = line.split()
            class_id, (cx, cy, w, h) = int(class_text), (float(part) for part in rest)
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: expected 'class cx cy w h', got {line!r}") from error
        if not (0.0 <= cx <= 1.0 and 0.0 <= cy <= 1.0 and 0.0 < w <= 1.0 and 0.0 < h <= 1.0):
            raise DatasetError(f"{path}:{number}: box {line!r} leaves the picture (fractions of 0..1 expected)")
        if class_id in cue_by_class:
            boxes.append(LabelBox(cue_by_class[class_id], cx, cy, w, h, "hand"))
    return tuple(boxes)


def drawn_already(box: LabelBox, drawn: Sequence[LabelBox]) -> bool:
    """Whether a person drew this thing: one confirmed bike of a row leaves its cue unreviewed, yet it is one bike."""
    same = [other for other in drawn if other.cue == box.cue]
    return bool(same) and bool(iou_matrix(_xyxy([box]), _xyxy(same)).max() >= SAME_THING_IOU)


def _xyxy(boxes: Sequence[LabelBox]) -> NDArray[np.float32]:
    return np.array([(b.cx - b.w / 2, b.cy - b.h / 2, b.cx + b.w / 2, b.cy + b.h / 2) for b in boxes], np.float32)


def _check_samples(samples: Sequence[Sample]) -> None:
    if not any(sample.split == "train" for sample in samples):
        raise DatasetError("no picture is left to train on")
    twice = [name for name, count in Counter(sample.image.name for sample in samples).items() if count > 1]
    if twice:
        raise DatasetError(f"two pictures are called {twice[0]!r}: names must be unique over all sources")


def _build_key(samples: Sequence[Sample], cues: Sequence[str], weights: Path, teacher: TeacherSpec) -> str:
    digest = hashlib.sha256()
    digest.update(weights.read_bytes())
    digest.update(json.dumps([list(cues), teacher.model_dump()]).encode())
    for sample in sorted(samples, key=lambda item: item.image.name):
        digest.update(sample.image.read_bytes())
        digest.update(repr((sample.image.name, sample.split, sorted(sample.reviewed), sample.boxes)).encode())
    return digest.hexdigest()


def _write(samples: Sequence[Sample], slots: Mapping[str, int], names: Mapping[int, str], out: Path, key: str) -> None:
    for kind in ("images", "labels"):
        shutil.rmtree(out / kind, ignore_errors=True)
        for split in SPLITS:
            (out / kind / split).mkdir(parents=True)
    marks, taught = spare_rows(slots, names), set(taught_cues(list(slots), names).values())
    for sample in samples:
        shutil.copyfile(sample.image, out / "images" / sample.split / sample.image.name)
        lines = [f"{slots[b.cue]} {b.cx:.6f} {b.cy:.6f} {b.w:.6f} {b.h:.6f}\n" for b in sample.boxes]
        if sample.split == "train":
            unknown = set(slots) - sample.reviewed - taught
            lines += [f"{marks[slots[cue]]} 0.5 0.5 1 1\n" for cue in sorted(unknown)]
        (out / "labels" / sample.split / f"{sample.image.stem}.txt").write_text("".join(lines), encoding="ascii")
    _write_boxes_csv(samples, out / "boxes.csv")
    # Without held-out places (a small export) the trainer's own check runs on the training pictures; the card then
    # carries no metrics.
    val = "images/val" if any(sample.split == "val" for sample in samples) else "images/train"
    content = {"path": str(out.resolve()), "train": "images/train", "val": val, "test": "images/test"}
    # The names stay the start weights' own: the trainer re-deals rows when it meets a name it does not know.
    (out / "data.yaml").write_text(yaml.safe_dump({**content, "names": dict(names)}, sort_keys=False), encoding="utf-8")
    _write_manifest(samples, slots, names, out / "manifest.json", key)


def _write_boxes_csv(samples: Sequence[Sample], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "split", "source", "place", "cue", "cx", "cy", "w", "h", "origin", "confidence"])
        for sample in samples:
            for box in sample.boxes:
                xywh = [f"{value:.6f}" for value in (box.cx, box.cy, box.w, box.h)]
                row = [sample.image.name, sample.split, sample.source, sample.place, box.cue]
                writer.writerow([*row, *xywh, box.origin, f"{box.confidence:.4f}"])


def _write_manifest(
    samples: Sequence[Sample], slots: Mapping[str, int], names: Mapping[int, str], path: Path, key: str
) -> None:
    rows = [
        {
            "image": sample.image.name,
            "sha256": hashlib.sha256(sample.image.read_bytes()).hexdigest(),
            "source": sample.source,
            "place": sample.place,
            "split": sample.split,
            "reviewed": sorted(sample.reviewed),
            "boxes": [vars(box) for box in sample.boxes],
        }
        for sample in sorted(samples, key=lambda item: item.image.name)
    ]
    content = {"key": key, "slots": dict(slots), "names": dict(names), "images": rows}
    # Written last and moved into place: a manifest only ever stands beside a complete data set.
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
    partial.replace(path)
