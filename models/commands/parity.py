"""``kerbwatch models parity``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table


def parity(
    bundle_dir: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle.")],
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURES...", help="Pictures, or folders of them.")],
    limit: Annotated[int, typer.Option(help="At most so many pictures, spread evenly.", min=1)] = 60,
) -> None:
    """Compare a bundle's boxes with the trainer library's own predict on the same ONNX file. 一致性"""
    from detector.model.yolo import open_detector
    from models.parity import parity as compare_all
    from models.signing import workshop_trust

    paths = _pictures(pictures, limit)
    detector = open_detector(bundle_dir, trust=workshop_trust())
    rows = list(track(compare_all(detector, paths), "parity · 一致性", total=len(paths), console=Console(stderr=True)))
    table = Table("picture", "boxes ours", "theirs", "lowest IoU", "confidence apart", box=None)
    for path, row in zip(paths, rows, strict=True):
        if not row.holds:
            table.add_row(path.name, str(row.ours), str(row.theirs), f"{row.iou_min:.5f}", f"{row.confidence_max:.6f}")
    agreed = sum(row.holds for row in rows)
    if table.row_count:
        Console().print(table)
    lowest, apart = min(row.iou_min for row in rows), max(row.confidence_max for row in rows)
    Console().print(f"{agreed} of {len(rows)} agree; lowest IoU {lowest:.5f}, confidences at most {apart:.6f} apart")
    if agreed < len(rows):
        raise typer.Exit(1)


def _pictures(given: list[Path], limit: int) -> list[Path]:
    from models.errors import DatasetError

    suffixes = {".jpg", ".jpeg", ".png"}
    paths: list[Path] = []
    for path in given:
        inside = (
            sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes) if path.is_dir() else [path]
        )
        paths += inside
    if not paths:
        raise DatasetError(f"no picture below {', '.join(map(str, given))}: give JPEG or PNG files, or folders of them")
    step = max(len(paths) / limit, 1.0)
    return [paths[int(number * step)] for number in range(min(limit, len(paths)))]
