"""Pieces of an SVG picture: text, outlines, and labels that keep out of each other's way."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FONT = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',Arial,sans-serif"

_SHIFTS = tuple(
    sorted(
        ((down, right) for down in (0.0, 1.0, -1.0, 1.7, -1.7, 2.6, -2.6) for right in (0.0, 0.4, -0.4)),
        key=lambda shift: abs(shift[0]) + 2.0 * abs(shift[1]),
    )
)
"""Where a label may go when its own spot is taken, nearest first: heights down, widths to the right."""


@dataclass
class Labels:
    """Labels that do not lie on each other: the first to come stays."""

    taken: list[tuple[float, float, float, float]] = field(default_factory=list[tuple[float, float, float, float]])

    def place(self, x: float, y: float, lines: Sequence[str], size: float) -> tuple[float, float] | None:
        """Middle of the label near (x, y), or `None` when there is no room."""
        width = max(text_width(line, size) for line in lines)
        height = size * 1.25 * len(lines)
        for down, right in _SHIFTS:
            middle = x + right * width, y + down * height
            box = (middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2)
            if not any(
                box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
                for other in self.taken
            ):
                self.taken.append(box)
                return middle
        return None


def path(rings: Sequence[Array]) -> str:
    """Closed outlines, (N, 2) px each, as path data."""
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring.tolist()) + "Z" for ring in rings)


def text_width(words: str, size: float) -> float:
    """About how wide a text is, px."""
    return sum(size if unicodedata.east_asian_width(char) in "WFA" else 0.56 * size for char in words)


def text(
    x: float, y: float, words: str, size: float, *, fill: str = "#222", weight: int = 400, anchor: str = "start"
) -> str:
    """One line of text on its base line."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def wrapped(words: str, size: float, width: float) -> list[str]:
    """A text in lines no wider than `width` px; Chinese may break anywhere, other words at blanks."""
    lines: list[str] = [""]
    for word in _breakable(words):
        if lines[-1] and text_width(lines[-1] + word.rstrip(), size) > width:
            lines.append("")
        lines[-1] += word if lines[-1] else word.lstrip()
    return [line.rstrip() for line in lines if line.strip()]


def _breakable(words: str) -> Iterable[str]:
    """Pieces between which a line may break."""
    piece = ""
    for char in words:
        piece += char
        if char == " " or unicodedata.east_asian_width(char) in "WF":
            yield piece
            piece = ""
    if piece:
        yield piece


def label(x: float, middle: float, lines: Sequence[str], size: float, *, fill: str = "#222") -> Iterable[str]:
    """Lines on a halo, so that they read on any ground; the first is bold."""
    top = middle - size * 1.25 * (len(lines) - 1) / 2.0 + size * 0.35
    for number, line in enumerate(lines):
        weight, own = (700, size) if number == 0 else (400, size * 0.9)
        yield (
            f'<text x="{x:.1f}" y="{top + number * size * 1.25:.1f}" font-size="{own:.1f}" font-weight="{weight}" '
            f'fill="{fill}" stroke="#fff" stroke-width="3" stroke-opacity=".85" paint-order="stroke" '
            f'stroke-linejoin="round" text-anchor="middle" pointer-events="none">{escape(line)}</text>'
        )
