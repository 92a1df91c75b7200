"""The manifest of a built data set: what is in it, down to the byte, and nothing about the machine or the day.

The same pictures, labels and recipe give the same text anywhere, so its SHA-256 names the data set in a run record.
Where the start weights filled labels in, their boxes depend on the arithmetic of the machine in the last digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.dataset.sample import BuiltDataset, Chip, Sample
from models.errors import DatasetError
from models.label_box import LabelBox
from models.recipe import TeacherSpec

MANIFEST = "manifest.json"
_SCHEMA = "kerbwatch-dataset/2"


@dataclass(frozen=True)
class Teaching:
    """The teacher of a data set that needed one: SHA-256 of its weights, and its settings."""

    weights_sha256: str
    settings: TeacherSpec


@dataclass(frozen=True)
class Entry:
    """One picture of the manifest: the sample, SHA-256 of the source's file, text of its label file."""

    sample: Sample
    sha256: str
    label: str


def build_key(
    pictures: Sequence[tuple[Sample, str]],
    slots: Mapping[str, int],
    names: Mapping[int, str],
    teaching: Teaching | None,
) -> str:
    """A hash of all that goes in, known before the teacher has worked.

    Args:
        pictures: Samples with hand labels only, and SHA-256 of their files.
        slots, names: As in :class:`~models.dataset.sample.BuiltDataset`.
        teaching: The teacher, if one is needed.
    """
    rows = [_row(Entry(sample, sha256, "")) for sample, sha256 in _by_name(pictures)]
    content = [_SCHEMA, list(slots.items()), list(names.items()), _teacher(teaching), rows]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def manifest_text(
    entries: Sequence[Entry],
    slots: Mapping[str, int],
    names: Mapping[int, str],
    *,
    key: str,
    teaching: Teaching | None,
) -> str:
    """The manifest's text."""
    content = {
        "schema": _SCHEMA,
        "key": key,
        "slots": dict(slots),
        "names": dict(names),
        "teacher": _teacher(teaching),
        "images": [_row(entry) for entry in sorted(entries, key=lambda entry: entry.sample.name)],
    }
    return json.dumps(content, indent=1)


def key_of(folder: Path) -> str | None:
    """The build key of the data set in a folder; None when there is none, or one of an older schema."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("key") if isinstance(content, dict) and content.get("schema") == _SCHEMA else None


def read_back(folder: Path) -> BuiltDataset:
    """Open a data set that was built.

    Raises:
        DatasetError: there is no manifest, or it is of another version of this program.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise DatasetError(f"{folder} has no manifest.json: build the data set first")
    text = manifest.read_text(encoding="utf-8")
    try:
        content = json.loads(text)
        samples = tuple(_sample(folder, row) for row in content["images"])
        names = {int(row): name for row, name in content["names"].items()}
        slots = content["slots"]
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{manifest} cannot be read ({error!r}): build the data set again") from error
    return BuiltDataset(folder, slots, names, samples, hashlib.sha256(text.encode()).hexdigest())


def damage(folder: Path) -> list[str]:
    """Files of a data set that are not as its manifest says; empty when it is whole.

    Pictures that were turned upright are looked for, not compared: their bytes depend on the JPEG library.

    Raises:
        DatasetError: as :func:`read_back`.
    """
    read_back(folder)
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    wrong: list[str] = []
    for row in content["images"]:
        image = Path("images", row["split"], row["image"])
        label = Path("labels", row["split"], f"{Path(row['image']).stem}.txt")
        expected = {image: None if row["orientation"] != 1 else row["sha256"], label: row["label_sha256"]}
        for path, sha256 in expected.items():
            found = _sha256(folder / path)
            if found is None or sha256 not in {None, found}:
                wrong.append(path.as_posix())
    return wrong


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _by_name(pictures: Sequence[tuple[Sample, str]]) -> list[tuple[Sample, str]]:
    return sorted(pictures, key=lambda item: item[0].name)


def _teacher(teaching: Teaching | None) -> dict[str, Any] | None:
    return teaching and {"weights_sha256": teaching.weights_sha256, **teaching.settings.model_dump()}


def _row(entry: Entry) -> dict[str, Any]:
    sample = entry.sample
    return {
        "image": sample.name,
        "sha256": entry.sha256,
        "orientation": sample.orientation,
        "label_sha256": hashlib.sha256(entry.label.encode()).hexdigest(),
        "source": sample.source,
        "scene": sample.scene,
        "place": sample.place,
        "taken_s": sample.taken_s,
        "chip": sample.chip and vars(sample.chip),
        "split": sample.split,
        "reviewed": sorted(sample.reviewed),
        "boxes": [vars(box) for box in sample.boxes],
    }


def _sample(folder: Path, row: Mapping[str, Any]) -> Sample:
    chip = row.get("chip")
    return Sample(
        image=folder / "images" / row["split"] / row["image"],
        source=row["source"],
        place=row["place"],
        split=row["split"],
        reviewed=frozenset(row["reviewed"]),
        boxes=tuple(LabelBox(**box) for box in row["boxes"]),
        scene=row.get("scene", ""),
        taken_s=row.get("taken_s"),
        chip=Chip(**chip) if chip else None,
    )
