"""Hand corrections: people looked at pictures, and their boxes replace what the source or the teacher said.

A set is a folder with ``reviewed.csv`` (source, image, sha256, cues, date) and ``boxes.csv`` (source, image, cue,
left_px, top_px, right_px, bottom_px, how, note). For the cues that ``reviewed.csv`` names, the boxes of ``boxes.csv``
are the complete truth of that picture; about every other cue the set says nothing. Pixels are those of the picture as
people see it. ``sha256`` binds a correction to one file: of another file it would be wrong by an unknown amount.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from models.dataset.csv_table import read_table
from models.dataset.picture import Picture
from models.dataset.problems import Effect, Kind, ProblemLog
from models.dataset.raw_box import RawBox, clipped, fault
from models.dataset.readers.text_file import number
from models.dataset.sample import Sample
from models.errors import DatasetError
from models.label_box import LabelBox

HOWS = frozenset({"teacher", "moved", "drawn", "source"})
"""teacher: proposed, looked at, kept. moved: proposed and corrected. drawn: by hand. source: the source's, kept."""


@dataclass(frozen=True)
class _Review:
    file: Path
    line: int
    sha256: str
    cues: frozenset[str]


@dataclass(frozen=True)
class _Row:
    file: Path
    line: int
    values: Mapping[str, str]


class Corrections:
    """The sets that one source names, in order; a later set replaces the cues of an earlier one."""

    def __init__(self, root: Path | None, sets: Iterable[str], source: str, known_cues: Collection[str]) -> None:
        """Read the sets.

        Args:
            root: Folder of all sets (``datasets/corrections``).
            sets: Names of the sets to use.
            source: Whose corrections: rows of other sources are not looked at.
            known_cues: A cue outside is a typing error, and reported.

        Raises:
            DatasetError: a set or one of its two files is missing or lacks a column.
        """
        self._source = source
        self._known = frozenset(known_cues)
        self._reviews: dict[str, list[_Review]] = {}
        self._boxes: dict[tuple[Path, str], list[_Row]] = {}
        for name in sets:
            folder = (root / name) if root is not None else None
            if folder is None or not folder.is_dir():
                raise DatasetError(f"{source} wants the corrections {name!r}, but there is no folder {folder}")
            self._read(folder)

    def _read(self, folder: Path) -> None:
        reviewed, boxes = folder / "reviewed.csv", folder / "boxes.csv"
        for line, row in enumerate(read_table(reviewed, "source", "image", "sha256", "cues"), start=2):
            if row["source"] == self._source:
                review = _Review(boxes, line, row["sha256"], frozenset(row["cues"].split()))
                self._reviews.setdefault(_nfc(row["image"]), []).append(review)
        columns = ("source", "image", "cue", "left_px", "top_px", "right_px", "bottom_px", "how")
        for line, row in enumerate(read_table(boxes, *columns), start=2):
            if row["source"] == self._source:
                self._boxes.setdefault((boxes, _nfc(row["image"])), []).append(_Row(boxes, line, row))

    def report_strangers(self, present: Collection[str], log: ProblemLog) -> None:
        """Report corrections of pictures that the source does not hold."""
        for name in sorted(set(self._reviews) - set(present)):
            for review in self._reviews[name]:
                detail = f"{self._source} has no picture {name!r}"
                file = review.file.with_name("reviewed.csv")
                log.add(self._source, file, Kind.CORRECTION_UNUSABLE, Effect.IGNORED, detail, review.line)
        for file, name in sorted(self._boxes):
            if all(review.file != file for review in self._reviews.get(name, [])):
                first = self._boxes[file, name][0]
                detail = f"{name!r} has boxes but stands not in reviewed.csv"
                log.add(self._source, file, Kind.CORRECTION_UNUSABLE, Effect.IGNORED, detail, first.line)

    def apply(self, sample: Sample, picture: Picture, log: ProblemLog) -> Sample:
        """The sample with what people said about its picture."""
        for review in self._reviews.get(sample.name, []):
            if review.sha256.lower() != picture.sha256:
                detail = f"{sample.name} has sha256 {picture.sha256[:12]}, looked at was {review.sha256[:12]}"
                file = review.file.with_name("reviewed.csv")
                kind = Kind.CORRECTION_OF_ANOTHER_FILE
                log.add(self._source, file, kind, Effect.IGNORED, detail, review.line)
                continue
            sample = self._corrected(sample, picture, review, log)
        return sample

    def _corrected(self, sample: Sample, picture: Picture, review: _Review, log: ProblemLog) -> Sample:
        unknown = sorted(review.cues - self._known)
        if unknown:
            detail = f"unknown cue {unknown[0]!r}"
            file = review.file.with_name("reviewed.csv")
            log.add(self._source, file, Kind.CORRECTION_UNUSABLE, Effect.IGNORED, detail, review.line)
        cues = review.cues & self._known
        drawn: list[LabelBox] = []
        lost: set[str] = set()
        for row in self._boxes.get((review.file, sample.name), []):
            cue = row.values["cue"]
            if cue not in cues:
                detail = f"{sample.name}: {cue!r} is not among its reviewed cues"
                log.add(self._source, row.file, Kind.CORRECTION_UNUSABLE, Effect.IGNORED, detail, row.line)
                continue
            box = _box(row, picture, self._source, log)
            if box is None:
                lost.add(cue)
            elif box in drawn:
                log.add(self._source, row.file, Kind.DOUBLE_BOX, Effect.IGNORED, cue, row.line)
            else:
                drawn.append(box)
        kept = tuple(box for box in sample.boxes if box.cue not in cues)
        return replace(sample, boxes=kept + tuple(drawn), reviewed=(sample.reviewed | cues) - lost)


def _box(row: _Row, picture: Picture, source: str, log: ProblemLog) -> LabelBox | None:
    values = row.values
    try:
        corners = tuple(number(values[side]) for side in ("left_px", "top_px", "right_px", "bottom_px"))
        if values["how"] not in HOWS:
            raise ValueError(f"how must be one of {', '.join(sorted(HOWS))}, got {values['how']!r}")
    except ValueError as error:
        log.add(source, row.file, Kind.CORRECTION_UNUSABLE, Effect.BOX_LEFT_OUT, str(error), row.line)
        return None
    size_px = (picture.width_px, picture.height_px)
    raw = RawBox.of_corners(None, values["cue"], (corners[0], corners[1], corners[2], corners[3]), size_px, "")
    wrong = fault(raw, *size_px)
    if wrong is Kind.STICKS_OUT:
        raw = clipped(raw)
        log.add(source, row.file, wrong, Effect.BOX_CLIPPED, f"{corners}", row.line)
    elif wrong is not None:
        log.add(source, row.file, wrong, Effect.BOX_LEFT_OUT, f"{corners}", row.line)
        return None
    return LabelBox(values["cue"], raw.cx, raw.cy, raw.w, raw.h, "hand", how=values["how"])


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
