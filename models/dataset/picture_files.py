"""The picture files of a source: which are there under a usable name, and which of them decode."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from models.dataset.limits import Limits
from models.dataset.picture import BadPicture, Picture, read_picture
from models.dataset.problems import Effect, Kind, ProblemLog
from models.dataset.sample import IMAGE_SUFFIXES
from models.errors import DatasetError
from models.recipe import SourceSpec


def picture_files(source: SourceSpec, root: Path, log: ProblemLog) -> tuple[dict[str, Path], frozenset[str]]:
    """Picture files by name (NFC), and the names of those that were reported and are not used."""
    folder = root / "images"
    if not folder.is_dir():
        raise DatasetError(f"{source.name} has no folder {folder}: check --data-root and the recipe")
    files: dict[str, Path] = {}
    set_aside: set[str] = set()
    stems: set[str] = set()
    for path in sorted(folder.iterdir()):
        name = unicodedata.normalize("NFC", path.name)
        if name.startswith("."):
            continue  # what desktop systems leave behind
        if not name.isprintable() or name.startswith("-"):
            set_aside.add(name)
            log.add(source.name, path, Kind.HOSTILE_NAME, Effect.PICTURE_LEFT_OUT)
        elif path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
            if path.suffix.lower() not in {".txt", ".xml", ".json"}:  # labels may lie beside their pictures
                log.add(source.name, path, Kind.NOT_A_PICTURE, Effect.IGNORED)
        elif Path(name).stem in stems:
            set_aside.add(name)
            detail = "its labels would overwrite those of another picture"
            log.add(source.name, path, Kind.SAME_NAME, Effect.PICTURE_LEFT_OUT, detail)
        else:
            stems.add(Path(name).stem)
            files[name] = path
    return files, frozenset(set_aside)


def decoded(
    source: SourceSpec, files: Mapping[str, Path], log: ProblemLog, limits: Limits, on_picture: Callable[[], None]
) -> dict[str, Picture]:
    """The pictures that decode, by name; the others are reported. ``on_picture`` is called after each."""
    pictures: dict[str, Picture] = {}
    for name, path in sorted(files.items()):
        try:
            picture = read_picture(path, limits)
        except BadPicture as error:
            log.add(source.name, path, error.kind, Effect.PICTURE_LEFT_OUT, str(error))
        else:
            pictures[name] = picture
            if picture.orientation != 1:
                detail = f"EXIF orientation {picture.orientation}"
                log.add(source.name, path, Kind.EXIF_TURNED, Effect.TURNED, detail)
        on_picture()
    return pictures
