"""``kerbwatch models build-dataset``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.commands.progress import progress_bar
from models.errors import DatasetError

if TYPE_CHECKING:
    from models.dataset import BuiltDataset, Problem, RecipeReading


def build_dataset(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe YAML, e.g. datasets/recipes/street-n.yaml.")],
    data_root: Annotated[Path, typer.Option("--data-root", help="Folder with the recipe's sources and index.csv.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the data set. 输出目录")],
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Start weights (.pt): needed where they fill in cues that nobody looked for."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Any problem in the data ends the build (exit code 2).")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another data set that stands in OUT.")] = False,
) -> None:
    """Build a recipe's data set: YOLO folder, hashed manifest, contact sheet, list of problems. 构建数据集"""
    from models.dataset import build, read_recipe
    from models.dataset.contact_sheet import write_contact_sheets
    from models.recipe import load_recipe

    plan = load_recipe(recipe)
    with progress_bar("reading · 读取") as progress:
        reading = read_recipe(plan, data_root, on_progress=progress)
    if strict and reading.problems:
        _refuse(reading, out)
    weights = _resolved(weights)
    with progress_bar("building · 构建") as progress:
        dataset = build(
            reading.samples,
            [*(cue.name for cue in plan.learnt), *plan.auxiliary],
            out=out,
            weights=weights,
            teacher=plan.teacher,
            problems=reading.problems,
            replace_other=replace,
            on_progress=progress,
        )
    with progress_bar("contact sheet · 样张") as progress:
        index = write_contact_sheets(dataset, progress)
    console = Console()
    _show_content(console, dataset)
    show_problems(console, reading.problems)
    if reading.alike:
        pictures = sum(len(group) for group in reading.alike)
        console.print(
            f"近似重复 · near-duplicates: {len(reading.alike)} 组 groups, {pictures} 张 pictures, 同侧 on one side"
        )
    console.print(f"数据集 · data set: {escape(str(dataset.folder))}", soft_wrap=True)
    console.print(f"样张 · contact sheet: {escape(str(index))}", soft_wrap=True)
    console.print(f"清单哈希 · manifest SHA-256: {dataset.manifest_sha256}", soft_wrap=True)


def show_problems(console: Console, problems: Sequence[Problem]) -> None:
    """Print how many problems of each kind there are, with one example each."""
    from models.dataset.problems import EFFECT_TEXTS, KIND_TEXTS, summary

    if not problems:
        console.print("数据没有问题 · no problems in the data")
        return
    console.print(f"{len(problems)} 处问题 · problems in the data:")
    for kind, count, first in summary(problems):
        text, effect = KIND_TEXTS[kind], EFFECT_TEXTS[first.effect]
        where = f"{first.file}{':' + first.line if first.line else ''}"
        console.print(
            f"  {count} x {text.zh} · {text.en}; 例 e.g. {escape(where)}: {effect.zh} · {effect.en}", soft_wrap=True
        )


def _refuse(reading: RecipeReading, out: Path) -> None:
    from models.dataset.problems import write_problems

    path = out.with_name(f"{out.name}.problems.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_problems(reading.problems, path)
    show_problems(Console(stderr=True), reading.problems)
    raise DatasetError(f"{len(reading.problems)} problems in the data and --strict was given; all of them: {path}")


def _resolved(weights: Path | None) -> Path | None:
    from models.start_weights import resolve_weights

    return resolve_weights(weights) if weights is not None else None


def _show_content(console: Console, dataset: BuiltDataset) -> None:
    from models.dataset.sample import SPLITS

    boxes = Counter((sample.split, box.cue) for sample in dataset.samples for box in sample.boxes)
    pictures = Counter(sample.split for sample in dataset.samples)
    places = Counter(split for split, _, _ in {(s.split, s.source, s.place) for s in dataset.samples})
    table = Table("", *SPLITS, box=None)
    table.add_row("图像 pictures", *(str(pictures[split]) for split in SPLITS))
    table.add_row("地点 places", *(str(places[split]) for split in SPLITS))
    for cue in sorted({cue for _, cue in boxes}):
        table.add_row(f"框 boxes: {cue}", *(str(boxes[split, cue]) for split in SPLITS))
    console.print(table)
