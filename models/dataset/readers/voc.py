"""Pascal VOC: one XML file per picture, ``object/name`` and ``object/bndbox/xmin ymin xmax ymax`` in px.

VOC's own tools counted pixels from 1, most others that write the format count from 0. The numbers are taken as they
stand: the difference is one pixel.
"""

from __future__ import annotations

from pathlib import Path

from models.dataset.picture import Picture
from models.dataset.problems import Effect, Kind
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels
from models.dataset.readers.folder import SourceFolder
from models.dataset.readers.text_file import declared_size_px, number
from models.dataset.readers.xml_tree import Node, read_xml
from models.errors import DatasetError


def read_voc(folder: SourceFolder) -> SourceLabels:
    """Read the XML files of the wanted pictures."""
    wanted, present = folder.wanted_by_stem(), {Path(name).stem for name in folder.present}
    labels: dict[str, PictureLabels] = {}
    for stem, path in folder.label_files(".xml").items():
        if stem in wanted:
            labels[wanted[stem].name] = _labels(folder, path, wanted[stem])
        elif stem not in present:
            folder.report(path, Kind.LABEL_WITHOUT_PICTURE, Effect.IGNORED)
    return SourceLabels(labels)


def _labels(folder: SourceFolder, path: Path, picture: Picture) -> PictureLabels:
    if path.is_file() and path.stat().st_size == 0:
        folder.report(path, Kind.EMPTY_LABEL_FILE, Effect.NOT_REVIEWED, "an XML file cannot be empty")
        return PictureLabels(path, complete=False)
    try:
        root = read_xml(path, folder.limits.label_bytes)
    except DatasetError as error:
        folder.report(path, Kind.LABELS_UNREADABLE, Effect.NOT_REVIEWED, str(error))
        return PictureLabels(path, complete=False)
    size = root.child("size")
    declared = _declared(size)
    stored = folder.frame(path, picture, declared, size.line if size else "")
    size_px = declared or (picture.stored_size_px if stored else (picture.width_px, picture.height_px))
    boxes: list[RawBox] = []
    complete = True
    for item in root.all("object"):
        try:
            boxes.append(_box(item, size_px))
        except ValueError as error:
            complete = False
            folder.report(path, Kind.MALFORMED_BOX, Effect.NOT_REVIEWED, str(error), item.line)
    return PictureLabels(path, tuple(boxes), stored, complete)


def _declared(size: Node | None) -> tuple[int, int] | None:
    """(width, height) in px where the file states them; some tools write 0."""
    return declared_size_px(size.value("width"), size.value("height")) if size else None


def _box(item: Node, size_px: tuple[int, int]) -> RawBox:
    name = item.value("name")
    if not name:
        raise ValueError("object without a name")
    corners = [item.value("bndbox", tag) for tag in ("xmin", "ymin", "xmax", "ymax")]
    if None in corners:
        raise ValueError(f"object {name!r} has no bndbox with xmin, ymin, xmax, ymax")
    left, top, right, bottom = (number(text) for text in corners)
    return RawBox.of_corners(None, name, (left, top, right, bottom), size_px, str(item.line))
