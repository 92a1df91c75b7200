"""Which scene a picture shows: from ``index.csv``, or from the ``provenance.csv`` of an export."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from models.dataset.csv_table import read_table
from models.dataset.problems import Effect, Kind, ProblemLog
from models.dataset.sample import SPLITS
from models.recipe import SourceSpec

SceneIndex = Mapping[tuple[str, str], str]
"""Scene by (source, picture name)."""


def read_index(path: Path) -> dict[tuple[str, str], str]:
    """Read ``index.csv`` (source, image, scene).

    Raises:
        DatasetError: it cannot be read or lacks a column.
    """
    rows = read_table(path, "source", "image", "scene")
    return {(row["source"], unicodedata.normalize("NFC", row["image"])): row["scene"] for row in rows}


def scenes_of(
    source: SourceSpec,
    root: Path,
    index: SceneIndex,
    files: Mapping[str, Path],
    set_aside: frozenset[str],
    log: ProblemLog,
) -> tuple[dict[str, str], dict[str, str]]:
    """Scene of every wanted picture, and the split where the source brings its own (an export).

    Args:
        source: Which scenes are wanted.
        root: Its folder.
        index: Scenes of all sources.
        files: Its usable picture files.
        set_aside: Names of files that were reported already.
        log: Where pictures without a scene, and scenes without a picture, are written down.

    Raises:
        DatasetError: an export without ``provenance.csv``.
    """
    if source.format == "export":
        return _scenes_of_export(root, files, log, source.name)
    scene = {name: text for (owner, name), text in index.items() if owner == source.name}
    wanted = {name: text for name, text in scene.items() if any(fnmatchcase(text, p) for p in source.scenes)}
    for name in sorted(set(wanted) - set(files) - set_aside):
        log.add(source.name, root / "images" / name, Kind.ONLY_IN_INDEX, Effect.IGNORED)
    for name in sorted(set(files) - set(scene)):
        detail = "the split by place needs its scene"
        log.add(source.name, files[name], Kind.NOT_IN_INDEX, Effect.PICTURE_LEFT_OUT, detail)
    return {name: text for name, text in wanted.items() if name in files}, {}


def _scenes_of_export(
    root: Path, files: Mapping[str, Path], log: ProblemLog, source: str
) -> tuple[dict[str, str], dict[str, str]]:
    path = root / "provenance.csv"
    scene: dict[str, str] = {}
    split: dict[str, str] = {}
    for line, row in enumerate(read_table(path, "image", "place", "split"), start=2):
        name = row["image"]
        if row["split"] not in SPLITS:
            detail = f"{name}: split {row['split']!r} is none of {', '.join(SPLITS)}"
            log.add(source, path, Kind.NOT_IN_INDEX, Effect.PICTURE_LEFT_OUT, detail, line)
        elif name not in files:
            log.add(source, path, Kind.ONLY_IN_INDEX, Effect.IGNORED, name, line)
        else:
            scene[name], split[name] = row["place"], row["split"]
    for name in sorted(set(files) - set(scene)):
        log.add(source, files[name], Kind.NOT_IN_INDEX, Effect.PICTURE_LEFT_OUT, "not in provenance.csv")
    return scene, split
