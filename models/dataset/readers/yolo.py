"""YOLO: one text file per picture, lines ``class cx cy w h`` or ``class x1 y1 x2 y2 x3 y3 ...`` (an outline).

All numbers are fractions of the picture. ``data.yaml`` or ``classes.txt`` beside the labels name the classes.
"""

from __future__ import annotations

from pathlib import Path

from models.dataset.problems import Effect, Kind
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels, around
from models.dataset.readers.folder import SourceFolder
from models.dataset.readers.text_file import read_text
from models.errors import DatasetError
from models.yaml_file import YAML_FAULTS, read_yaml, shown


def read_yolo(folder: SourceFolder) -> SourceLabels:
    """Read the label files of the wanted pictures."""
    wanted, present = folder.wanted_by_stem(), {Path(name).stem for name in folder.present}
    labels: dict[str, PictureLabels] = {}
    for stem, path in folder.label_files(".txt").items():
        if stem in wanted:
            labels[wanted[stem].name] = read_lines(folder, path)
        elif stem not in present and stem != "classes":
            folder.report(path, Kind.LABEL_WITHOUT_PICTURE, Effect.IGNORED)
    return SourceLabels(labels, class_names(folder))


def read_lines(folder: SourceFolder, path: Path) -> PictureLabels:
    """Read one label file."""
    try:
        text = read_text(path, folder.limits.label_bytes)
    except DatasetError as error:
        folder.report(path, Kind.LABELS_UNREADABLE, Effect.NOT_REVIEWED, str(error))
        return PictureLabels(path, complete=False)
    if not text.strip() and not folder.empty_means_none:
        folder.report(path, Kind.EMPTY_LABEL_FILE, Effect.KEPT, "taken for: somebody looked and found nothing")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    boxes: list[RawBox] = []
    for number, line in lines:
        box = _box(line, number)
        if box is None:
            detail = f"expected 'class cx cy w h', got {line!r}"
            folder.report(path, Kind.MALFORMED_BOX, Effect.NOT_REVIEWED, detail, number)
        else:
            boxes.append(box)
    return PictureLabels(path, tuple(boxes), folder.stored_frame, complete=len(boxes) == len(lines))


def class_names(folder: SourceFolder) -> dict[int, str] | None:
    """Class names by id, where ``data.yaml`` or ``classes.txt`` lists them; None where neither exists.

    Raises:
        DatasetError: the file is there and does not list names.
    """
    for listed in (folder.root / "classes.txt", folder.annotations / "classes.txt"):
        if listed.is_file():
            lines = read_text(listed, folder.limits.label_bytes).splitlines()
            return dict(enumerate(line.strip() for line in lines if line.strip()))
    path = folder.root / "data.yaml"
    return dict(enumerate(names_of_data_yaml(path))) if path.is_file() else None


def names_of_data_yaml(path: Path) -> list[str]:
    """The class names in id order.

    Raises:
        DatasetError: no such file, or no names in it.
    """
    try:
        names = read_yaml(path)["names"]
    except (*YAML_FAULTS, KeyError, TypeError) as error:
        raise DatasetError(f"cannot read the class names in {path}: {error!r}") from error
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)] if all(isinstance(key, int) for key in names) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DatasetError(f"{path}: names must be a list of cue names, got {shown(names)}")
    return [str(name) for name in names]


def _box(line: str, number: int) -> RawBox | None:
    try:
        first, *rest = line.split()
        class_id, numbers = int(first), [float(part) for part in rest]
    except ValueError:
        return None
    if len(numbers) == 4:
        return RawBox(class_id, None, *numbers, line=str(number))
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        outline = list(zip(numbers[::2], numbers[1::2], strict=True))
        return RawBox.of_corners(class_id, None, around(outline), (1, 1), str(number))
    return None
