"""Coverage as a map that people look at: how often each piece of ground was seen well."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from detector.errors import InputError
from edge.coverage.cells import CELL_M, CellId, Covered
from edge.sheet import Sheet

_POOR: Final = "#d8b4a0"
_SHADES: Final = ((1, "#c6dbef", "1"), (2, "#6baed6", "2"), (3, "#2171b5", "3 – 5"), (6, "#08306b", "≥ 6"))
"""Good visits from which a shade holds, the shade, and its words: blues of ColorBrewer, told apart by all eyes."""


def draw(covered: Covered, path: Path) -> None:
    """Draw the map to an ``.svg`` file or an ``.html`` page.

    Raises:
        InputError: nothing was looked at, or `path` ends in neither.
    """
    if not covered.cells:
        raise InputError("nothing was looked at whose place is known: there is no map to draw")
    looked = covered.looked
    seen = [cell for cell in covered.cells.values() if cell.last_good_at is not None]
    span = ""
    if seen:
        first, last = min(c.first_at for c in seen), max(c.last_at for c in seen)
        span = f"{first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M} UTC · "
    title = "巡查覆盖图 · Ground looked at"
    sheet = Sheet(
        title, f"{span}WGS-84 · {covered.patrols} 次巡查 patrols", [p for c in covered.cells for p in c.corners]
    )
    for run, shade in _runs(covered):
        first_id, last_id = run
        (west_south, _, _, west_north), (_, east_south, east_north, _) = first_id.corners, last_id.corners
        sheet.ring([west_south, east_south, east_north, west_north], fill=shade)
    sheet.heading("清晰看到的次数 · Times well seen")
    for _, shade, words in _SHADES:
        sheet.key(shade, words)
    sheet.key(_POOR, "看过但不清晰 · looked at, not well seen")
    sheet.heading("合计 · Total")
    sheet.say(f"清晰巡查 well seen: {looked.good_km:.2f} km")
    sheet.say(f"全部行程 looked at: {looked.way_km:.2f} km")
    sheet.say(f"清晰覆盖面积 ground well seen: {covered.area_m2 / 1e4:.2f} ha")
    if looked.standing_h:
        sheet.say(f"固定摄像头 standing cameras: {looked.standing_h:.1f} h")
    sheet.say(f"每格 cell: {CELL_M:g} m × {CELL_M:g} m")
    sheet.save(path)


def _runs(covered: Covered) -> Iterator[tuple[tuple[CellId, CellId], str]]:
    """Neighbours of one row and shade as one rectangle: a city is a hundred thousand cells."""
    shaded = ((cell_id, _shade(cell.good_visits)) for cell_id, cell in covered.cells.items())
    numbered = ((cell_id, shade, cell_id.column - place) for place, (cell_id, shade) in enumerate(shaded))
    for (_, _, shade), group in groupby(numbered, key=lambda entry: (entry[0].row, entry[2], entry[1])):
        ids = [entry[0] for entry in group]
        yield (ids[0], ids[-1]), shade


def _shade(visits: int) -> str:
    return next((shade for least, shade, _ in reversed(_SHADES) if visits >= least), _POOR)
