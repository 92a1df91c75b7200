"""``kerbwatch models scenes``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands.out_folder import make_out
from models.commands.progress import progress_bar

if TYPE_CHECKING:
    from detector.frame import Image
    from models.scenes.run import Skipped
    from models.scenes.score import SceneResult
    from models.scenes.watch import Watched

FAILURES_SHOWN = 24
"""Scenes on the failure sheet."""
TABLE_WIDTH = 178


def scenes(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Labelled scenes, e.g. datasets/scenes. 场景")],
    data_root: Annotated[Path, typer.Option("--data-root", help="Folder that the pictures' paths start from.")],
    street: Annotated[Path | None, typer.Option("--street", help="Bundle for pictures from the street.")] = None,
    aerial: Annotated[Path | None, typer.Option("--aerial", help="Bundle for pictures from straight above.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for scenes.json, a picture per scene and failures.jpg.")
    ] = None,
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="Public key (.pub) of a signer whose bundles are loaded.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (models/scenes/table.py tells its shape).")
    ] = False,
) -> None:
    """Does the right hit come out? Precision and recall of verdicts per kind on labelled scenes. 场景评测"""
    from detector.model.yolo import open_detector
    from models.scenes.run import run_scenes
    from models.scenes.schema import load_scenes
    from models.scenes.table import content
    from models.signing import workshop_trust

    found = load_scenes(folder)
    # Opened before anything is written: a bundle that is refused leaves no half-filled folder.
    trusted = workshop_trust(trust or ())
    eyes = open_detector(street, trust=trusted) if street else None
    eyes_above = open_detector(aerial, trust=trusted) if aerial else None
    pictures = _Pictures(out)
    with progress_bar("scenes · 场景") as progress:
        results, skipped = run_scenes(found, data_root, eyes, eyes_above, progress, pictures.take)
    text = json.dumps(content(results, skipped), indent=1, ensure_ascii=False)
    pictures.finish(text)
    if as_json:
        typer.echo(text)
    else:
        _show(results, skipped)


class _Pictures:
    """Draws each scene into a folder, and those that failed on one sheet."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self._failed: list[Image] = []
        if out is not None:
            make_out(out)

    def take(self, result: SceneResult, watched: Watched) -> None:
        if self._out is None:
            return
        import cv2

        from models.scenes.draw import draw_scene

        drawn = draw_scene(result, watched)
        cv2.imwrite(str(self._out / f"{result.scene.name}.jpg"), drawn)
        wrong = not all(answer.right for answer in result.answers) or not all(said.right for said in result.reported)
        if wrong and result.scene.picture.half == "report":
            self._failed.append(drawn)

    def finish(self, text: str) -> None:
        if self._out is None:
            return
        from models.scenes.draw import write_sheet

        (self._out / "scenes.json").write_text(text + "\n", encoding="utf-8")
        if self._failed:
            write_sheet(self._failed[:FAILURES_SHOWN], self._out / "failures.jpg")


def _show(results: Sequence[SceneResult], skipped: Sequence[Skipped]) -> None:
    from models.scenes.table import content, rate_text, rows

    # A rate with its interval and counts must stay in one piece, also in a narrow window or a file.
    console = Console(width=max(Console().width, TABLE_WIDTH))
    table = Table("group", "kind", "precision [95 %]", "recall [95 %]", "legal, not accused", "legal, named", box=None)
    table.add_column("unsure")
    table.add_column("pictures/places")
    for group, score in rows(results):
        rates = (rate_text(rate) for rate in (score.precision, score.recall, score.spared, score.named))
        table.add_row(group, score.kind, *rates, str(score.unsure), f"{score.pictures}/{score.places}")
    console.print(table)
    confused = Table("half", "kind", "it is · 实际", "said · 判为", "count", box=None)
    for row in content(results, skipped)["confusions"]:
        confused.add_row(row["half"], row["kind"], row["is"], row["got"], str(row["count"]))
    console.print(confused)
    for reason, count in sorted(Counter(entry.reason for entry in skipped).items()):
        console.print(f"skipped · 跳过: {count} scenes: {reason}")
