"""Merged coverage for other programs: cells as GeoJSON, or as PMTiles for a web map."""

from __future__ import annotations

import gzip
import json
import math
import secrets
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import shapely

from detector.errors import InputError
from detector.geo.crs import WGS84, Crs, from_wgs84
from edge.coverage.cells import CELL_M, Cell, CellId, Covered
from edge.durable import TMP_PREFIX, explain, write_atomic
from edge.progress import ProgressBar

Corners = list[list[float]]

LAYER: Final = "coverage"
ZOOMS: Final = range(11, 17)
"""From a city on one screen to a street; a cell of 10 m is 8 px at the last."""
_EXTENT: Final = 4096
_CRS84: Final = "urn:ogc:def:crs:OGC:1.3:CRS84"


def write_geojson(covered: Covered, path: Path, crs: Crs) -> None:
    """Cells as GeoJSON in a named system.

    Raises:
        InputError, TransientError: the file cannot be written.
    """
    layer = {
        "type": "FeatureCollection",
        "name": "coverage_cells",
        "crs": {"type": "name", "properties": {"name": _CRS84 if crs == WGS84 else crs.name}},
        "kerbwatch_crs": crs.name,
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
                "properties": _properties(cell),
            }
            for corners, cell in _drawn(covered, crs)
        ],
    }
    write_atomic(path, json.dumps(layer, ensure_ascii=False).encode() + b"\n")


def write_pmtiles(covered: Covered, path: Path, crs: Crs, bar: ProgressBar) -> int:
    """Cells as vector tiles in one file (PMTiles 3), which a web map reads by range requests; gives the tile count.

    Tiles are cut in the web's Mercator projection of the given system, as base maps in that system are.

    Raises:
        InputError: the extra ``maps`` is not installed; nothing was looked at; the file cannot be written.
        TransientError: the disk is full.
    """
    try:
        import mapbox_vector_tile
        from pmtiles.tile import Compression, TileType, zxy_to_tileid
        from pmtiles.writer import Writer
    except ModuleNotFoundError as missing:
        raise InputError(f"PMTiles need {missing.name}: pip install 'kerbwatch[maps]'") from missing
    if not covered.cells:
        raise InputError("nothing was looked at whose place is known: there is no map to write")
    drawn = _drawn(covered, crs)
    tiles = {zxy_to_tileid(*zxy): (zxy, inside) for zxy, inside in _by_tile(drawn).items()}
    lon = [corner[0] for corners, _ in drawn for corner in corners]
    lat = [corner[1] for corners, _ in drawn for corner in corners]
    bar.begin("PMTiles", total=len(tiles))
    temporary = path.with_name(f"{TMP_PREFIX}{secrets.token_hex(8)}")
    try:
        with temporary.open("wb") as file:
            writer = Writer(file)
            for done, (tile_id, (zxy, inside)) in enumerate(sorted(tiles.items())):
                features = [
                    {"geometry": shapely.Polygon([_in_tile(corner, zxy) for corner in corners]), "properties": told}
                    for corners, told in ((corners, _properties(cell)) for corners, cell in inside)
                ]
                options = {"extents": _EXTENT, "y_coord_down": True}
                tile = mapbox_vector_tile.encode({"name": LAYER, "features": features}, default_options=options)
                writer.write_tile(tile_id, gzip.compress(tile, mtime=0))
                bar.advance(done + 1)
            header = {
                "tile_type": TileType.MVT,
                "tile_compression": Compression.GZIP,
                "min_lon_e7": int(min(lon) * 1e7),
                "min_lat_e7": int(min(lat) * 1e7),
                "max_lon_e7": int(max(lon) * 1e7),
                "max_lat_e7": int(max(lat) * 1e7),
                "center_zoom": ZOOMS[-2],
                "center_lon_e7": int((min(lon) + max(lon)) / 2 * 1e7),
                "center_lat_e7": int((min(lat) + max(lat)) / 2 * 1e7),
            }
            writer.finalize(header, _metadata(crs))
        temporary.replace(path)
    except OSError as error:
        raise explain(error, path, 0) from error
    finally:
        temporary.unlink(missing_ok=True)
    return len(tiles)


def _metadata(crs: Crs) -> dict[str, Any]:
    fields = {
        "visits": "Number",
        "good_visits": "Number",
        "first_at": "String",
        "last_at": "String",
        "last_good_at": "String",
        "best_sharp": "Number",
        "best_sigma_m": "Number",
    }
    layer = {"id": LAYER, "fields": fields, "minzoom": ZOOMS[0], "maxzoom": ZOOMS[-1]}
    return {"name": "Kerbwatch coverage", "kerbwatch_crs": crs.name, "cell_m": CELL_M, "vector_layers": [layer]}


def _properties(cell: Cell) -> dict[str, Any]:
    told: dict[str, Any] = {
        "visits": cell.visits,
        "good_visits": cell.good_visits,
        "first_at": cell.first_at.isoformat(timespec="seconds"),
        "last_at": cell.last_at.isoformat(timespec="seconds"),
        "best_sharp": cell.best_sharp,
        "best_sigma_m": cell.best_sigma_m,
    }
    if cell.last_good_at is not None:
        told["last_good_at"] = cell.last_good_at.isoformat(timespec="seconds")
    return told


def _drawn(covered: Covered, crs: Crs) -> list[tuple[Corners, Cell]]:
    ids: list[CellId] = list(covered.cells)
    corners = [corner for cell_id in ids for corner in cell_id.corners]
    if crs != WGS84:
        corners = [tuple(corner) for corner in from_wgs84(corners, crs).tolist()]
    rounded = [[round(lon, 7), round(lat, 7)] for lon, lat in corners]
    return [(rounded[4 * n : 4 * n + 4], covered.cells[cell_id]) for n, cell_id in enumerate(ids)]


def _by_tile(drawn: Iterable[tuple[Corners, Cell]]) -> dict[tuple[int, int, int], list[tuple[Corners, Cell]]]:
    tiles: dict[tuple[int, int, int], list[tuple[Corners, Cell]]] = defaultdict(list)
    for corners, cell in drawn:
        for zoom in ZOOMS:
            # A cell on the border of two tiles is in both; beyond the antimeridian there is none.
            for x, y in {tuple(math.floor(v) for v in _mercator(corner, zoom)) for corner in corners}:
                if 0 <= x < 2**zoom and 0 <= y < 2**zoom:
                    tiles[zoom, x, y].append((corners, cell))
    return tiles


def _mercator(corner: list[float], zoom: int) -> tuple[float, float]:
    """Tile coordinates (OGC Two Dimensional Tile Matrix Set, WebMercatorQuad), x eastwards, y southwards."""
    lon_deg, lat_deg = corner
    count = 2.0**zoom
    return (lon_deg + 180.0) / 360.0 * count, (1.0 - math.asinh(math.tan(math.radians(lat_deg))) / math.pi) / 2 * count


def _in_tile(corner: list[float], zxy: tuple[int, int, int]) -> tuple[float, float]:
    zoom, x, y = zxy
    across, down = _mercator(corner, zoom)
    return (across - x) * _EXTENT, (down - y) * _EXTENT
