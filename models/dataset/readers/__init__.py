"""One reader per label format, behind one protocol.

A reader never decides about the split, the cues or the geometry: it says what the file says, and reports what it
cannot read.
"""

from __future__ import annotations

from models.dataset.readers.coco import read_coco
from models.dataset.readers.cvat import read_cvat
from models.dataset.readers.export import read_export
from models.dataset.readers.folder import LabelReader, SourceFolder
from models.dataset.readers.labelme import read_labelme
from models.dataset.readers.voc import read_voc
from models.dataset.readers.yolo import read_yolo

__all__ = ["DEFAULT_ANNOTATIONS", "READERS", "LabelReader", "SourceFolder"]

READERS: dict[str, LabelReader] = {
    "yolo": read_yolo,
    "voc": read_voc,
    "coco": read_coco,
    "cvat": read_cvat,
    "labelme": read_labelme,
    "export": read_export,
}
DEFAULT_ANNOTATIONS = {
    "yolo": "labels",
    "voc": "annotations",
    "coco": "annotations.json",
    "cvat": "annotations.xml",
    "labelme": "labels",
    "export": "labels",
}
"""Where the labels are below a source's folder, unless its recipe says otherwise."""
