"""``kerbwatch models``: train, bundle, evaluate, verify, sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from models.commands.appearance import appearance
from models.commands.build_dataset import build_dataset
from models.commands.evaluate import evaluate, metrics_table
from models.commands.key import key
from models.commands.leaks import leaks
from models.commands.parity import parity
from models.commands.progress import progress_bar
from models.commands.scenes import scenes
from models.commands.sign import SignKeyOption, sign, signing_key_of
from models.errors import RecipeError

if TYPE_CHECKING:
    from detector.signing import SigningKey
    from models.make import Plan
    from models.measure.rows import CueMetrics

app = typer.Typer(help="Train, measure, export and verify model bundles. 模型", no_args_is_help=True)

RecipeOption = Annotated[
    Path | None, typer.Option("--recipe", help="Recipe YAML, e.g. datasets/recipes/street-n.yaml.")
]
DataRootOption = Annotated[Path | None, typer.Option("--data-root", help="Folder with the recipe's sources.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="A folder written by `kerbwatch label export`.")]


def _start_weights(given: Path) -> Path:
    from models.start_weights import resolve_weights

    return resolve_weights(given)


WeightsOption = Annotated[
    Path,
    typer.Option(
        "--weights",
        callback=_start_weights,
        help="Start weights with the 80 COCO classes: a .pt file, or a name such as yolo26n.pt (fetched once).",
    ),
]
CheckpointOption = Annotated[Path | None, typer.Option(help="Another checkpoint than the best of the run.")]
InputOption = Annotated[
    str | None, typer.Option("--input", metavar="HxW", help="Another input size than the recipe's, e.g. 640x640.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of the model: dataset/, run/ and bundle/.")]


@app.command()
def train(
    weights: WeightsOption,
    out: OutOption,
    recipe: RecipeOption = None,
    data_root: DataRootOption = None,
    data: DataOption = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pictures.", min=1)] = None,
    imgsz: Annotated[int | None, typer.Option(help="Training input side, px.", min=32)] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures per step.", min=1)] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.", min=1)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was killed.")] = False,
    sign_key: SignKeyOption = None,
) -> None:
    """Make a model from a recipe or from confirmed labels: data set, training, bundle. 训练"""
    from models.make import build_dataset
    from models.measure.pictures import TRAINING
    from models.measure.training_curves import draw_training
    from models.train import train as run_training
    from models.trainer_env import ultralytics

    ultralytics()
    plan = _plan(recipe, data_root, data)
    given = {"epochs": epochs, "imgsz_px": imgsz, "batch": batch, "threads": threads}
    settings = plan.training.model_copy(update={name: value for name, value in given.items() if value is not None})
    plan = replace(plan, training=settings)
    signing_key = signing_key_of(sign_key)  # a bad key shows before hours of training
    with progress_bar("data set · 数据集") as progress:
        dataset = build_dataset(plan, weights, out, progress)
    run = run_training(dataset, weights=weights, out=out, settings=settings, resume=resume)
    draw_training(run.folder / "results.csv", run.folder / TRAINING)
    _bundle(plan, weights, run.best, run.record, out, out / "bundle", signing_key)


@app.command()
def bundle(
    weights: WeightsOption,
    out: OutOption,
    recipe: RecipeOption = None,
    data_root: DataRootOption = None,
    data: DataOption = None,
    checkpoint: CheckpointOption = None,
    input_size: InputOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder of the bundle, if not OUT/bundle.")] = None,
    sign_key: SignKeyOption = None,
) -> None:
    """Write the bundle of a run again, e.g. from an earlier checkpoint or with a changed card. 打包"""
    from models.make import run_of, with_input

    run = run_of(out)
    plan = _plan(recipe, data_root, data)
    plan = with_input(plan, input_size) if input_size else plan
    _bundle(plan, weights, checkpoint or run.best, run.record, out, to or out / "bundle", signing_key_of(sign_key))


@app.command()
def export(
    weights: WeightsOption,
    out: OutOption,
    to: Annotated[Path, typer.Option("--to", help="The ONNX file to write.")],
    recipe: RecipeOption = None,
    data_root: DataRootOption = None,
    data: DataOption = None,
    checkpoint: CheckpointOption = None,
    input_size: InputOption = None,
    nms_free: Annotated[
        bool, typer.Option("--nms-free", help="The head that needs no suppression, instead of the dense one.")
    ] = False,
) -> None:
    """Write a run's network as a bare ONNX file, for another input size or another head; devices take bundles. 导出"""
    from models.dataset import read_back
    from models.make import export as export_network
    from models.make import run_of, with_input

    plan = _plan(recipe, data_root, data)
    plan = with_input(plan, input_size) if input_size else plan
    export_network(
        plan,
        read_back(out / "dataset"),
        weights=weights,
        checkpoint=checkpoint or run_of(out).best,
        onnx=to,
        layout="nms_free" if nms_free else "raw",
    )
    typer.echo(f"{to}: {plan.export.height_px}x{plan.export.width_px}, {to.stat().st_size / 1e6:.1f} MB")


@app.command()
def verify(
    bundle_dir: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle.")],
    trust: Annotated[
        list[Path] | None, typer.Option(help="Public key file of another signer that you trust; repeat for more.")
    ] = None,
) -> None:
    """Check a bundle as a device does: signature, hashes, card, network, golden output. Needs no torch. 校验"""
    from detector.appearance import open_embedder
    from detector.model.appearance_bundle import is_appearance
    from detector.model.signers import read_signer, shipped_trust
    from detector.model.yolo import open_detector

    trusted = shipped_trust().also(map(read_signer, trust or ()))
    if is_appearance(bundle_dir):
        bundle = open_embedder(bundle_dir, trusted).bundle
        card, signer = bundle.card, bundle.signer
        counts = f"{len(card.cues)} cues, vectors of {card.model.size}, golden vector reproduced"
    else:
        detector = open_detector(bundle_dir, trust=trusted)
        card, signer = detector.bundle.card, detector.bundle.signer
        counts = f"{len(card.cues)} cues, {len(detector.bundle.golden)} golden boxes"
    typer.echo(f"{card.name} {card.version}: ok, {counts}")
    typer.echo(f"签名者 · signed by {signer.name} (key {signer.key_id[:16]})")


app.command()(appearance)
app.command("build-dataset")(build_dataset)
app.command()(leaks)
app.command()(key)
app.command()(sign)
app.command()(evaluate)
app.command()(parity)
app.command()(scenes)


def _plan(recipe: Path | None, data_root: Path | None, data: Path | None) -> Plan:
    from models.make import plan_of_export, plan_of_recipe
    from models.recipe import load_recipe

    if data is not None and recipe is None:
        return plan_of_export(data)
    if data is None and recipe is not None and data_root is not None:
        return plan_of_recipe(load_recipe(recipe), data_root)
    raise RecipeError("give either --recipe FILE with --data-root DIR, or --data DIR")


def _bundle(
    plan: Plan, weights: Path, checkpoint: Path, record: Path, out: Path, folder: Path, signing_key: SigningKey
) -> None:
    from models.dataset import read_back
    from models.make import make_bundle

    with progress_bar("measuring · 评测") as progress:
        metrics = make_bundle(
            plan,
            read_back(out / "dataset"),
            weights=weights,
            checkpoint=checkpoint,
            record=record,
            folder=folder,
            key=signing_key,
            on_progress=progress,
        )
    _show(metrics)
    Console().print(f"bundle · 模型包: {folder}")


def _show(metrics: Sequence[CueMetrics]) -> None:
    if metrics:
        Console().print(metrics_table(metrics))
    else:
        Console().print("nothing measured: no labelled picture was held out · 没有留出图像，未测量")
