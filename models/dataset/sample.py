"""The container that travels through the room: one picture with its labels, and the data set made of them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.label_box import LabelBox
from models.slots import spare_rows

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Chip:
    """Where in a mosaic a picture was cut out: a cell of a grid of equal squares, ``size_m`` wide where known."""

    mosaic: str
    row: int
    column: int
    size_m: float | None = None


@dataclass(frozen=True)
class Sample:
    """One picture of a data set.

    ``place`` decides the split; ``reviewed`` are the cues whose boxes people drew (or confirmed absent) in it: a cue
    not reviewed is the teacher's to fill in, or is left out of the loss.

    ``scene`` is the source's own name of where and when it was taken, ``taken_s`` the time read from it (s, in the
    clock of its source; only differences mean something), ``chip`` the cell of the mosaic that it is. ``orientation``
    is the EXIF value 1..8 of the stored file.
    """

    image: Path
    source: str
    place: str
    split: str
    reviewed: frozenset[str]
    boxes: tuple[LabelBox, ...] = ()
    scene: str = ""
    taken_s: int | None = None
    chip: Chip | None = None
    orientation: int = 1

    @property
    def name(self) -> str:
        """Its file name in a built data set: composed Unicode (NFC), so that every system spells it the same."""
        return unicodedata.normalize("NFC", self.image.name)

    @property
    def stem(self) -> str:
        """``name`` without its suffix: the name of its label file."""
        return Path(self.name).stem


@dataclass(frozen=True)
class BuiltDataset:
    """A data set on disk. ``slots`` maps each cue to its row of the 80-row head."""

    folder: Path
    slots: Mapping[str, int]
    names: Mapping[int, str]
    samples: tuple[Sample, ...] = field(repr=False)
    manifest_sha256: str

    @property
    def unreviewed_rows(self) -> dict[int, int]:
        """Row by row of a cue in which a label over the whole picture says that nobody looked for it."""
        return spare_rows(self.slots, self.names)

    @property
    def data_yaml(self) -> Path:
        """The file the trainer library is pointed at."""
        return self.folder / "data.yaml"


def unlabelled(samples: Iterable[Sample], cues: Iterable[str], taught: Iterable[str]) -> Counter[str]:
    """Training pictures by cue that nobody labelled there: not reviewed, and nothing that the teacher knows.

    They teach nothing about the cue; where there are many of them, the cue has seen little.
    """
    untaught = set(cues) - set(taught)
    return Counter(cue for s in samples if s.split == "train" for cue in untaught - s.reviewed)


def count_boxes(samples: Iterable[Sample]) -> Counter[tuple[str, str, str]]:
    """Boxes by (split, cue, origin)."""
    return Counter((sample.split, box.cue, box.origin) for sample in samples for box in sample.boxes)
