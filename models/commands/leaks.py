"""``kerbwatch models leaks``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.commands.progress import progress_bar

if TYPE_CHECKING:
    from models.dataset.leaks import NearestInTraining


def leaks(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A folder that `build-dataset` wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Table to write; the ten nearest pairs go beside it as a picture.")
    ] = None,
) -> None:
    """Compare every held-out picture with the training pictures: by look, seconds and metres. 泄漏检查"""
    import cv2

    from models.dataset import read_back
    from models.dataset.leaks import draw_nearest_pairs, find_leaks, write_leaks

    built = read_back(dataset)
    with progress_bar("comparing · 比对") as progress:
        rows = find_leaks(built, progress)
    console = Console()
    console.print(_summary(rows))
    console.print(_nearest(rows))
    _explain(console, rows)
    table = out or dataset / "leaks.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    write_leaks(rows, table)
    picture = table.with_suffix(".jpg")
    picture.write_bytes(cv2.imencode(".jpg", draw_nearest_pairs(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
    console.print(
        f"表 · table: {escape(str(table))}\n最近十对 · ten nearest pairs: {escape(str(picture))}", soft_wrap=True
    )


def _summary(rows: Sequence[NearestInTraining]) -> Table:
    table = Table("划分 split", "来源 source", "图像 pictures", "最小 least bits", "中位 median", "<= 8 bits", box=None)
    for split, source in sorted({(row.held_out.split, row.held_out.source) for row in rows}):
        bits = [row.bits for row in rows if (row.held_out.split, row.held_out.source) == (split, source)]
        near = sum(value <= 8 for value in bits)
        table.add_row(split, source, str(len(bits)), str(min(bits)), f"{median(bits):g}", str(near))
    return table


def _nearest(rows: Sequence[NearestInTraining]) -> Table:
    from models.dataset.leaks import PAIRS_SHOWN

    table = Table("held out 留出", "nearest in training 训练中最近", "bits", "s", "chips", "m", box=None)
    for row in rows[:PAIRS_SHOWN]:
        far = ["-" if value is None else f"{value:g}" for value in (row.seconds, row.chips, row.metres)]
        table.add_row(escape(row.held_out.name), escape(row.nearest.name), str(row.bits), *far)
    return table


def _explain(console: Console, rows: Sequence[NearestInTraining]) -> None:
    if all(row.seconds is None for row in rows):
        console.print("时间未知 · no seconds: the scenes' names hold no time, or the recipe has no time_pattern")
    if all(row.chips is None for row in rows):
        console.print("网格距离未知 · no chips: no training chip is of the same mosaic, or there is no chip_pattern")
    elif all(row.metres is None for row in rows):
        console.print("地面尺寸未知，只给出格数 · no metres: the ground size of a chip is unknown (chip_size_m)")
