"""What a source says about one picture, checked: boxes that make sense, and the cues that count as reviewed."""

from __future__ import annotations

from models.dataset.picture import Picture
from models.dataset.problems import Effect, Kind
from models.dataset.raw_box import PictureLabels, RawBox, SourceLabels, clipped, fault, turned
from models.dataset.readers import SourceFolder
from models.label_box import LabelBox
from models.recipe import SourceSpec


def checked_labels(
    folder: SourceFolder, source: SourceSpec, labels: SourceLabels, picture: Picture
) -> tuple[tuple[LabelBox, ...], frozenset[str]]:
    """The boxes of a picture that make sense, and the cues that count as reviewed in it.

    A cue counts as reviewed when the source labels it and nothing of it was lost: a box that had to be left out takes
    its cue along, a line that says nothing at all takes every cue.
    """
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
