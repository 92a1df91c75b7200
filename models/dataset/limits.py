"""How much a source may ask of the machine; what exceeds it is reported and left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one reading. Invariants: all positive.

    Attributes:
        picture_bytes, picture_px: Size of one picture file, and its width times height: a small file can unpack to
            gigabytes. 120 million px is more than any camera of a patrol has.
        label_bytes: Size of a label file of one picture.
        annotation_bytes: Size of an annotation file of a whole source, or of one that may embed its picture.
        boxes_per_picture: Lines or shapes of one picture.
    """

    picture_bytes: int = 200 << 20
    picture_px: int = 120_000_000
    label_bytes: int = 4 << 20
    annotation_bytes: int = 512 << 20
    boxes_per_picture: int = 10_000

    def __post_init__(self) -> None:
        if min(vars(self).values()) <= 0:
            raise ValueError(f"limits must be positive, got {self}")
