"""A data set that the start weights fill in: the manifest says who they were, and it holds for a rebuild."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.dataset import build, read_recipe
from models.pseudo_labels import load_network
from models.recipe import TeacherSpec
from tests.models.dataset.sources import recipe, source, write_labels, write_source
from tests.models.networks import random_start_weights

# The trainer's own libraries warn of their futures; that is theirs to mend.
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("default")]


def test_the_teacher_is_named_and_its_boxes_are_marked(tmp_path: Path) -> None:
    write_source(tmp_path, "s", ["a.png", "街.png"])
    write_labels(tmp_path, "s", {"a": "3 0.5 0.5 0.2 0.2\n", "街": "3 0.5 0.5 0.2 0.2\n"})
    weights = random_start_weights(tmp_path / "start.pt")
    samples = read_recipe(recipe(tmp_path, source("s")), tmp_path).samples
    # Random weights are sure of nothing: learnt is the thing that they take most for, at the lowest threshold.
    teacher = TeacherSpec(imgsz_px=64, min_confidence=1e-9)
    network = load_network(weights)
    (result,) = network.predict(str(samples[0].image), imgsz=64, conf=1e-9, device="cpu", verbose=False)
    favourite = network.names[int(result.boxes.cls[0])]
    cues = ["signboard", favourite]
    first, second = (build(samples, cues, out=tmp_path / name, weights=weights, teacher=teacher) for name in "xy")
    assert first.manifest_sha256 == second.manifest_sha256
    told = json.loads((tmp_path / "x" / "manifest.json").read_text("utf-8"))["teacher"]
    assert told["imgsz_px"] == 64
    assert len(told["weights_sha256"]) == 64
    found = {(box.cue, box.origin) for sample in first.samples for box in sample.boxes}
    assert found == {("signboard", "hand"), (favourite, "teacher")}


def test_weights_that_teach_nothing_leave_no_trace(tmp_path: Path) -> None:
    """With or without weights at hand, a data set of hand labels has one hash."""
    write_source(tmp_path, "s", ["a.png"])
    write_labels(tmp_path, "s", {"a": "3 0.5 0.5 0.2 0.2\n"})
    samples = read_recipe(recipe(tmp_path, source("s")), tmp_path).samples
    weights = random_start_weights(tmp_path / "start.pt")
    hashes = {
        build(samples, ["signboard"], out=tmp_path / name, weights=given, teacher=TeacherSpec()).manifest_sha256
        for name, given in (("x", weights), ("y", None))
    }
    assert len(hashes) == 1
