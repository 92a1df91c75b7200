"""The looks of folders: `--out` folders, state folders and coverage layers that somebody handed on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from detector.errors import InputError
from detector.geo.crs import WGS84, Crs, parse_crs, to_wgs84
from edge.coverage.log import LOGS_DIR, lines, logs, look_of
from edge.coverage.looks import Look
from edge.coverage.publish import COVERAGE_FILE
from edge.folder import HIDDEN_DIR


def read_looks(paths: Iterable[Path]) -> list[tuple[str, Look]]:
    """The looks of folders and files, each with the name of its patrol; one that is in several counts once.

    A folder's own logs come first: they also hold what a patrol saw that was killed before it could publish.

    Raises:
        InputError: a path holds no coverage, or something else.
    """
    found: dict[tuple[str, Look], None] = {}
    for path in paths:
        found |= dict.fromkeys(_of(path))
    return list(found)


def _of(path: Path) -> Iterator[tuple[str, Look]]:
    if path.is_file():
        yield from _layer(path)
        return
    for folder in (path / HIDDEN_DIR, path):
        if (folder / LOGS_DIR).is_dir():
            for log in logs(folder):
                yield from (_parsed(log, line) for line in lines(log))
            return
    if not (path / COVERAGE_FILE).is_file():
        raise InputError(
            f"{path} holds no coverage log: name the --out or --state folder of a patrol, or a {COVERAGE_FILE}"
        )
    yield from _layer(path / COVERAGE_FILE)


def _parsed(path: Path, line: str) -> tuple[str, Look]:
    try:
        return look_of(json.loads(line))
    except ValueError as error:  # InputError of `look_of` is one too
        raise InputError(f"{path}: {error}; remove the line, or the file") from error


def _layer(path: Path) -> Iterator[tuple[str, Look]]:
    try:
        layer: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        crs, features = parse_crs(str(layer["kerbwatch_crs"])), list(layer["features"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is no coverage layer of a patrol ({error!r})") from error
    for feature in features:
        patrol, look = look_of(feature)
        yield patrol, look if crs == WGS84 else _to_wgs84(look, crs)


def _to_wgs84(look: Look, crs: Crs) -> Look:
    *ring, (lon_deg, lat_deg) = to_wgs84([*look.ring, (look.lon_deg, look.lat_deg)], crs).round(6).tolist()
    return replace(look, ring=tuple((lon, lat) for lon, lat in ring), lon_deg=lon_deg, lat_deg=lat_deg)
