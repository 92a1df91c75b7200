"""One source of a recipe, read whole: pictures that decode, labels that make sense, corrections on top.

A fault of the data is reported and never ends the reading. What a fault takes away is not learnt as absent: a cue that
lost a box counts as not reviewed in that picture.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from detector.vocabulary import vocabulary
from models.dataset.corrections import Corrections
from models.dataset.csv_table import read_table
from models.dataset.limits import Limits
from models.dataset.picture import BadPicture, Picture, read_picture
from models.dataset.places import chip_of, place_of_scenes, taken_s
from models.dataset.problems import Effect, Kind, ProblemLog
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels, clipped, fault, turned
from models.dataset.readers import DEFAULT_ANNOTATIONS, READERS, SourceFolder
from models.dataset.sample import IMAGE_SUFFIXES, SPLITS, Sample
from models.errors import DatasetError
from models.label_box import LabelBox
from models.recipe import Recipe, SourceSpec

SceneIndex = Mapping[tuple[str, str], str]
"""Scene by (source, picture name)."""


@dataclass(frozen=True)
class SourceReading:
    """The pictures of one source. ``split`` of the samples is empty where it is still to be dealt out.

    ``looks`` holds the perceptual hash of each sample's picture.
    """

    source: SourceSpec
    samples: tuple[Sample, ...]
    looks: tuple[int, ...]


def read_index(path: Path) -> dict[tuple[str, str], str]:
    """Read ``index.csv`` (source, image, scene).

    Raises:
        DatasetError: it cannot be read or lacks a column.
    """
    rows = read_table(path, "source", "image", "scene")
    return {(row["source"], unicodedata.normalize("NFC", row["image"])): row["scene"] for row in rows}


def read_source(
    source: SourceSpec,
    recipe: Recipe,
    data_root: Path,
    index: SceneIndex,
    log: ProblemLog,
    *,
    limits: Limits,
    on_picture: Callable[[], None] = lambda: None,
) -> SourceReading:
    """Read one source.

    Args:
        source: Which, and how to read it.
        recipe: Its recipe.
        data_root: Holds the source's folder.
        index: Scene of every picture; an export has its own in ``provenance.csv``.
        log: Where faults are written down.
        limits: How much to read at most.
        on_picture: Called after each picture.

    Raises:
        DatasetError: the folder, the annotation file of the whole source, or a correction set is missing or unusable;
            no picture is of the wanted scenes.
    """
    root = data_root / source.name
    files, set_aside = _picture_files(source, root, log)
    scene, own_split = _scenes(source, root, index, files, set_aside, log)
    wanted = {name: path for name, path in files.items() if name in scene}
    if not wanted:
        raise DatasetError(f"no picture below {root / 'images'} belongs to the scenes {', '.join(source.scenes)}")
    pictures = _pictures(source, wanted, log, limits, on_picture)
    folder = SourceFolder(
        name=source.name,
        root=root,
        annotations=root / (source.annotations or DEFAULT_ANNOTATIONS[source.format]),
        pictures=pictures,
        present=frozenset(files) | set_aside,
        stored_frame=source.exif_labels == "stored",
        empty_means_none=source.empty_means_none,
        limits=limits,
        problems=log,
    )
    labels = READERS[source.format](folder) if source.labels else SourceLabels()
    place = place_of_scenes(source, (scene[name] for name in pictures))
    known = {*vocabulary().cues, *recipe.auxiliary, *(cue.name for cue in recipe.cues)}
    corrections = Corrections(recipe.corrections_root, source.corrections, source.name, known)
    corrections.report_strangers(files, log)
    samples: list[Sample] = []
    for name, picture in sorted(pictures.items()):
        boxes, reviewed = _checked(folder, source, labels, picture)
        sample = Sample(
            image=picture.path,
            source=source.name,
            place=place[scene[name]],
            split=own_split.get(name, ""),
            reviewed=reviewed,
            boxes=boxes,
            scene=scene[name],
            taken_s=taken_s(source, scene[name]),
            chip=chip_of(source, scene[name]),
            orientation=picture.orientation,
        )
        samples.append(corrections.apply(sample, picture, log))
    return SourceReading(source, tuple(samples), tuple(pictures[sample.name].look for sample in samples))


def _picture_files(source: SourceSpec, root: Path, log: ProblemLog) -> tuple[dict[str, Path], frozenset[str]]:
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


def _scenes(
    source: SourceSpec,
    root: Path,
    index: SceneIndex,
    files: Mapping[str, Path],
    set_aside: frozenset[str],
    log: ProblemLog,
) -> tuple[dict[str, str], dict[str, str]]:
    """Scene of every wanted picture, and the split where the source brings its own."""
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


def _pictures(
    source: SourceSpec, files: Mapping[str, Path], log: ProblemLog, limits: Limits, on_picture: Callable[[], None]
) -> dict[str, Picture]:
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


def _checked(
    folder: SourceFolder, source: SourceSpec, labels: SourceLabels, picture: Picture
) -> tuple[tuple[LabelBox, ...], frozenset[str]]:
    """The boxes of a picture that make sense, and the cues that count as reviewed in it."""
    empty_of, labelled = frozenset(source.empty_of), frozenset(source.labels.values())
    if not source.labels:
        return (), empty_of
    told = labels.by_picture.get(picture.name)
    if told is None:
        folder.report(picture.path, Kind.PICTURE_WITHOUT_LABEL, Effect.NOT_REVIEWED)
        return (), empty_of
    if len(told.boxes) > folder.limits.boxes_per_picture:
        detail = f"{picture.name}: {len(told.boxes)} boxes, at most {folder.limits.boxes_per_picture}"
        folder.report(told.file, Kind.LABELS_UNREADABLE, Effect.NOT_REVIEWED, detail)
        return (), empty_of
    if told.reviewed is not None:
        labelled = frozenset(told.reviewed)
    lost: set[str] = set()
    boxes: dict[LabelBox, None] = {}
    for raw in told.boxes:
        cue = _cue(source, labels, raw)
        if cue is None:
            if _out_of_range(source, labels, raw):
                lost |= labelled
                detail = f"class {raw.class_name if raw.class_id is None else raw.class_id}"
                folder.report(told.file, Kind.CLASS_OUT_OF_RANGE, Effect.NOT_REVIEWED, detail, raw.line)
            continue
        box = _label(folder, told, raw, cue, picture)
        if box is None:
            lost.add(cue)
        elif box in boxes:
            folder.report(told.file, Kind.DOUBLE_BOX, Effect.IGNORED, cue, raw.line)
        else:
            boxes[box] = None
    reviewed = (labelled - lost) if told.complete else frozenset[str]()
    return tuple(boxes), reviewed | empty_of


def _cue(source: SourceSpec, labels: SourceLabels, raw: RawBox) -> str | None:
    name = raw.class_name
    if name is None and raw.class_id is not None:  # the file gives an id, the recipe may ask for a name
        name = (dict(enumerate(source.classes)) or labels.classes or {}).get(raw.class_id)
    keys = [key for key in (raw.class_id, name) if key is not None and key in source.labels]
    return source.labels[keys[0]] if keys else None


def _out_of_range(source: SourceSpec, labels: SourceLabels, raw: RawBox) -> bool:
    """Whether a class that the recipe does not use is one that the source does not have."""
    if raw.class_id is None:
        return bool(source.classes) and raw.class_name not in source.classes
    known = dict(enumerate(source.classes)) or labels.classes
    return raw.class_id < 0 or (known is not None and raw.class_id not in known)


def _label(folder: SourceFolder, told: PictureLabels, raw: RawBox, cue: str, picture: Picture) -> LabelBox | None:
    box = turned(raw, picture.orientation) if told.stored_frame else raw
    wrong = fault(box, picture.width_px, picture.height_px)
    numbers = f"{cue}: cx {box.cx:.4g} cy {box.cy:.4g} w {box.w:.4g} h {box.h:.4g} of the picture"
    if wrong is Kind.STICKS_OUT:
        folder.report(told.file, wrong, Effect.BOX_CLIPPED, numbers, raw.line)
        box = clipped(box)
    elif wrong is not None:
        folder.report(told.file, wrong, Effect.BOX_LEFT_OUT, numbers, raw.line)
        return None
    return LabelBox(cue, box.cx, box.cy, box.w, box.h, "hand")
