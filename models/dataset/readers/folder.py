"""What every reader is given, and the protocol it fulfils."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.dataset.limits import Limits
from models.dataset.picture import Picture
from models.dataset.problems import Effect, Kind, ProblemLog
from models.dataset.raw_box import PictureLabels, SourceLabels


@dataclass(frozen=True)
class SourceFolder:
    """One source on disk.

    Attributes:
        name: The source.
        root: Its folder.
        annotations: Where its labels are: a folder or one file, by format.
        pictures: The pictures that are wanted and decode, by name (NFC).
        present: Names of all its pictures, wanted or not: labels of the others are nothing to report.
        stored_frame: Labels that do not say for which size they are belong to the file before EXIF turns it.
        empty_means_none: A label file of 0 bytes says that somebody looked and found nothing.
        limits: How much to read at most.
        problems: Where faults are written down.
    """

    name: str
    root: Path
    annotations: Path
    pictures: Mapping[str, Picture]
    present: frozenset[str]
    stored_frame: bool
    empty_means_none: bool
    limits: Limits
    problems: ProblemLog

    def report(self, file: Path, kind: Kind, effect: Effect, detail: str = "", line: int | str = "") -> None:
        """Write a fault of this source down."""
        self.problems.add(self.name, file, kind, effect, detail, line)

    def label_files(self, suffix: str) -> dict[str, Path]:
        """Label files by stem (NFC), for the formats with one file per picture."""
        if not self.annotations.is_dir():
            return {}
        files = sorted(path for path in self.annotations.iterdir() if path.suffix.lower() == suffix)
        return {unicodedata.normalize("NFC", path.stem): path for path in files}

    def wanted_by_stem(self) -> dict[str, Picture]:
        """The wanted pictures by the stem of their name."""
        return {Path(name).stem: picture for name, picture in self.pictures.items()}

    def frame(self, file: Path, picture: Picture, declared_px: tuple[int, int] | None, line: int | str = "") -> bool:
        """Whether labels made for a picture of ``declared_px`` (width, height) belong to the stored, unturned file.

        A size that fits neither is reported; fractions of the declared size are used then.
        """
        shown = (picture.width_px, picture.height_px)
        if declared_px is None or picture.stored_size_px == shown == declared_px:
            return self.stored_frame
        if declared_px == shown:
            return False
        if declared_px == picture.stored_size_px:
            return True
        detail = f"labels are for {declared_px[0]}x{declared_px[1]} px, the picture has {shown[0]}x{shown[1]} px"
        self.report(file, Kind.SIZE_MISMATCH, Effect.KEPT, detail, line)
        return self.stored_frame

    def told_twice(self, file: Path, name: str, line: int | str = "") -> PictureLabels:
        """What counts when labels stand in two places for one picture name: none of them.

        Two pictures of one name in two folders look like this in a file of their labelling tool; which of them lies
        here cannot be known, so nothing counts as reviewed.
        """
        detail = f"{name} has labels in two places: which of them are for this picture?"
        self.report(file, Kind.SAME_NAME, Effect.NOT_REVIEWED, detail, line)
        return PictureLabels(file, complete=False)


class LabelReader(Protocol):
    """Reads one format."""

    def __call__(self, folder: SourceFolder, /) -> SourceLabels:
        """The labels of a source's wanted pictures.

        A picture that the result does not name has no labels at all, which is not the same as none in it.
        """
        ...


def plain_name(text: str) -> str:
    """The file name at the end of a path of any system, composed: annotation files carry the paths of their maker.

    >>> plain_name("C:\\\\data\\\\a.jpg"), plain_name("../x/b.jpg")
    ('a.jpg', 'b.jpg')
    """
    return unicodedata.normalize("NFC", text.replace("\\", "/").rsplit("/", 1)[-1])
