"""From a recipe or a label export to a finished bundle: data set, training, export, measuring, card.

Everything of one model lies in one folder: ``dataset/``, ``run/`` (checkpoints, run record) and ``bundle/``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detector.evidence.privacy import PERSON
from detector.model.card import BothLanguages, CueSpec
from detector.signing import SigningKey
from models.bundle import Card, read_golden, write_bundle
from models.dataset import (
    BuiltDataset,
    Problem,
    Sample,
    build,
    evaluation_samples,
    read_recipe,
    samples_of_export,
    tell_problems,
    unlabelled,
)
from models.errors import CheckpointError, DatasetError, RecipeError
from models.export import Layout, export_joined
from models.measure.average import rank
from models.measure.baseline import baseline_detector
from models.measure.detect import Matches, find_matches, measuring_detector
from models.measure.failures import VEHICLES
from models.measure.pictures import clear_pictures, draw_pictures
from models.measure.rows import CueMetrics, measured_rows, row_content, unmeasured
from models.measure.threshold import choose_threshold
from models.recipe import CardTexts, ExportSpec, Recipe, SourceSpec, TeacherSpec, TrainSettings
from models.slots import KEPT_CUES, taught_cues
from models.train import TrainedRun

Progress = Callable[[int, int], None]

_ALONE = BothLanguages(
    zh="由起始权重出发训练全网，只含本项目训练的目标，不沿用任何目标。",
    en="The whole network was trained on from the start weights; it gives the learnt cues only and keeps no other.",
)
_METHOD = BothLanguages(
    zh="起始权重的主干冻结并共用；新目标在其上训练自己的颈部与检测头，沿用的目标仍由原颈部与检测头给出，逐位不变。",
    en="The start weights' backbone is frozen and shared. The learnt cues have a neck and a head of their own; the "
    "other cues come from the start weights' neck and head, bit for bit.",
)


@dataclass(frozen=True)
class Plan:
    """What will be made: the model's cues (kept first, then learnt), the pictures and the settings."""

    name: str
    version: str
    licence: str
    start_weights: str
    cues: tuple[CueSpec, ...]
    samples: tuple[Sample, ...]
    evaluation: tuple[Sample, ...]
    auxiliary: tuple[str, ...]
    sources: tuple[SourceSpec, ...]
    golden_image: Path
    golden_blur_px: tuple[tuple[int, int, int, int], ...]
    teacher: TeacherSpec
    training: TrainSettings
    export: ExportSpec
    texts: CardTexts
    seen_by_start_weights: tuple[str, ...] = ()
    """Sources on which the start weights were trained: figures there do not count as measured for the kept cues."""
    problems: tuple[Problem, ...] = ()
    """Faults of the pictures and labels, for the data set's own list."""

    def of_origin(self, origin: str) -> tuple[str, ...]:
        """Names of the cues that are ``trained`` or ``kept``."""
        return tuple(cue.name for cue in self.cues if cue.origin == origin)


def plan_of_recipe(recipe: Recipe, data_root: Path) -> Plan:
    """Make a recipe's model from the pictures below ``data_root``.

    Raises:
        DatasetError: pictures, labels or the index are missing.
    """
    reading = read_recipe(recipe, data_root)
    tell_problems(reading.problems)
    return Plan(
        name=recipe.name,
        version=recipe.version,
        licence=recipe.licence,
        start_weights=recipe.start_weights,
        cues=recipe.cues,
        samples=reading.samples,
        evaluation=tuple(_evaluation(recipe, data_root)),
        auxiliary=recipe.auxiliary,
        sources=recipe.sources
        + tuple(spec.model_copy(update={"name": _shown_name(spec, recipe)}) for spec in recipe.evaluation_sources),
        golden_image=data_root / recipe.golden_image,
        golden_blur_px=recipe.golden_blur_px,
        teacher=recipe.teacher,
        training=recipe.training,
        export=recipe.export,
        texts=recipe.texts,
        seen_by_start_weights=tuple(
            _shown_name(spec, recipe) for spec in recipe.evaluation_sources if spec.seen_by_start_weights
        ),
        problems=reading.problems,
    )


def _evaluation(recipe: Recipe, data_root: Path) -> list[Sample]:
    """The evaluation pictures in which one of the model's cues was reviewed, under the names of the card."""
    shown = {spec.name: _shown_name(spec, recipe) for spec in recipe.evaluation_sources}
    cues = {cue.name for cue in recipe.cues}
    samples = evaluation_samples(recipe, data_root)
    return [replace(sample, source=shown[sample.source]) for sample in samples if sample.reviewed & cues]


def _shown_name(spec: SourceSpec, recipe: Recipe) -> str:
    """What an evaluation source is called in the card.

    Where the same pictures are a source to learn from as well, with other labels, it is called after the hand
    corrections that it is measured against.
    """
    learnt_from = {source.name for source in recipe.sources}
    return "+".join(spec.corrections) or spec.name if spec.name in learnt_from else spec.name


def plan_of_export(folder: Path, *, min_confidence: float = 0.25) -> Plan:
    """Make a model that learns the cues which reviewers confirmed in a ``kerbwatch label export`` folder.

    A cue without any box in it cannot be learnt; the street cues of COCO stay as the start weights know them.

    Raises:
        DatasetError: the folder is no export, or holds no box at all.
    """
    samples, names = samples_of_export(folder)
    boxes = Counter(box.cue for sample in samples for box in sample.boxes)
    learnt = [name for name in names if boxes[name]]
    if not learnt:
        raise DatasetError(f"{folder} holds no box: confirm some cases before training on them")
    kept = [cue for cue in KEPT_CUES if cue not in learnt]
    cues = [CueSpec(name=name, min_confidence=min_confidence, origin="kept") for name in kept]
    cues += [CueSpec(name=name, min_confidence=min_confidence, origin="trained", threshold="chosen") for name in learnt]
    source = SourceSpec(
        name=folder.name,
        origin="labels confirmed by reviewers",
        licence="not for publication",
        attribution="confirmed cases of this site, pictures blurred",
    )
    fullest = max(samples, key=lambda sample: len(sample.boxes))
    return Plan(
        name=folder.name,
        version="0.0.1",
        licence="AGPL-3.0-or-later",
        start_weights="as given by --weights",
        cues=tuple(cues),
        samples=tuple(samples),
        evaluation=(),
        auxiliary=(),
        sources=(source,),
        golden_image=fullest.image,
        golden_blur_px=(),  # an export is blurred already
        teacher=TeacherSpec(),
        training=TrainSettings(),
        export=ExportSpec(),
        texts=_export_texts(learnt),
    )


def build_dataset(plan: Plan, weights: Path, out: Path, on_progress: Progress) -> BuiltDataset:
    """Write the plan's data set to ``out / "dataset"``; see :func:`models.dataset.build`."""
    return build(
        plan.samples,
        [*plan.of_origin("trained"), *plan.auxiliary],
        out=out / "dataset",
        weights=weights,
        teacher=plan.teacher,
        problems=plan.problems,
        on_progress=on_progress,
    )


def make_bundle(
    plan: Plan,
    dataset: BuiltDataset,
    *,
    weights: Path,
    checkpoint: Path,
    record: Path | None,
    folder: Path,
    key: SigningKey,
    on_progress: Progress,
) -> list[CueMetrics]:
    """Export, write and measure the bundle; returns what was measured.

    Args:
        plan: What the model is.
        dataset: What it learnt from.
        weights: The start weights.
        checkpoint: The trained branch.
        record: The run record, if the run was finished.
        folder: Where the bundle goes.
        key: Signs the bundle.
        on_progress: Called with (pictures measured, pictures in all).

    Raises:
        CheckpointError: the checkpoint was trained on other start weights, or those do not know a kept cue.
        BundleError: the bundle does not pass the device's checks.
    """
    learnt = plan.of_origin("trained")
    clear_pictures(folder)
    onnx = folder / "model.onnx"
    export(plan, dataset, weights=weights, checkpoint=checkpoint, onnx=onnx)
    golden = read_golden(plan.golden_image, plan.golden_blur_px)
    card = Card(plan.name, plan.version, plan.licence, plan.cues, plan.texts, _training(plan, dataset, record))
    bundle = write_bundle(folder, onnx=onnx, card=card, spec=plan.export, golden=golden, key=key)

    samples = held_out(dataset.samples, plan.evaluation, plan.of_origin("trained"))
    start = baseline_detector(bundle, weights, cues=(PERSON, *VEHICLES))
    matches = find_matches(measuring_detector(bundle), samples, on_progress=on_progress)
    beside = find_matches(start, samples, on_progress=on_progress) if start else []
    cues = decide_thresholds(plan.cues, matches)
    thresholds = {cue.name: cue.min_confidence for cue in cues}
    metrics = measured_rows(matches, thresholds, beside)
    pictures = draw_pictures(
        folder,
        [each for each in matches if each.cue in learnt],
        thresholds,
        may_show={sample.source for sample in dataset.samples}.__contains__,
        # A model that keeps no street cue looks from the air, where a person is a dozen pixels and nobody can be told.
        people=start if plan.of_origin("kept") else None,
        results=_results(checkpoint),
    )
    card = replace(
        card, cues=_marked(cues, dataset, metrics, plan), metrics=_metric_rows(metrics, plan), pictures=pictures
    )
    # Once more, since the golden boxes are those above the thresholds.
    write_bundle(folder, onnx=onnx, card=card, spec=plan.export, golden=golden, key=key)
    return metrics


def export(
    plan: Plan, dataset: BuiltDataset, *, weights: Path, checkpoint: Path, onnx: Path, layout: Layout = "raw"
) -> None:
    """Write a run's network as the ONNX file that a bundle of the plan would hold, run once beside the network itself.

    Args:
        plan: What the model is; its input size is the file's.
        dataset: What it learnt from.
        weights: The start weights.
        checkpoint: The trained branch.
        onnx: The file to write.
        layout: ``raw``, or ``nms_free``.

    Raises:
        CheckpointError: the checkpoint was trained on other start weights, those do not know a kept cue, or the file
            does not say what the network says.
    """
    kept = {cue: row for row, cue in taught_cues(plan.of_origin("kept"), dataset.names).items()}
    unknown = sorted(set(plan.of_origin("kept")) - set(kept))
    if unknown:
        raise CheckpointError(f"the start weights do not know {unknown[0]!r}: such a cue can be trained, not kept")
    learnt = {cue: dataset.slots[cue] for cue in plan.of_origin("trained")}
    export_joined(weights, kept, checkpoint, learnt, onnx, plan.export, layout)


def held_out(samples: Sequence[Sample], evaluation: Sequence[Sample], learnt: Sequence[str]) -> list[Sample]:
    """The pictures to measure on: validation and test places, and the evaluation sources.

    In a picture of an evaluation source that is in the data set too, or shows a place the training saw, the learnt
    cues are not measured (again). The kept cues learnt from none of these pictures.

    Args:
        samples: All pictures of the data set. evaluation: Those of the evaluation sources.
        learnt: The cues learnt here.
    """
    pictures = {sample.image.name for sample in samples}
    places = {sample.place for sample in samples if sample.split == "train"}
    others = [
        replace(sample, reviewed=sample.reviewed - set(learnt))
        if sample.image.name in pictures or sample.place in places
        else sample
        for sample in evaluation
    ]
    return [*(sample for sample in samples if sample.split != "train"), *others]


def decide_thresholds(cues: Sequence[CueSpec], matches: Sequence[Matches]) -> tuple[CueSpec, ...]:
    """The cues with their thresholds: chosen on the validation pictures where a recipe asks for it.

    A cue with too few validation boxes to choose on keeps its value and is marked ``fixed``. Test pictures have no say.
    """
    decided: list[CueSpec] = []
    for cue in cues:
        if cue.threshold == "chosen":
            on = [rank(each.pictures) for each in matches if each.cue == cue.name and each.split == "val"]
            choice = choose_threshold(on)
            found = {"min_confidence": choice.min_confidence} if choice else {"threshold": "fixed"}
            decided.append(cue.model_copy(update=found))
        else:
            decided.append(cue)
    return tuple(decided)


def with_input(plan: Plan, size: str) -> Plan:
    """The plan with another input size of the bundle, written as height x width: ``384x640``.

    Raises:
        RecipeError: it is not written so, or a side is no multiple of 32.
    """
    match = re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})", size)
    sides = [int(side) for side in match.groups()] if match else []
    if not sides or any(side % 32 for side in sides):
        raise RecipeError(f"--input {size!r}: give height x width in px, both multiples of 32, e.g. 384x640")
    return replace(plan, export=plan.export.model_copy(update={"height_px": sides[0], "width_px": sides[1]}))


def run_of(out: Path) -> TrainedRun:
    """The run in a model's folder.

    Raises:
        DatasetError: there is none.
    """
    best = out / "run" / "weights" / "best.pt"
    if not best.is_file():
        raise DatasetError(f"no trained run in {out}: run `kerbwatch models train --out {out}` first")
    return TrainedRun(out / "run", best, out / "run" / "run_record.json")


def _training(plan: Plan, dataset: BuiltDataset, record: Path | None) -> dict[str, Any]:
    images = Counter((sample.source, sample.split) for sample in [*dataset.samples, *plan.evaluation])
    sources = [
        {
            "name": source.name,
            "origin": source.origin,
            "licence": source.licence,
            "attribution": source.attribution,
            "images": sum(count for (name, _), count in images.items() if name == source.name),
            "use": ", ".join(f"{split} {images[source.name, split]}" for split in ("train", "val", "test")
                             if images[source.name, split]),
        }
        for source in plan.sources
    ]  # fmt: skip
    learnt = plan.of_origin("trained")
    boxes = Counter((sample.split, box.cue, box.origin) for sample in dataset.samples for box in sample.boxes)
    method = _METHOD if plan.of_origin("kept") else _ALONE
    return {
        "method": {"zh": method.zh, "en": method.en},
        "start_weights": plan.start_weights,
        "sources": sources,
        "boxes": [
            {"split": split, "cue": cue, "origin": origin, "boxes": count}
            for (split, cue, origin), count in sorted(boxes.items())
        ],
        "unlabelled": [
            {"cue": cue, "train_images": count}
            for cue, count in sorted(
                unlabelled(dataset.samples, learnt, taught_cues(learnt, dataset.names).values()).items()
            )
        ],
        "run_record": json.loads(record.read_text(encoding="utf-8")) if record and record.is_file() else None,
    }


def _results(checkpoint: Path) -> Path | None:
    """The trainer's record of the run that a checkpoint is from."""
    path = checkpoint.parent.parent / "results.csv"
    return path if path.is_file() else None


def _marked(
    cues: Sequence[CueSpec], dataset: BuiltDataset, metrics: Sequence[CueMetrics], plan: Plan
) -> tuple[CueSpec, ...]:
    """The cues with what stands behind each: hand-labelled training boxes, and whether it was measured."""
    boxes = Counter(
        box.cue
        for sample in dataset.samples
        if sample.split == "train"
        for box in sample.boxes
        if box.cue in sample.reviewed
    )
    missing = {
        *unmeasured(plan.of_origin("trained"), metrics),
        *unmeasured(plan.of_origin("kept"), metrics, plan.seen_by_start_weights),
    }
    return tuple(
        cue.model_copy(
            update={
                "training_boxes": boxes[cue.name] if cue.origin == "trained" else None,
                "measured": cue.name not in missing,
            }
        )
        for cue in cues
    )


def _metric_rows(metrics: Sequence[CueMetrics], plan: Plan) -> list[dict[str, Any]]:
    note = {source.name: source.note for source in plan.sources if source.note}
    rows: list[dict[str, Any]] = []
    for found in metrics:
        row = row_content(found)
        if found.source in note:
            row["note"] = {"zh": note[found.source].zh, "en": note[found.source].en}
        rows.append(row)
    return rows


def _export_texts(learnt: Sequence[str]) -> CardTexts:
    cues = ", ".join(learnt)
    return CardTexts(
        description=BothLanguages(
            zh=f"由本城市复核标注训练的模型：{cues}。",
            en=f"Trained on labels that this city's reviewers confirmed: {cues}.",
        ),
        good_for=BothLanguages(
            zh="与标注图像相同的相机与街道。", en="The cameras and streets that the labels come from."
        ),
        unmeasured=BothLanguages(
            zh="标注未覆盖的地点、天气与时段。", en="Places, weather and hours that the labels do not show."
        ),
    )
