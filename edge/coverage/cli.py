"""`kerbwatch coverage`: what several patrols looked at, as numbers, a picture or a map layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from detector.errors import InputError
from detector.geo.crs import parse_crs
from edge.coverage.cells import Covered, cover
from edge.coverage.export import write_geojson, write_pmtiles
from edge.coverage.picture import draw
from edge.coverage.read import read_looks
from edge.progress import ProgressBar


def coverage(
    folders: Annotated[
        list[Path],
        typer.Argument(help="--out or --state folders of patrols, or coverage.geojson files. 巡查输出文件夹"),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Write a map: .svg or .html to look at, .geojson or .pmtiles for programs. 输出地图"),
    ] = None,
    crs: Annotated[str, typer.Option(help="System of .geojson and .pmtiles: WGS84, GCJ02, BD09. 坐标系")] = "WGS84",
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,
) -> None:
    """Which ground was looked at, when last, how often and how well. 覆盖"""
    system = parse_crs(crs)
    if system.projected:
        raise InputError(f"--crs {crs}: map layers are in degrees; take WGS84, GCJ02 or BD09")
    for path in out or ():
        if path.suffix not in _SUFFIXES:
            raise InputError(f"--out {path.name}: name a file that ends in one of {', '.join(_SUFFIXES)}")
    looks = read_looks(folders)
    with ProgressBar() as bar:
        covered = cover(looks, bar)
        for path in out or ():
            match path.suffix:
                case ".geojson":
                    write_geojson(covered, path, system)
                case ".pmtiles":
                    write_pmtiles(covered, path, system, bar)
                case _:
                    draw(covered, path)
    if as_json:
        typer.echo(json.dumps(_totals(covered), indent=2))
    else:
        _print(Console(soft_wrap=True), covered)


_SUFFIXES = (".svg", ".html", ".geojson", ".pmtiles")


def _totals(covered: Covered) -> dict[str, Any]:
    good = [cell for cell in covered.cells.values() if cell.last_good_at is not None]
    last = max((cell.last_good_at for cell in good if cell.last_good_at is not None), default=None)
    return {
        "patrols": covered.patrols,
        "looks": covered.looked.looks,
        "way_km": round(covered.looked.way_km, 3),
        "good_km": round(covered.looked.good_km, 3),
        "standing_h": round(covered.looked.standing_h, 3),
        "area_m2": round(covered.area_m2),
        "cells": len(covered.cells),
        "cells_well_seen": len(good),
        "cells_seen_twice": sum(cell.good_visits >= 2 for cell in good),
        "last_good_at": None if last is None else last.isoformat(timespec="seconds"),
    }


def _print(console: Console, covered: Covered) -> None:
    told = _totals(covered)
    console.print(f"巡查 · patrols: {told['patrols']}", highlight=False)
    console.print(
        f"行程 · looked at: {covered.looked.way_km:.2f} km，清晰 · well seen: {covered.looked.good_km:.2f} km",
        highlight=False,
    )
    if told["standing_h"]:
        console.print(f"固定摄像头 · standing cameras, well seen: {told['standing_h']:.2f} h", highlight=False)
    console.print(
        f"清晰覆盖 · ground well seen: {told['area_m2'] / 1e4:.2f} ha，"
        f"两次以上 · twice or more: {told['cells_seen_twice']} / {told['cells_well_seen']} 格 · cells",
        highlight=False,
    )
    if told["last_good_at"]:
        console.print(f"最近一次 · last look: {told['last_good_at']}", highlight=False)
