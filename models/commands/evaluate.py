"""``kerbwatch models evaluate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.commands.out_folder import make_out
from models.commands.progress import progress_bar
from models.errors import RecipeError

if TYPE_CHECKING:
    from models.dataset import Problem, Sample
    from models.measure.report import Evaluation
    from models.measure.rows import CueMetrics, Intervals

_PROBLEMS_SHOWN = 20


def evaluate(
    bundle: Annotated[Path, typer.Option("--bundle", help="The bundle to measure. 模型包")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="A YOLO folder (images/, labels/), or one written by `kerbwatch label export`."),
    ] = None,
    classes: Annotated[
        Path | None, typer.Option("--classes", help="YAML map of the folder's class ids or names to cues.")
    ] = None,
    places: Annotated[
        Path | None, typer.Option("--places", help="CSV with the columns image and place: what is one street.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Measure on the held-out places of a recipe instead.")
    ] = None,
    data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder with the recipe's sources.")] = None,
    start_weights: Annotated[
        Path | None,
        typer.Option("--start-weights", help="Measure these (.pt or .onnx) on the same pictures, for comparison."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for evaluation.json, curves and failures.")] = None,
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="Public key (.pub) of a signer whose bundles are loaded.")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads of the network.", min=1)] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (models/measure/report.py tells its shape).")
    ] = False,
) -> None:
    """Measure a bundle on pictures that it never saw, per cue and source, with intervals. 评测"""
    from detector.model.bundle import load_bundle
    from models.measure.evaluate import evaluate as measure
    from models.measure.report import content
    from models.signing import workshop_trust

    if out is not None:
        make_out(out)
    opened = load_bundle(bundle, workshop_trust(trust or ()))
    samples, problems = _samples(recipe, data_root, data, classes, places)
    with progress_bar("measuring · 评测") as progress:
        evaluation = measure(
            opened,
            samples,
            start_weights=start_weights,
            problems=problems,
            threads=threads,
            on_progress=progress,
        )
    text = json.dumps(content(evaluation), indent=1, ensure_ascii=False)
    if as_json:
        typer.echo(text)
    else:
        _show(evaluation)
    if out is not None:  # last: the figures are told also where the pictures cannot be drawn
        _write(evaluation, text, out)


def metrics_table(rows: Sequence[CueMetrics]) -> Table:
    """The rows as a table for a terminal: AP50 with its interval, and the start weights' beside it."""
    title = "places ? = not known; * = pictures drawn again, not places; start = AP50 of the start weights"
    header = ("cue", "source", "split", "images", "boxes", "places", "AP50", "95 %", "AP", "P", "R", "start")
    table = Table(box=None, padding=(0, 1, 0, 0), caption=title, caption_justify="left")
    for name in header:  # names give way in a narrow terminal, figures do not
        table.add_column(name, overflow="fold", no_wrap=name not in ("cue", "source"))
    for row in rows:
        counts = (str(row.images), str(row.boxes), "?" if row.places is None else str(row.places))
        ap50 = f"{row.scores.ap50:.3f}"
        scores = (
            ap50,
            _interval(row.intervals),
            f"{row.scores.ap50_95:.3f}",
            _number(row.scores.precision),
            _number(row.scores.recall),
        )
        start = _number(row.start_weights.ap50 if row.start_weights else None)
        table.add_row(row.cue, row.source, row.split, *counts, *scores, start)
    return table


def _samples(
    recipe: Path | None, data_root: Path | None, data: Path | None, classes: Path | None, places: Path | None
) -> tuple[Sequence[Sample], Sequence[Problem]]:
    from models.dataset import samples_of_export
    from models.make import held_out, plan_of_recipe
    from models.measure.yolo_folder import read_yolo_folder
    from models.recipe import load_recipe

    if data is not None and recipe is None and data_root is None:
        if (data / "reviewed_cues.csv").is_file() and classes is None:
            return samples_of_export(data)[0], ()
        folder = read_yolo_folder(data, classes, places)
        return folder.samples, folder.problems
    if data is None and recipe is not None and data_root is not None:
        plan = plan_of_recipe(load_recipe(recipe), data_root)
        return held_out(plan.samples, plan.evaluation, plan.of_origin("trained")), ()
    raise RecipeError("give either --recipe FILE with --data-root DIR, or --data DIR")


def _write(evaluation: Evaluation, text: str, out: Path) -> None:
    from detector.evidence.privacy import PERSON
    from models.measure.detect import measuring_detector
    from models.measure.pictures import draw_pictures

    (out / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    bundle = evaluation.bundle
    can_blur = PERSON in bundle.cue_names
    draw_pictures(
        out,
        evaluation.matches,
        {cue.name: cue.min_confidence for cue in bundle.card.cues},
        may_show=lambda source: can_blur,
        people=measuring_detector(bundle) if can_blur else None,
        results=None,
    )


def _show(evaluation: Evaluation) -> None:
    from models.dataset.problems import EFFECT_TEXTS, KIND_TEXTS

    console = Console()
    _name_cues(console, "labelled here · 数据标注了", evaluation.labelled)
    _name_cues(console, "not in the bundle · 模型没有", evaluation.not_in_bundle)
    _name_cues(console, "not labelled here, so not measured · 未标注，未测量", evaluation.not_labelled)
    if evaluation.rows:
        console.print(metrics_table(evaluation.rows))
    else:
        console.print("nothing measured: no box of a cue that the bundle knows · 没有可测的标注框")
    if evaluation.problems:
        console.print(f"{len(evaluation.problems)} faults in the data · 数据问题:")
    for fault in evaluation.problems[:_PROBLEMS_SHOWN]:
        where = f"{fault.file}:{fault.line}" if fault.line else fault.file
        texts = (KIND_TEXTS[fault.kind], EFFECT_TEXTS[fault.effect])
        told = " → ".join(f"{text.en} · {text.zh}" for text in texts)
        console.print(f"  {where}: {told} {fault.detail}", markup=False, highlight=False, soft_wrap=True)
    if len(evaluation.problems) > _PROBLEMS_SHOWN:
        console.print(f"  and {len(evaluation.problems) - _PROBLEMS_SHOWN} more: see --json or --out")


def _name_cues(console: Console, title: str, cues: Sequence[str]) -> None:
    if cues:
        console.print(f"{title}: {', '.join(cues)}", highlight=False)


def _interval(intervals: Intervals) -> str:
    if intervals.ap50 is None:
        return "-"
    low, high = intervals.ap50
    return f"{low:.2f}-{high:.2f}{'' if intervals.unit == 'place' else '*'}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
