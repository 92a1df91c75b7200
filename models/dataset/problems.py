"""What is wrong with the data: every fault is written down with its file and line, and none ends a build.

Bad data is normal input. A reader that meets it tells the log and goes on; what it did about it is part of the row.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from detector.model.card import BothLanguages


class Kind(StrEnum):
    """What is wrong."""

    PICTURE_UNREADABLE = "picture_unreadable"
    PICTURE_HUGE = "picture_huge"
    NOT_A_PICTURE = "not_a_picture"
    HOSTILE_NAME = "hostile_name"
    SAME_NAME = "same_name"
    EXIF_TURNED = "exif_turned"
    NOT_IN_INDEX = "not_in_index"
    ONLY_IN_INDEX = "only_in_index"
    LABELS_UNREADABLE = "labels_unreadable"
    EMPTY_LABEL_FILE = "empty_label_file"
    PICTURE_WITHOUT_LABEL = "picture_without_label"
    LABEL_WITHOUT_PICTURE = "label_without_picture"
    MALFORMED_BOX = "malformed_box"
    NOT_A_BOX = "not_a_box"
    CLASS_OUT_OF_RANGE = "class_out_of_range"
    NOT_FINITE = "not_finite"
    CROSSED_BOX = "crossed_box"
    EMPTY_BOX = "empty_box"
    OFF_PICTURE = "off_picture"
    STICKS_OUT = "sticks_out"
    DOUBLE_BOX = "double_box"
    SIZE_MISMATCH = "size_mismatch"
    NEAR_DUPLICATE = "near_duplicate"
    CORRECTION_OF_ANOTHER_FILE = "correction_of_another_file"
    CORRECTION_UNUSABLE = "correction_unusable"


class Effect(StrEnum):
    """What the builder did about it."""

    KEPT = "kept"
    PICTURE_LEFT_OUT = "picture_left_out"
    BOX_LEFT_OUT = "box_left_out"
    BOX_CLIPPED = "box_clipped"
    NOT_REVIEWED = "not_reviewed"
    TURNED = "turned_upright"
    IGNORED = "ignored"


KIND_TEXTS: dict[Kind, BothLanguages] = {
    Kind.PICTURE_UNREADABLE: BothLanguages(zh="图像无法解码", en="picture does not decode"),
    Kind.PICTURE_HUGE: BothLanguages(zh="图像过大", en="picture is too large"),
    Kind.NOT_A_PICTURE: BothLanguages(zh="不是图像", en="not a picture"),
    Kind.HOSTILE_NAME: BothLanguages(zh="文件名不安全", en="unsafe file name"),
    Kind.SAME_NAME: BothLanguages(zh="重名", en="two files of one name"),
    Kind.EXIF_TURNED: BothLanguages(zh="按 EXIF 旋转", en="turned by EXIF"),
    Kind.NOT_IN_INDEX: BothLanguages(zh="index.csv 未列出", en="not in index.csv"),
    Kind.ONLY_IN_INDEX: BothLanguages(zh="仅在 index.csv 中", en="only in index.csv"),
    Kind.LABELS_UNREADABLE: BothLanguages(zh="标注文件无法读取", en="label file cannot be read"),
    Kind.EMPTY_LABEL_FILE: BothLanguages(zh="空标注文件", en="label file of 0 bytes"),
    Kind.PICTURE_WITHOUT_LABEL: BothLanguages(zh="图像无标注", en="picture without labels"),
    Kind.LABEL_WITHOUT_PICTURE: BothLanguages(zh="标注无图像", en="labels without picture"),
    Kind.MALFORMED_BOX: BothLanguages(zh="标注格式错误", en="malformed label"),
    Kind.NOT_A_BOX: BothLanguages(zh="不是框", en="not a box"),
    Kind.CLASS_OUT_OF_RANGE: BothLanguages(zh="类别超出范围", en="class out of range"),
    Kind.NOT_FINITE: BothLanguages(zh="坐标非有限数", en="coordinate is not finite"),
    Kind.CROSSED_BOX: BothLanguages(zh="框左右或上下颠倒", en="crossed box"),
    Kind.EMPTY_BOX: BothLanguages(zh="空框", en="empty box"),
    Kind.OFF_PICTURE: BothLanguages(zh="框在图像外", en="box off the picture"),
    Kind.STICKS_OUT: BothLanguages(zh="框超出图像边缘", en="box sticks out of the picture"),
    Kind.DOUBLE_BOX: BothLanguages(zh="重复框", en="box given twice"),
    Kind.SIZE_MISMATCH: BothLanguages(zh="图像尺寸与标注不符", en="picture has another size than its labels say"),
    Kind.NEAR_DUPLICATE: BothLanguages(zh="近似重复跨越划分", en="near-duplicate on another side of the split"),
    Kind.CORRECTION_OF_ANOTHER_FILE: BothLanguages(zh="更正针对另一版本图像", en="correction of another file"),
    Kind.CORRECTION_UNUSABLE: BothLanguages(zh="更正无法使用", en="unusable correction"),
}

EFFECT_TEXTS: dict[Effect, BothLanguages] = {
    Effect.KEPT: BothLanguages(zh="保留", en="kept"),
    Effect.PICTURE_LEFT_OUT: BothLanguages(zh="不用此图像", en="picture left out"),
    Effect.BOX_LEFT_OUT: BothLanguages(
        zh="不用此框；该目标视为未复核", en="box left out, its cue counts as not reviewed"
    ),
    Effect.BOX_CLIPPED: BothLanguages(zh="裁剪到图像边缘", en="clipped to the picture"),
    Effect.NOT_REVIEWED: BothLanguages(zh="该图像的目标视为未复核", en="cues count as not reviewed in this picture"),
    Effect.TURNED: BothLanguages(zh="已转正", en="turned upright"),
    Effect.IGNORED: BothLanguages(zh="忽略", en="ignored"),
}


@dataclass(frozen=True, order=True)
class Problem:
    """One fault.

    ``file`` is relative to the data root; ``line`` is a line number, an element such as ``annotations[3]`` in JSON, or
    empty when the whole file is meant.
    """

    source: str
    file: str
    line: str
    kind: Kind
    detail: str
    effect: Effect


@dataclass
class ProblemLog:
    """Collects the faults of one reading."""

    root: Path
    found: list[Problem] = field(default_factory=list)

    def add(self, source: str, file: Path, kind: Kind, effect: Effect, detail: str = "", line: int | str = "") -> None:
        """Write one down; ``file`` is told relative to the data root, for the list must not name this machine."""
        try:
            name = file.relative_to(self.root).as_posix()
        except ValueError:
            name = f"{file.parent.name}/{file.name}"
        self.found.append(Problem(source, printable(name), str(line), kind, printable(detail), effect))

    @property
    def sorted(self) -> tuple[Problem, ...]:
        """All of them, each once, in the same order on every machine."""
        return tuple(sorted(set(self.found)))


def printable(text: str, longest: int = 200) -> str:
    """Text from a file, safe to print and to put in a table: escapes instead of control characters, not too long.

    >>> printable("a\\x1b[2J\\ud800b")
    'a\\\\x1b[2J\\\\ud800b'
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[:longest] + "…"


def write_problems(problems: Iterable[Problem], path: Path) -> None:
    """Write ``problems.csv`` if it differs (UTF-8 with BOM: it holds Chinese and is opened in spreadsheets)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["source", "file", "line", "kind", "kind_zh", "detail", "effect", "effect_zh"])
    for item in problems:
        kind, effect = KIND_TEXTS[item.kind], EFFECT_TEXTS[item.effect]
        fields = [item.source, item.file, item.line, item.kind.value, kind.zh, item.detail, effect.en, effect.zh]
        # A name that begins like a formula must not become one.
        writer.writerow([f"'{field}" if field.startswith(("=", "+", "-", "@")) else field for field in fields])
    content = text.getvalue().encode("utf-8-sig")
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)


def summary(problems: Sequence[Problem]) -> list[tuple[Kind, int, Problem]]:
    """Per kind: how many, and the first of them."""
    counts = Counter(problem.kind for problem in problems)
    return [(kind, count, next(p for p in problems if p.kind == kind)) for kind, count in sorted(counts.items())]
