"""Any folder of pictures with YOLO labels, read as far as it can be: what is wrong in it is listed, not fatal.

Pictures lie anywhere below a folder named ``images``, or in the folder itself; the labels of
``.../images/a/b.jpg`` are in ``.../labels/a/b.txt``. A part of the path named train, val, valid or test is the split.
The class names stand in ``data.yaml``; its paths are not used, since they are another machine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.vocabulary import vocabulary
from models.dataset import Problem, Sample
from models.dataset.csv_table import read_table
from models.dataset.limits import Limits
from models.dataset.picture import BadPicture, Picture, read_picture
from models.dataset.problems import Effect, Kind, ProblemLog
from models.dataset.raw_box import clipped, fault
from models.dataset.readers.folder import SourceFolder
from models.dataset.readers.yolo import read_lines
from models.dataset.sample import IMAGE_SUFFIXES
from models.errors import DatasetError
from models.label_box import LabelBox
from models.slots import COCO_NAMES
from models.yaml_file import YAML_FAULTS, read_yaml, shown

_SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_UNSPLIT = "all"


@dataclass(frozen=True)
class YoloFolder:
    """What a folder holds.

    Attributes:
        samples: Pictures with the boxes of the mapped classes. A cue that lost a box to a fault counts as not reviewed
            in that picture, so that finding the thing is not called wrong.
        cue_by_class: Cue by class id.
        problems: Pictures that do not decode and label lines that cannot be used.
    """

    samples: tuple[Sample, ...] = field(repr=False)
    cue_by_class: Mapping[int, str]
    problems: tuple[Problem, ...]


def read_yolo_folder(folder: Path, classes: Path | None = None, places: Path | None = None) -> YoloFolder:
    """Read a YOLO folder.

    Args:
        folder: Holds ``images/`` and ``labels/``, split or not, and perhaps ``data.yaml``.
        classes: YAML file that maps class ids or class names to cues, e.g. ``{0: person, "dining table": table}``.
            Without it the classes of ``data.yaml`` whose names are cues (or COCO's names of cues) are used.
        places: CSV file with the columns image and place (or scene). Without it, ``places.csv`` in the folder, if
            there is one.

    Raises:
        DatasetError: no picture, no class that is a cue, or a file that cannot be read at all.
    """
    images = _images(folder)
    names = _names(folder / "data.yaml")
    cue_by_class = _cue_by_class(names, classes, folder)
    place_by_image = _places(places or folder / "places.csv", asked=places is not None)
    reader = SourceFolder(
        name=folder.name,
        root=folder,
        annotations=folder,
        pictures={},
        present=frozenset(),
        stored_frame=False,
        empty_means_none=True,
        limits=Limits(),
        problems=ProblemLog(folder),
    )
    samples: list[Sample] = []
    for image in images:
        try:
            picture = read_picture(image, reader.limits)
        except BadPicture as error:
            reader.report(image, error.kind, Effect.PICTURE_LEFT_OUT, str(error))
            continue
        if picture.orientation != 1:
            reader.report(image, Kind.EXIF_TURNED, Effect.TURNED, f"EXIF orientation {picture.orientation}")
        boxes, reviewed = _labels(reader, picture, cue_by_class, set(names))
        place = place_by_image.get(image.name, "")
        samples.append(Sample(image, folder.name, place, _split(image, folder), reviewed, boxes))
    return YoloFolder(tuple(samples), cue_by_class, reader.problems.sorted)


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder: give one with images/ and labels/")
    everything = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    below = [path for path in everything if "images" in path.relative_to(folder).parts[:-1]]
    if not everything:
        raise DatasetError(f"no picture below {folder}: give a folder with images/ and labels/")
    return below or everything


def _labels(
    reader: SourceFolder, picture: Picture, cue_by_class: Mapping[int, str], known: set[int]
) -> tuple[tuple[LabelBox, ...], frozenset[str]]:
    """The usable boxes of a picture, and the cues of which none was lost.

    No label file means that nothing was found there, which is how YOLO folders write it; it is reported.
    """
    path = _label_file(picture.path, reader.root)
    everything = frozenset(cue_by_class.values())
    if not path.is_file():
        reader.report(picture.path, Kind.PICTURE_WITHOUT_LABEL, Effect.KEPT, "taken for: nothing of the classes there")
        return (), everything
    told = read_lines(reader, path)
    lost = set() if told.complete else set(everything)
    boxes: list[LabelBox] = []
    for raw in told.boxes:
        cue = cue_by_class.get(-1 if raw.class_id is None else raw.class_id)
        if cue is None:
            if known and raw.class_id not in known:
                reader.report(path, Kind.CLASS_OUT_OF_RANGE, Effect.NOT_REVIEWED, f"class {raw.class_id}", raw.line)
                lost |= everything
            continue
        wrong = fault(raw, picture.width_px, picture.height_px)
        if wrong is None or wrong is Kind.STICKS_OUT:
            inside = clipped(raw)
            box = LabelBox(cue, inside.cx, inside.cy, inside.w, inside.h, "hand")
            if box in boxes:
                reader.report(path, Kind.DOUBLE_BOX, Effect.IGNORED, cue, raw.line)
            else:
                boxes.append(box)
        else:
            lost.add(cue)
        if wrong is not None:
            effect = Effect.BOX_CLIPPED if wrong is Kind.STICKS_OUT else Effect.BOX_LEFT_OUT
            reader.report(path, wrong, effect, f"{cue}: {raw.cx:.4g} {raw.cy:.4g} {raw.w:.4g} {raw.h:.4g}", raw.line)
    return tuple(boxes), everything - lost


def _label_file(image: Path, folder: Path) -> Path:
    parts = list(image.relative_to(folder).with_suffix(".txt").parts)
    at = [index for index, part in enumerate(parts[:-1]) if part == "images"]
    if at:
        parts[at[-1]] = "labels"
    return folder.joinpath(*parts)


def _split(image: Path, folder: Path) -> str:
    found = [_SPLITS[part] for part in image.relative_to(folder).parts[:-1] if part in _SPLITS]
    return found[0] if found else _UNSPLIT


def _names(path: Path) -> dict[int, str]:
    """Class names by id in a ``data.yaml``; empty when there is no such file."""
    if not path.is_file():
        return {}
    content = _yaml(path)
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        return {index: str(name) for index, name in enumerate(names)}
    if isinstance(names, dict) and all(isinstance(key, int) for key in names):
        return {key: str(name) for key, name in names.items()}
    raise DatasetError(f"{path}: names must be a list, or a mapping of class id to name, got {shown(names)}")


def _cue_by_class(names: Mapping[int, str], classes: Path | None, folder: Path) -> dict[int, str]:
    cues = vocabulary().cues
    if classes is not None:
        return _mapped(_yaml(classes), names, classes)
    cue_by_name = {name: cue for cue, name in COCO_NAMES.items()}
    found = {class_id: cue_by_name.get(name, name) for class_id, name in names.items()}
    found = {class_id: cue for class_id, cue in found.items() if cue in cues}
    if not found:
        raise DatasetError(
            f"{folder}: no class name in data.yaml is a cue: give --classes with a YAML map of class ids or names to "
            f"cues ({', '.join(sorted(cues)[:6])}, ...)"
        )
    return found


def _mapped(content: Any, names: Mapping[int, str], path: Path) -> dict[int, str]:
    if not isinstance(content, dict) or not content:
        raise DatasetError(f"{path} must map class ids or names to cues, e.g. '0: person', got {shown(content)}")
    id_by_name = {name: class_id for class_id, name in names.items()}
    result: dict[int, str] = {}
    for key, cue in content.items():
        class_id = key if isinstance(key, int) and not isinstance(key, bool) else id_by_name.get(str(key))
        if class_id is None:
            raise DatasetError(f"{path}: class {key!r} is not in data.yaml ({', '.join(id_by_name) or 'no names'})")
        if not isinstance(cue, str) or cue not in vocabulary().cues:
            raise DatasetError(
                f"{path}: class {key!r} is mapped to {shown(cue)}, which is no cue of the vocabulary; "
                "leave the class out to pass it over"
            )
        result[class_id] = cue
    return result


def _places(path: Path, *, asked: bool) -> dict[str, str]:
    """Place by file name of the picture."""
    if not asked and not path.is_file():
        return {}
    rows = read_table(path, "image")
    column = next((name for name in ("place", "scene") if rows and name in rows[0]), None)
    if column is None:
        raise DatasetError(f"{path} needs the columns image and place (or scene)")
    return {row["image"]: row[column] for row in rows}


def _yaml(path: Path) -> Any:
    try:
        return read_yaml(path)
    except YAML_FAULTS as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
