"""Which output row of the start weights carries which cue.

The start weights know the 80 COCO classes. The width of their classification branch depends on the number of
classes, so a head with another count cannot take all weights over. Training therefore keeps the 80 rows: a cue that
COCO knows stays in its own row, and a new cue moves into the row of a thing no patrol will report (a toothbrush).
After training every row without a cue is cut off (``models.prune``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.errors import RecipeError

COCO_NAMES: Mapping[str, str] = {"potted_plant": "potted plant", "table": "dining table"}
"""Cues whose COCO name differs from ours; every other cue is looked up under its own name."""

KEPT_CUES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "bus", "truck", "bench", "umbrella", "chair", "potted_plant", "table",
)  # fmt: skip
"""The street cues that COCO knows; a model keeps them unless it learns them anew."""

SPARE_NAMES: tuple[str, ...] = (
    "toothbrush", "hair drier", "toaster", "microwave", "remote", "mouse", "frisbee", "snowboard",
    "surfboard", "wine glass", "broccoli", "hot dog", "donut", "zebra", "giraffe", "elephant",
)  # fmt: skip
"""COCO rows given to new cues, in this order."""


def assign_slots(cues: Sequence[str], names: Mapping[int, str]) -> dict[str, int]:
    """Give every cue a row of the start weights' head.

    Args:
        cues: Cue names, unique.
        names: The start weights' class names by row.

    Returns:
        Row by cue, in the order of ``cues``.

    Raises:
        RecipeError: a cue is listed twice, or there are more new cues than spare rows.

    >>> assign_slots(["table", "signboard"], {0: "dining table", 1: "toothbrush"})
    {'table': 0, 'signboard': 1}
    """
    if len(set(cues)) != len(cues):
        twice = sorted({cue for cue in cues if list(cues).count(cue) > 1})
        raise RecipeError(f"cue {twice[0]!r} is listed twice: name each cue once")
    row_by_name = {name: row for row, name in names.items()}
    spare = [row_by_name[name] for name in SPARE_NAMES if name in row_by_name and name not in cues]
    slots: dict[str, int] = {}
    for cue in cues:
        known = row_by_name.get(COCO_NAMES.get(cue, cue))
        if known is None and not spare:
            raise RecipeError(f"no spare row left for the new cue {cue!r}: at most {len(SPARE_NAMES)} new cues fit")
        slots[cue] = spare.pop(0) if known is None else known
    return slots


def taught_cues(cues: Sequence[str], names: Mapping[int, str]) -> dict[int, str]:
    """The cues which the start weights already know, by row: only these can be pseudo-labelled.

    >>> taught_cues(["table", "signboard"], {0: "dining table", 1: "toothbrush"})
    {0: 'table'}
    """
    row_by_name = {name: row for row, name in names.items()}
    wanted = {COCO_NAMES.get(cue, cue): cue for cue in cues}
    return {row_by_name[name]: cue for name, cue in wanted.items() if name in row_by_name}


def spare_rows(slots: Mapping[str, int], names: Mapping[int, str]) -> dict[int, int]:
    """A row without a cue for every row with one: there the data set marks that nobody looked for the cue.

    Args:
        slots: Row by cue.
        names: The start weights' class names by row.

    Returns:
        Row of the mark by row of the cue.

    Raises:
        RecipeError: the head has fewer than two rows per cue.

    >>> spare_rows({"signboard": 1}, {0: "person", 1: "toothbrush"})
    {1: 0}
    """
    free = [row for row in sorted(names) if row not in slots.values()]
    if len(free) < len(slots):
        raise RecipeError(f"{len(slots)} cues need {2 * len(slots)} rows, the start weights' head has {len(names)}")
    return dict(zip(slots.values(), free, strict=False))
