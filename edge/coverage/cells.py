"""Many looks laid over each other: for each cell of ground, how often it was looked at, when last, and how well.

Cells tile the Earth in rows of equal height; within a band of rows their columns line up. A cell belongs to a look when
its middle does, so looks that overlap count their ground twice and their gaps stay gaps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import Final

import numpy as np
import shapely

from detector.geo.plane import metres_per_degree
from edge.coverage.looks import Look
from edge.coverage.totals import Looked
from edge.progress import ProgressBar

CELL_M: Final = 10.0
APART: Final = timedelta(minutes=5)
"""Looks at a cell nearer in time than this are one visit."""
_ROW_DEG: Final = CELL_M / 111_000.0
_BAND_ROWS: Final = 1000


@dataclass(frozen=True, slots=True, order=True)
class CellId:
    """Row from the equator northwards, column from Greenwich eastwards."""

    row: int
    column: int

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """West-south, east-south, east-north, west-north; degrees."""
        width_deg = column_deg(self.row)
        west, south = self.column * width_deg, self.row * _ROW_DEG
        east, north = west + width_deg, south + _ROW_DEG
        return (west, south), (east, south), (east, north), (west, north)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one cell.

    Attributes:
        visits: how often it was looked at, however badly.
        good_visits: how often a stall there would have been found and placed.
        first_at, last_at: UTC of the first and the last look.
        last_good_at: the last good one, `None` without any.
        best_sharp, best_sigma_m: of all looks.
    """

    visits: int
    good_visits: int
    first_at: datetime
    last_at: datetime
    last_good_at: datetime | None
    best_sharp: float
    best_sigma_m: float


@dataclass(frozen=True, slots=True)
class Covered:
    """All looks together.

    Attributes:
        cells: by id, in order.
        looked: how much that was.
        patrols: of how many.
    """

    cells: dict[CellId, Cell]
    looked: Looked
    patrols: int

    @property
    def area_m2(self) -> float:
        """Ground that was looked at well at least once."""
        return CELL_M**2 * sum(cell.good_visits > 0 for cell in self.cells.values())


def cover(looks: Iterable[tuple[str, Look]], bar: ProgressBar | None = None) -> Covered:
    """Lay looks over each other, whatever their order; each comes with the name of its patrol."""
    bar = bar or ProgressBar()
    ordered = sorted(looks, key=lambda entry: (entry[1].begins_at, entry[0], entry[1].ends_at, entry[1].ring))
    cells: dict[CellId, Cell] = {}
    looked = Looked()
    bar.begin("覆盖 · coverage", total=len(ordered))
    for done, (_, look) in enumerate(ordered):
        bar.advance(done)
        looked = looked.plus(look)
        for cell_id in cells_of(look):
            cells[cell_id] = _seen(cells.get(cell_id), look)
    return Covered(dict(sorted(cells.items())), looked, len({patrol for patrol, _ in ordered}))


def column_deg(row: int) -> float:
    """Width of the cells of a row: that of the middle of its band, so that columns line up."""
    middle_deg = (floor(row / _BAND_ROWS) + 0.5) * _BAND_ROWS * _ROW_DEG
    return CELL_M / float(metres_per_degree(middle_deg)[0])


def cells_of(look: Look) -> list[CellId]:
    """The cells whose middle a look saw."""
    polygon = shapely.Polygon(look.ring)
    west, south, east, north = polygon.bounds
    found: list[CellId] = []
    for row in range(floor(south / _ROW_DEG), floor(north / _ROW_DEG) + 1):
        width_deg = column_deg(row)
        columns = np.arange(floor(west / width_deg), floor(east / width_deg) + 1)
        inside = shapely.contains_xy(polygon, (columns + 0.5) * width_deg, (row + 0.5) * _ROW_DEG)
        found += [CellId(row, column) for column in columns[inside].tolist()]
    return found


def _seen(cell: Cell | None, look: Look) -> Cell:
    if cell is None:
        good_at = look.ends_at if look.good else None
        return Cell(1, int(look.good), look.begins_at, look.ends_at, good_at, look.sharp, look.sigma_m)
    again = look.begins_at - cell.last_at >= APART
    good_again = look.good and (cell.last_good_at is None or look.begins_at - cell.last_good_at >= APART)
    return Cell(
        visits=cell.visits + again,
        good_visits=cell.good_visits + good_again,
        first_at=cell.first_at,
        last_at=max(cell.last_at, look.ends_at),
        last_good_at=max(look.ends_at, cell.last_good_at or look.ends_at) if look.good else cell.last_good_at,
        best_sharp=max(cell.best_sharp, look.sharp),
        best_sigma_m=min(cell.best_sigma_m, look.sigma_m),
    )
