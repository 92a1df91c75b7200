"""The product's own label export: YOLO files, and for each picture which cues a reviewer looked for."""

from __future__ import annotations

from dataclasses import replace

from models.dataset.csv_table import read_table
from models.dataset.raw_box import SourceLabels
from models.dataset.readers.folder import SourceFolder
from models.dataset.readers.yolo import class_names, read_yolo


def read_export(folder: SourceFolder) -> SourceLabels:
    """Read what ``kerbwatch label export`` wrote.

    An empty label file is no fault here: the reviewed cues say what it means.

    Raises:
        DatasetError: ``data.yaml`` or ``reviewed_cues.csv`` is missing or malformed.
    """
    rows = read_table(folder.root / "reviewed_cues.csv", "image", "cues")
    reviewed = {row["image"]: frozenset(row["cues"].split()) for row in rows}
    labels = read_yolo(replace(folder, empty_means_none=True)).by_picture
    told = {name: replace(found, reviewed=reviewed[name]) for name, found in labels.items() if name in reviewed}
    return SourceLabels(told, class_names(folder))
