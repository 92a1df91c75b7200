"""Bundles made of real networks with random weights: what they find is nonsense, how it is measured is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.model.bundle import Bundle, load_bundle
from models.dataset import Sample
from models.label_box import LabelBox
from models.make import Plan, build_dataset, make_bundle, plan_of_export, with_input
from models.measure.baseline import baseline_detector
from models.measure.detect import find_matches, measuring_detector
from models.measure.rows import CueMetrics
from tests.models.networks import draw_picture, random_start_weights, write_export
from tests.signing import KEY, TRUST

# The trainer's own libraries warn of their futures; that is theirs to mend.
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("default")]

Made = tuple[Plan, Path, list[CueMetrics], Bundle, Path]


def _talkative(weights: Path) -> Path:
    """The same network with higher scores: a fresh one is so shy that it finds nothing at all."""
    from models.pseudo_labels import load_network

    network = load_network(weights)
    head = network.model.model[-1]
    for level in (*head.cv3, *head.one2one_cv3):
        level[-1].bias.data += 6.0
    network.save(str(weights))
    return weights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A bundle that keeps person and the rest and learns signboard, from one random network for both branches."""
    root = tmp_path_factory.mktemp("model")
    (root / "run" / "weights").mkdir(parents=True)
    weights = _talkative(random_start_weights(root / "run" / "weights" / "start.pt"))
    pictures = [(f"p{number}", split, "signboard") for number, split in enumerate(["train", "val", "test", "test"])]
    plan = with_input(plan_of_export(write_export(root / "export", ["signboard"], pictures)), "64x96")
    box = draw_picture(root / "checked" / "street.png", 40)
    boxes = (LabelBox("person", *box, "hand"),)
    street = Sample(root / "checked" / "street.png", "checked", "q", "test", frozenset({"person"}), boxes)
    plan = replace(plan, evaluation=(street,))
    dataset = build_dataset(plan, weights, root, lambda done, total: None)
    rows = make_bundle(
        plan, dataset, weights=weights, checkpoint=weights, record=None, folder=root / "bundle", key=KEY,
        on_progress=lambda done, total: None,
    )  # fmt: skip
    return plan, weights, rows, load_bundle(root / "bundle", TRUST), root


def test_the_card_tells_what_stands_behind_each_cue(made: Made) -> None:
    _, _, rows, bundle, _ = made
    assert [(row.cue, row.source, row.split, row.boxes) for row in rows] == [
        ("person", "checked", "test", 1),
        ("signboard", "export", "test", 2),
        ("signboard", "export", "val", 1),
    ]
    cues = {cue.name: cue for cue in bundle.card.cues}
    told = {name: (cue.origin, cue.training_boxes, cue.measured) for name, cue in cues.items()}
    assert told["signboard"] == ("trained", 1, True)
    assert told["person"] == ("kept", None, True)
    assert told["car"] == ("kept", None, False)
    assert cues["signboard"].threshold == "fixed"  # one validation box cannot choose
    assert [row["start_weights"] is None for row in bundle.card.metrics] == [False, True, True]
    assert "curves-signboard.png" in bundle.card.pictures
    page = (bundle.dir / "README.md").read_text(encoding="utf-8")
    assert "不足 200，仅为试验 · a trial" in page
    assert "No figures from places that no training saw: " in page
    assert "![curves-signboard.png](curves-signboard.png)" in page


def test_kept_cues_are_the_start_weights_own(made: Made) -> None:
    """On identical input the bundle finds exactly what the start weights find."""
    plan, weights, rows, bundle, _ = made
    start = baseline_detector(bundle, weights)
    assert start is not None
    (ours,) = find_matches(measuring_detector(bundle), plan.evaluation)
    (theirs,) = find_matches(start, plan.evaluation)
    assert len(ours.pictures[0].confidence) > 0
    np.testing.assert_allclose(ours.pictures[0].confidence, theirs.pictures[0].confidence, atol=1e-6)
    np.testing.assert_allclose(ours.pictures[0].found_xyxy, theirs.pictures[0].found_xyxy, atol=1e-3)
    assert rows[0].scores == rows[0].start_weights


def test_start_weights_as_onnx_are_the_same(made: Made, tmp_path: Path) -> None:
    from models.pseudo_labels import load_network

    plan, weights, _, bundle, _ = made
    network = load_network(weights)
    network.model.model[-1].end2end = False  # the raw layout
    exported = network.export(format="onnx", imgsz=(64, 96), opset=17, verbose=False)
    onnx = Path(exported).rename(tmp_path / "start.onnx")
    detectors = [baseline_detector(bundle, weights), baseline_detector(bundle, onnx)]
    (by_pt,), (by_onnx,) = [find_matches(detector, plan.evaluation) for detector in detectors if detector]
    np.testing.assert_allclose(by_onnx.pictures[0].confidence, by_pt.pictures[0].confidence, atol=1e-5)


def test_a_model_without_kept_cues(made: Made, tmp_path: Path) -> None:
    plan, weights, _, _, root = made
    alone = replace(plan, cues=tuple(cue for cue in plan.cues if cue.origin == "trained"), evaluation=())
    alone = with_input(alone, "96x96")  # another size than it was trained at
    dataset = build_dataset(alone, weights, root, lambda done, total: None)
    rows = make_bundle(
        alone, dataset, weights=weights, checkpoint=weights, record=None, folder=tmp_path / "bundle", key=KEY,
        on_progress=lambda done, total: None,
    )  # fmt: skip
    bundle = load_bundle(tmp_path / "bundle", TRUST)
    assert bundle.cue_names == ("signboard",)
    assert (bundle.card.model.input.height_px, bundle.card.model.input.width_px) == (96, 96)
    assert all(row.start_weights is None for row in rows)
    assert "keeps no other" in bundle.card.training["method"]["en"]
