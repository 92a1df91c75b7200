from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.model.bundle import load_bundle
from models.errors import CheckpointError
from models.measure.baseline import baseline_detector


def test_an_onnx_file_answers_for_the_cues_it_knows(zoo_street: Path, shared_data: Path) -> None:
    bundle = load_bundle(zoo_street)
    start = baseline_detector(bundle, shared_data / "weights" / "yolo26n_coco_640.onnx", cues=("person", "cake"))
    assert start is not None
    # Signboard is ours alone; a cake is one of COCO's 80 classes that the bundle does not have.
    assert start.cue_names == (*(cue.name for cue in bundle.card.cues if cue.origin == "kept"), "cake")
    found = start.detect(bundle.golden_image)
    sure = found.select(found.confidence >= 0.5)
    golden = bundle.golden.select(bundle.golden.confidence >= 0.5)
    # Not the same input size, so not the same boxes; but the same cars.
    ours = {name for name in golden.names() if name != "signboard"}
    assert ours <= set(sure.names())
    assert np.all(np.diff(found.confidence) <= 0)


def test_weights_that_know_none_of_the_cues(zoo_street: Path, shared_data: Path) -> None:
    bundle = load_bundle(zoo_street)
    card = bundle.card.model_copy(update={"cues": bundle.card.cues[-1:]})
    only_signs = replace(bundle, card=card)
    assert baseline_detector(only_signs, shared_data / "weights" / "yolo26n_coco_640.onnx") is None


def test_weights_that_are_not_there(zoo_street: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no start weights at .*none\.onnx: give a \.pt or \.onnx file"):
        baseline_detector(load_bundle(zoo_street), tmp_path / "none.onnx")


def test_an_earlier_network_of_ours_can_stand_beside(zoo_street: Path) -> None:
    bundle = load_bundle(zoo_street)
    earlier = baseline_detector(bundle, zoo_street / "model.onnx")
    assert earlier is not None
    assert earlier.cue_names == bundle.cue_names


def test_a_file_that_is_no_network(zoo_street: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(CheckpointError, match=r"broken\.onnx is not an ONNX file"):
        baseline_detector(load_bundle(zoo_street), path)
