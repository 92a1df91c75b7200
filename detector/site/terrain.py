"""The site's terrain.asc: an ESRI ASCII grid of ground heights, in WGS-84 degrees.

The format (ESRI, "Esri ASCII raster format") has no word about the coordinate system, so site.yaml must say
``terrain_crs: WGS84``, and everything that can be checked is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.geo.terrain import Terrain
from detector.site.problems import Problems
from detector.site.schema import SiteIn

TERRAIN = "terrain.asc"

MAX_CELLS = 25_000_000
MAX_BYTES = 400_000_000
PIECE_CHARS, NUMBER_CHARS = 1 << 20, 100
MAX_CELL_DEG = 0.0005
"""About 50 m: coarser, a grid smooths away the very slopes it should tell of."""
LOWEST_M, HIGHEST_M = -500.0, 9000.0
NO_DATA = -9999.0
"""What the format takes for no data when the header does not say."""

_KEYS = frozenset({"ncols", "nrows", "xllcorner", "xllcenter", "yllcorner", "yllcenter", "cellsize", "nodata_value"})

Header = dict[str, float]


def site_terrain(folder: Path, head: SiteIn, problems: Problems) -> Terrain | None:
    """The terrain of a site folder; `None` without one, or with a faulty one, which is then among the problems."""
    path = folder / TERRAIN
    if not path.is_file():
        if head.terrain_crs is not None:
            problems.add(
                "site.yaml", f"is given, but there is no {TERRAIN}; add it or remove this", field="terrain_crs"
            )
        return None
    if head.terrain_crs is None:
        message = (
            f"is missing: {TERRAIN} says nothing about its coordinates; write terrain_crs: WGS84 if they are degrees"
        )
        problems.add("site.yaml", message, field="terrain_crs")
        return None
    try:
        return read_terrain(path, head.bbox)
    except InputError as error:
        problems.add(TERRAIN, str(error))
        return None


def read_terrain(path: Path, bbox: tuple[float, float, float, float] | None = None) -> Terrain:
    """Read a grid; `bbox` is the site's west, south, east, north in degrees, which it must touch.

    Raises:
        InputError: the header lacks a line, numbers are missing or too many, the grid is not in degrees, lies beside
            the site (with its axes swapped, perhaps), is too coarse or too large, or holds heights that no ground has.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"has {size} bytes, more than {MAX_BYTES}; cut the grid to the site's bbox")
    with path.open(encoding="ascii", errors="replace") as file:
        # Lines, but a line may be the whole file.
        lines = iter(lambda: file.readline(PIECE_CHARS), "")
        header, first = _read_header(lines)
        columns, rows = _count(header, "ncols"), _count(header, "nrows")
        if columns * rows > MAX_CELLS:
            raise InputError(f"has {columns} x {rows} cells, more than {MAX_CELLS}; cut the grid to the site's bbox")
        west, south, cell = _frame(header, columns, rows)
        heights = _numbers(chain([first], lines), columns * rows)
    if len(heights) != columns * rows:
        raise InputError(f"holds {len(heights)} heights, its header says {columns} x {rows} = {columns * rows}")
    _check_place((west, south, west + (columns - 1) * cell, south + (rows - 1) * cell), bbox)
    grid = heights.reshape(rows, columns)[::-1].copy()
    grid[grid == np.float32(header.get("nodata_value", NO_DATA))] = np.nan
    _check_heights(grid)
    return Terrain(west, south, cell, grid)


def _read_header(lines: Iterator[str]) -> tuple[Header, str]:
    """The header's numbers by lower-case key, and the first line of heights."""
    header: Header = {}
    for line in lines:
        words = line.split()
        if not words or words[0].lower() not in _KEYS:
            return header, line
        try:
            header[words[0].lower()] = float(words[1])
        except (IndexError, ValueError) as error:
            raise InputError(f"header line {line.strip()!r} has no number") from error
    return header, ""


def _count(header: Header, key: str) -> int:
    value = header.get(key)
    if value is None:
        raise InputError(f"has no {key} in its header; an ESRI ASCII grid begins with ncols, nrows, xllcorner ...")
    if not (value >= 2 and value.is_integer()):
        raise InputError(f"{key} is {value:g}; a grid has at least 2 rows and 2 columns, in whole numbers")
    return int(value)


def _frame(header: Header, columns: int, rows: int) -> tuple[float, float, float]:
    """West and south as centres of the corner cell, and the cell's size, degrees."""
    cell = header.get("cellsize")
    if cell is None:
        raise InputError("has no cellsize in its header (grids with dx and dy of their own are not read; resample it)")
    if not 0.0 < cell <= 360.0 or abs(header.get("xllcorner", header.get("xllcenter", 0.0))) > 360.0:
        raise InputError(f"cellsize {cell:g} or its corner is not in degrees; re-project the grid to WGS-84 degrees")
    if cell > MAX_CELL_DEG:
        raise InputError(
            f"cellsize {cell:g} is more than {MAX_CELL_DEG} degrees (50 m); cells in metres? Use a WGS-84 grid in "
            "degrees with cells of 10 m or less"
        )
    corner: list[float] = []
    for axis in ("x", "y"):
        if f"{axis}llcenter" in header:
            corner.append(header[f"{axis}llcenter"])
        elif f"{axis}llcorner" in header:
            corner.append(header[f"{axis}llcorner"] + cell / 2.0)
        else:
            raise InputError(f"has neither {axis}llcorner nor {axis}llcenter in its header")
    west, south = corner
    if abs(south) > 90.0 or south + rows * cell > 90.0 or not -180.0 <= west <= 180.0 - columns * cell:
        raise InputError(f"its south-western corner {west:g}, {south:g} is not on Earth; swapped axes?")
    return west, south, cell


def _numbers(pieces: Iterable[str], expected: int) -> NDArray[np.float32]:
    """The numbers of a text that comes in pieces, which may end inside one; far more than expected are not kept."""
    parts: list[NDArray[np.float32]] = []
    count, rest = 0, ""
    for piece in chain(pieces, " "):
        text = rest + piece
        words = text.split()
        rest = words.pop() if words and not text[-1].isspace() else ""
        if len(rest) > NUMBER_CHARS:
            raise InputError(f"holds something that is no number: {rest[:NUMBER_CHARS]!r}...")
        try:
            with np.errstate(over="ignore"):  # infinite, and refused with the heights
                parts.append(np.array(words, np.float32))
        except ValueError as error:
            raise InputError(f"holds something that is no number: {error}") from error
        count += len(words)
        if count > expected + PIECE_CHARS:
            raise InputError(f"holds over {count} heights, its header says {expected}")
    return np.concatenate(parts)


def _check_place(extent: tuple[float, float, float, float], bbox: tuple[float, float, float, float] | None) -> None:
    if bbox is None:
        return
    west, south, east, north = extent

    def touches(a: float, b: float, c: float, d: float) -> bool:
        return a <= bbox[2] and c >= bbox[0] and b <= bbox[3] and d >= bbox[1]

    if not touches(west, south, east, north):
        hint = "its axes are swapped" if touches(south, west, north, east) else "wrong file, or not in WGS-84 degrees?"
        raise InputError(f"covers {west:.5f} to {east:.5f} E, {south:.5f} to {north:.5f} N, not the bbox: {hint}")


def _check_heights(grid: NDArray[np.float32]) -> None:
    known = grid[~np.isnan(grid)]
    if not len(known):
        raise InputError("holds no height at all, only no-data")
    low, high = float(known.min()), float(known.max())
    if low < LOWEST_M or high > HIGHEST_M:
        raise InputError(
            f"holds heights from {low:g} to {high:g} m; ground lies between {LOWEST_M:g} and {HIGHEST_M:g}. "
            "Name the value of empty cells as NODATA_value in the header"
        )
