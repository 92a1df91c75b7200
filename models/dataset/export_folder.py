"""The folder that ``kerbwatch label export`` wrote, as a data set of its own."""

from __future__ import annotations

from pathlib import Path

from models.dataset.csv_table import read_table
from models.dataset.limits import Limits
from models.dataset.picture import read_picture
from models.dataset.problems import ProblemLog
from models.dataset.raw_box import fault
from models.dataset.readers.folder import SourceFolder
from models.dataset.readers.yolo import names_of_data_yaml, read_lines
from models.dataset.sample import IMAGE_SUFFIXES, SPLITS, Sample
from models.errors import DatasetError
from models.label_box import LabelBox


def samples_of_export(folder: Path) -> tuple[list[Sample], list[str]]:
    """The pictures of a ``kerbwatch label export`` folder, and its cue names in class order.

    Reads ``data.yaml`` (names), ``images/``, ``labels/``, ``reviewed_cues.csv`` (image, cues) and ``provenance.csv``
    (image, place, split): the split is the export's own, for it knows which pictures show the same place. The product
    wrote these files, so a fault in them is an error and not a matter for a list.

    Raises:
        DatasetError: a file is missing, a picture does not decode, a label line is malformed, or there is no picture.
    """
    names = names_of_data_yaml(folder / "data.yaml")
    images = sorted(path for path in (folder / "images").glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise DatasetError(f"no picture below {folder / 'images'}: is it a folder written by `kerbwatch label export`?")
    reviewed = {row["image"]: row["cues"].split() for row in read_table(folder / "reviewed_cues.csv", "image", "cues")}
    provenance = read_table(folder / "provenance.csv", "image", "place", "split")
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
        boxes = _boxes(folder, image, names)
        samples.append(Sample(image, folder.name, place, split, frozenset(reviewed[image.name]), boxes))
    return samples, names


def _boxes(folder: Path, image: Path, names: list[str]) -> tuple[LabelBox, ...]:
    path = folder / "labels" / f"{image.stem}.txt"
    if not path.is_file():  # an export writes one for every picture, empty where nothing was found
        raise DatasetError(f"{path} is missing: export again")
    try:
        picture = read_picture(image, Limits())
    except DatasetError as error:
        raise DatasetError(f"{image} cannot be used ({error}); export again") from error
    log = ProblemLog(folder)
    reader = SourceFolder(
        name=folder.name,
        root=folder,
        annotations=folder / "labels",
        pictures={},
        present=frozenset(),
        stored_frame=False,
        empty_means_none=True,
        limits=Limits(),
        problems=log,
    )
    labels = read_lines(reader, path)
    for problem in log.sorted:
        raise DatasetError(f"{path}:{problem.line}: {problem.detail}")
    boxes: list[LabelBox] = []
    for raw in labels.boxes:
        wrong = fault(raw, picture.width_px, picture.height_px)
        if wrong is not None:
            raise DatasetError(f"{path}:{raw.line}: {wrong.value.replace('_', ' ')}, fractions of 0..1 expected")
        if raw.class_id is None or not 0 <= raw.class_id < len(names):
            raise DatasetError(f"{path}:{raw.line}: class {raw.class_id} is not one of the {len(names)} in data.yaml")
        boxes.append(LabelBox(names[raw.class_id], raw.cx, raw.cy, raw.w, raw.h, "hand"))
    return tuple(boxes)
