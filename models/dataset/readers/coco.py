"""COCO: one JSON file for the whole source, ``images``, ``categories`` and ``annotations`` with ``bbox`` x y w h in px.

A place in the file is told as ``annotations[3]``: such files are often one single line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.dataset.problems import Effect, Kind
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels
from models.dataset.readers.folder import SourceFolder, plain_name
from models.dataset.readers.text_file import declared_size_px, number, objects, read_json


def read_coco(folder: SourceFolder) -> SourceLabels:
    """Read the annotation file.

    Raises:
        DatasetError: it is missing or no JSON: nothing of the source can be used.
    """
    path = folder.annotations
    content = read_json(path, folder.limits.annotation_bytes)
    classes = _classes(folder, objects(content.get("categories")))
    name_by_id, mixed_up = _pictures(folder, objects(content.get("images")))
    boxes: dict[str, list[RawBox]] = {name: [] for name in name_by_id.values() if name in folder.pictures}
    stored: dict[str, bool] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for index, item in enumerate(objects(content.get("images"))):
        name = name_by_id.get(_key(item.get("id")))
        if name is not None and name in folder.pictures and name not in sizes:
            stored[name], sizes[name] = _frame(folder, path, name, item, f"images[{index}]")
    torn: set[str] = set()
    for index, item in enumerate(objects(content.get("annotations"))):
        line = f"annotations[{index}]"
        name = name_by_id.get(_key(item.get("image_id")))
        if name is None:
            detail = f"no picture has the id {item.get('image_id')!r}"
            folder.report(path, Kind.LABEL_WITHOUT_PICTURE, Effect.IGNORED, detail, line)
        elif name in boxes:
            try:
                boxes[name].append(_box(item, classes, sizes[name], line))
            except ValueError as error:
                torn.add(name)
                crowd = Kind.NOT_A_BOX if item.get("iscrowd") == 1 else Kind.MALFORMED_BOX
                folder.report(path, crowd, Effect.NOT_REVIEWED, str(error), line)
    labels = {
        name: PictureLabels(path, tuple(found), stored[name], complete=name not in torn)
        for name, found in boxes.items()
        if name not in mixed_up
    }
    labels |= {name: PictureLabels(path, complete=False) for name in mixed_up}
    return SourceLabels(labels, classes)


def _key(value: Any) -> Any:
    """An id that can be looked up: lists and objects are no ids."""
    return value if isinstance(value, int | str) else None


def _classes(folder: SourceFolder, categories: list[dict[str, Any]]) -> dict[int, str]:
    classes: dict[int, str] = {}
    for index, item in enumerate(categories):
        class_id, name = item.get("id"), item.get("name")
        if isinstance(class_id, int) and isinstance(name, str) and classes.get(class_id, name) == name:
            classes[class_id] = name
        else:
            detail = f"a category needs an integer id of its own and a name, got {item!r}"
            folder.report(folder.annotations, Kind.MALFORMED_BOX, Effect.IGNORED, detail, f"categories[{index}]")
    return classes


def _pictures(folder: SourceFolder, images: list[dict[str, Any]]) -> tuple[dict[Any, str], set[str]]:
    """Picture name by id, and the pictures whose boxes may be another's; these and entries without a file are reported.

    Two ids of one name are two pictures of two folders, of which one lies here; two names of one id share its boxes.
    """
    names: dict[Any, str] = {}
    keys: dict[str, Any] = {}
    mixed_up: set[str] = set()
    for index, item in enumerate(images):
        key, file_name = _key(item.get("id")), item.get("file_name")
        name = plain_name(file_name) if isinstance(file_name, str) else None
        if key is not None and name in folder.present:
            other = names.setdefault(key, name)
            if other != name or keys.setdefault(name, key) != key:
                mixed_up |= {other, name}
                detail = f"id {key!r} or file_name {file_name!r} stands there twice: whose boxes are whose?"
                folder.report(folder.annotations, Kind.SAME_NAME, Effect.NOT_REVIEWED, detail, f"images[{index}]")
        else:
            detail = f"id {item.get('id')!r}, file_name {file_name!r}"
            folder.report(folder.annotations, Kind.LABEL_WITHOUT_PICTURE, Effect.IGNORED, detail, f"images[{index}]")
    return names, mixed_up


def _frame(
    folder: SourceFolder, path: Path, name: str, item: dict[str, Any], line: str
) -> tuple[bool, tuple[int, int]]:
    picture = folder.pictures[name]
    width, height = item.get("width"), item.get("height")
    declared = declared_size_px(width, height)
    stored = folder.frame(path, picture, declared, line)
    return stored, declared or (picture.stored_size_px if stored else (picture.width_px, picture.height_px))


def _box(item: dict[str, Any], classes: dict[int, str], size_px: tuple[int, int], line: str) -> RawBox:
    class_id, bbox = item.get("category_id"), item.get("bbox")
    if item.get("iscrowd") == 1:
        raise ValueError("a crowd is no single box")
    if not isinstance(class_id, int):
        raise ValueError(f"category_id must be an integer, got {class_id!r}")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError(f"bbox must be [x, y, width, height], got {bbox!r}")
    left, top, width, height = (number(part) for part in bbox)
    corners = (left, top, left + width, top + height)
    return RawBox.of_corners(class_id, classes.get(class_id), corners, size_px, line)
