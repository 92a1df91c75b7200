"""The training run: learn a branch on a frozen backbone, survive a kill, leave a record.

The backbone stays exactly the start weights; neck and head learn the new cues only, and ``models.branches`` sets them
beside the start weights' own neck and head. Fine-tuning one branch for all cues instead, at a low rate and with the
start weights' boxes as pseudo-labels, forgot what the pictures do not show: after one epoch AP50 over eleven cues fell
from .55 to .47 on 256 COCO pictures, and a leaning bicycle's score from .79 to .13.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.dataset import BuiltDataset
from models.errors import CheckpointError
from models.pseudo_labels import load_network
from models.recipe import TrainSettings
from models.reviewed_loss import reviewed_loss
from models.trainer_env import set_threads, ultralytics

RUN_NAME = "run"


@dataclass(frozen=True)
class TrainedRun:
    """Where a run left its weights. ``best`` had the highest AP on the held-out places."""

    folder: Path
    best: Path
    record: Path


def train(
    dataset: BuiltDataset,
    *,
    weights: Path,
    out: Path,
    settings: TrainSettings,
    resume: bool = False,
    on_epoch: Callable[[int, int], None] = lambda done, total: None,
) -> TrainedRun:
    """Learn a branch for the data set's cues on the start weights' frozen backbone, one checkpoint per epoch.

    Args:
        dataset: What to train on.
        weights: Start weights (``.pt``, 80 COCO rows).
        out: The run's folder is ``out / "run"``.
        settings: See :class:`~models.recipe.TrainSettings`.
        resume: Continue after the last whole epoch of an earlier, killed run in ``out``; starts afresh when that run
            finished no epoch, and does nothing when it finished them all. Another number of epochs than before bends
            the learning rate to the new end; more of them go on with a finished run.
        on_epoch: Called with (epochs done, epochs in all).

    Raises:
        CheckpointError: ``out`` already holds a run and ``resume`` is false, or weights cannot be read.
        TrainExtraMissing: torch or ultralytics is not installed.
    """
    ultralytics()
    folder = out / RUN_NAME
    checkpoints = folder / "weights"
    if not resume and any(checkpoints.glob("*.pt")):
        raise CheckpointError(
            f"{folder} already holds a training run: give --resume to go on with it, or another --out"
        )
    record = folder / "run_record.json"
    if resume and record.is_file() and _epochs_of(record) >= settings.epochs:
        return TrainedRun(folder, checkpoints / "best.pt", record)
    last = newest_intact_checkpoint(checkpoints) if resume else None
    if last is not None:
        last = _on_schedule(last, settings, folder / "resume.pt")
    set_threads(settings.threads)
    _note_start(folder, settings, last)
    trainer = _trainer(dataset, weights, folder, settings, last)
    trainer.add_callback("on_fit_epoch_end", lambda t: on_epoch(t.epoch + 1, t.epochs))
    trainer.add_callback("on_train_start", lambda t: _learn_the_dense_head(t, dataset))
    if settings.frozen_batchnorm:
        trainer.add_callback("on_train_batch_start", _freeze_batchnorm)
    trainer.train()
    set_threads(settings.threads)
    _write_record(dataset, weights, folder, settings)
    return TrainedRun(folder, checkpoints / "best.pt", record)


def newest_intact_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint of a run that can be read; a kill in mid-write leaves a torn file behind.

    Returns None when the run finished no epoch.
    """
    epochs = sorted(folder.glob("epoch*.pt"), key=lambda path: int(path.stem.removeprefix("epoch")), reverse=True)
    for path in [folder / "last.pt", *epochs]:
        if path.is_file():
            try:
                load_network(path)
            except CheckpointError:
                continue
            if _can_go_on(path):
                return path
    return None


def _can_go_on(checkpoint: Path) -> bool:
    """A finished run strips its last checkpoint of what a further epoch needs; the one of its last epoch has it."""
    import torch

    return bool(torch.load(checkpoint, map_location="cpu", weights_only=False)["epoch"] >= 0)


def _epochs_of(record: Path) -> int:
    return int(json.loads(record.read_text(encoding="utf-8"))["settings"]["epochs"])


def _on_schedule(checkpoint: Path, settings: TrainSettings, scratch: Path) -> Path:
    """The checkpoint, with the number of epochs of ``settings``: the trainer takes it from there when it resumes."""
    import torch

    # Written by our own earlier run; `newest_intact_checkpoint` has just loaded it the same way.
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    if content["train_args"]["epochs"] == settings.epochs:
        return checkpoint
    content["train_args"]["epochs"] = settings.epochs
    torch.save(content, scratch)
    return scratch


def _trainer(dataset: BuiltDataset, weights: Path, folder: Path, settings: TrainSettings, last: Path | None) -> Any:
    from ultralytics.models.yolo.detect import DetectionTrainer

    overrides: dict[str, Any] = {
        "task": "detect",
        "model": str(last or weights),
        "data": str(dataset.data_yaml),
        "save_dir": str(folder),
        "exist_ok": True,
        "device": "cpu",
        "workers": 0,
        "amp": False,  # half precision brings nothing on a CPU, and its self-check wants to download a network
        "plots": False,
        "save_period": 1,
        "epochs": settings.epochs,
        "imgsz": settings.imgsz_px,
        "batch": settings.batch,
        "nbs": settings.batch,  # step after every batch: there are only some hundred of them
        "optimizer": "AdamW",
        "lr0": settings.learning_rate,
        "lrf": settings.final_learning_rate_ratio,
        "cos_lr": True,
        "warmup_epochs": settings.warmup_epochs,
        "warmup_bias_lr": 0.0,
        "freeze": settings.frozen_layers,
        "mosaic": settings.mosaic,
        "close_mosaic": min(settings.mosaic_off_last_epochs, settings.epochs),
        "scale": settings.scale,
        "degrees": settings.rotate_deg,
        "flipud": settings.flip_up_down,
        "hsv_h": settings.hue,
        "hsv_s": settings.saturation,
        "hsv_v": settings.value,
        "seed": settings.seed,
        "patience": settings.epochs,
    }
    if last is not None:
        overrides["resume"] = str(last)
    return DetectionTrainer(overrides=overrides)


def _learn_the_dense_head(trainer: Any, dataset: BuiltDataset) -> None:
    """Our loss, and held-out places judged by the head that ships: the dense one, after suppression."""
    trainer.model.criterion = reviewed_loss(trainer.model, dataset.unreviewed_rows)
    for network in (trainer.model, trainer.ema.ema):
        network.model[-1].end2end = False


def _freeze_batchnorm(trainer: Any) -> None:
    """Before each batch, since the trainer puts the whole head back into training mode every epoch."""
    from torch import nn

    for module in trainer.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def _write_record(dataset: BuiltDataset, weights: Path, folder: Path, settings: TrainSettings) -> None:
    import hashlib
    from importlib.metadata import version

    content = {
        "schema": "kerbwatch-training-run/1",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "starts": _starts(folder),
        "commit": _commit(),
        "dataset_manifest_sha256": dataset.manifest_sha256,
        "start_weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "best_sha256": hashlib.sha256((folder / "weights" / "best.pt").read_bytes()).hexdigest(),
        "settings": settings.model_dump(),
        "versions": {name: version(name) for name in ("ultralytics", "torch", "numpy")},
        "python": platform.python_version(),
        "processors": os.cpu_count(),
    }
    # Last of all: where it stands, the run is whole.
    (folder / "run_record.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def _note_start(folder: Path, settings: TrainSettings, last: Path | None) -> None:
    """Add this start to the run's history: a resumed run is told from one that ran through."""
    epoch = None
    if last is not None:
        import torch

        epoch = torch.load(last, map_location="cpu", weights_only=False)["epoch"] + 1
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    start = {"started": now, "epochs": settings.epochs, "after_epoch": epoch}
    (folder / "starts.json").write_text(json.dumps([*_starts(folder), start], indent=1), encoding="utf-8")


def _starts(folder: Path) -> list[dict[str, Any]]:
    path = folder / "starts.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def _commit() -> str | None:
    """The project's commit, or None outside a checkout."""
    here = Path(__file__).parent
    run = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return run.stdout.strip() or None
