"""The training tests: real torch, real trainer, a random network and a handful of pictures."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from detector.model.signers import Trust, read_signer
from detector.model.yolo import Detector, open_detector
from models.errors import CheckpointError
from models.export import Layout
from models.recipe import ExportSpec
from models.signing import make_key, public_path
from tests.models.networks import random_start_weights, write_export

# The trainer's own libraries warn of their futures; that is theirs to mend.
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_start_weights(tmp_path_factory.mktemp("weights") / "start.pt")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [(f"p{number}", "val" if number == 0 else "train", "signboard") for number in range(6)]
    return write_export(tmp_path_factory.mktemp("export"), ["signboard"], pictures)


def _command(export: Path, weights: Path, out: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "kerbwatch", "models", "train"]
    given = ["--data", str(export), "--weights", str(weights), "--out", str(out), "--sign-key", str(_key_file(out))]
    return [*start, *given, "--imgsz", "64", "--batch", "2", "--threads", "1", *more]


def _key_file(out: Path) -> Path:
    """The key that signs the bundle in ``out``; it lies beside that folder."""
    path = out.with_name(f"{out.name}.key")
    if not path.exists():
        make_key(path, "a-workshop")
    return path


def _opened(out: Path) -> Detector:
    return open_detector(out / "bundle", trust=Trust((read_signer(public_path(_key_file(out))),)))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_export_to_bundle_in_one_epoch(export: Path, weights: Path, tmp_path: Path) -> None:
    command = _command(export, weights, tmp_path, "--epochs", "1")
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    detector = _opened(tmp_path)
    assert detector.cue_names[0] == "person"
    assert detector.cue_names[-1] == "signboard"
    card = detector.bundle.card
    assert card.cues[-1].origin == "trained"
    assert card.training["run_record"]["settings"]["epochs"] == 1
    assert [(row["cue"], row["split"], row["boxes"]) for row in card.metrics] == [("signboard", "val", 1)]


def test_a_killed_run_goes_on_where_it_was(export: Path, weights: Path, tmp_path: Path) -> None:
    command = _command(export, weights, tmp_path, "--epochs", "5")
    checkpoints = tmp_path / "run" / "weights"
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + 200
        while not (checkpoints / "epoch1.pt").exists() and time.monotonic() < deadline_s and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert not (checkpoints / "epoch4.pt").exists(), "the kill came too late"
    # The kill may have torn the newest files; the whole epoch before them is what there is to go on from.
    (checkpoints / "last.pt").write_bytes(b"torn by the kill")
    again = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 2, again.stderr[-3000:]
    assert "give --resume" in again.stderr
    resumed = [*command, "--resume"]
    done = subprocess.run(resumed, env=_environment(), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with (tmp_path / "run" / "results.csv").open(encoding="utf-8") as file:
        epochs = [int(float(row["epoch"])) for row in csv.DictReader(file)]
    assert sorted(set(epochs)) == [1, 2, 3, 4, 5]
    assert epochs.count(1) == 1, "the first epoch was whole before the kill"
    record = json.loads((tmp_path / "run" / "run_record.json").read_text(encoding="utf-8"))
    assert [start["after_epoch"] for start in record["starts"]] in ([None, 1], [None, 2], [None, 3], [None, 4])
    _opened(tmp_path)


@pytest.mark.parametrize("layout", ["raw", "nms_free"])
def test_an_export_is_run_beside_its_network(weights: Path, tmp_path: Path, layout: Layout) -> None:
    import torch

    from models.export import check_against_trainer, export_pruned
    from models.prune import prune_head
    from models.pseudo_labels import load_network

    spec, rows, onnx = ExportSpec(height_px=64, width_px=96), {"person": 0, "bus": 5}, tmp_path / "model.onnx"
    export_pruned(weights, rows, onnx, spec, layout)  # raises when the file says something else
    network = load_network(weights).model
    prune_head(network, rows)
    network.model[-1].end2end = layout == "nms_free"
    with torch.no_grad():
        for parameter in network.model[-1].parameters():
            parameter *= 0.1
    with pytest.raises(CheckpointError, match=r"differs from the network by .* px and .* in score"):
        check_against_trainer(network, onnx, spec)
    network.model[-1].end2end = layout != "nms_free"
    with pytest.raises(CheckpointError, match=r"the exported file gives \(1, .*, the network \(1, .*: export again"):
        check_against_trainer(network, onnx, spec)


def test_pruning_leaves_the_kept_outputs_alone(weights: Path) -> None:
    import torch

    from models.prune import prune_head
    from models.pseudo_labels import load_network

    picture = torch.from_numpy(np.random.default_rng(1).random((1, 3, 64, 96), np.float32))
    whole, cut = load_network(weights).model.eval(), load_network(weights).model.eval()
    rows = {"umbrella": 25, "person": 0}
    prune_head(cut, rows)
    with torch.no_grad():
        for end2end_preds in ("one2many", "one2one"):
            before, after = whole(picture)[1][end2end_preds], cut(picture)[1][end2end_preds]
            torch.testing.assert_close(after["boxes"], before["boxes"])
            torch.testing.assert_close(after["scores"], before["scores"][:, [25, 0]])
    assert cut.names == {0: "umbrella", 1: "person"}


@pytest.mark.parametrize("rows", [{"a": 80}, {"a": -1}, {}])
def test_pruning_refuses_rows_that_are_not_there(weights: Path, rows: dict[str, int]) -> None:
    from models.prune import prune_head
    from models.pseudo_labels import load_network

    with pytest.raises(CheckpointError, match=r"the head has rows 0\.\.79"):
        prune_head(load_network(weights).model, rows)


@pytest.mark.parametrize("shared", [11, 5])
def test_joined_branches_give_what_each_gave_alone(weights: Path, shared: int) -> None:
    import torch

    from models.branches import join_branches
    from models.pseudo_labels import load_network

    picture = torch.from_numpy(np.random.default_rng(1).random((1, 3, 64, 96), np.float32))
    start, joined = load_network(weights).model.eval(), load_network(weights).model.eval()
    learnt, alone = load_network(weights).model.eval(), load_network(weights).model.eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for ours, theirs in zip(learnt.model[shared:].parameters(), alone.model[shared:].parameters(), strict=True):
            ours += 0.01 * torch.randn_like(ours)
            theirs.copy_(ours)
        join_branches(joined, {"person": 0, "bus": 5}, learnt, {"signboard": 79})
        assert joined.model[-1].branch[0].i == shared
        both, kept, new = joined(picture), start(picture)[0], alone(picture)[0]
    anchors = kept.shape[2]
    assert both.shape == (1, 4 + 3, 2 * anchors)
    torch.testing.assert_close(both[:, :6, :anchors], kept[:, [0, 1, 2, 3, 4, 9]])
    torch.testing.assert_close(both[:, [0, 1, 2, 3, 6], anchors:], new[:, [0, 1, 2, 3, 4 + 79]])
    assert not both[:, 6, :anchors].any()
    assert not both[:, 4:6, anchors:].any()


def test_joining_refuses_another_backbone_and_doubled_cues(weights: Path, tmp_path: Path) -> None:
    import torch

    from models.branches import join_branches
    from models.pseudo_labels import load_network

    other = load_network(weights).model
    with torch.no_grad():
        other.model[0].conv.weight += 1
    with pytest.raises(CheckpointError, match="differ from the first layer on"):
        join_branches(load_network(weights).model, {"person": 0}, other, {"signboard": 79})
    with pytest.raises(CheckpointError, match="'person' is both kept and learnt"):
        join_branches(load_network(weights).model, {"person": 0}, other, {"person": 0})


@pytest.mark.parametrize("content", [None, b"no checkpoint"])
def test_unreadable_weights(tmp_path: Path, content: bytes | None) -> None:
    from models.pseudo_labels import load_network

    path = tmp_path / "weights.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights\.pt"):
        load_network(path)
