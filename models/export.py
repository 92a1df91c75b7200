"""A trained network to an ONNX file that the edge can run.

The input is static and rectangular, (height, width), because the cameras are 16:9 and a padded square wastes 40 % of
the work. ``raw`` output is (1, 4 + cues, N), boxes as centre and size in input pixels, scores after the sigmoid;
``nms_free`` is (1, N, 6): corners, score and class. Every file is run once beside the network it came from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from models.branches import join_branches
from models.errors import CheckpointError
from models.prune import prune_head
from models.pseudo_labels import load_network
from models.recipe import ExportSpec

Layout = Literal["raw", "nms_free"]
_BOX_TOLERANCE_PX = 0.05
_SCORE_TOLERANCE = 1e-3


def export_joined(
    start: Path,
    kept_slots: Mapping[str, int],
    trained: Path,
    learnt_slots: Mapping[str, int],
    onnx: Path,
    spec: ExportSpec,
    layout: Layout = "raw",
) -> None:
    """Write ``onnx``: the kept cues by the start weights' own branch, the learnt ones by the trained branch.

    Without kept cues the trained branch stands alone.

    Args:
        start, trained: ``.pt`` checkpoints with the same backbone; they are not changed.
        kept_slots, learnt_slots: Row by cue; the outputs follow that order.
        onnx: The file to write.
        spec: Input size and opset.
        layout: Form of the output.

    Raises:
        CheckpointError: a checkpoint cannot be read, its head cannot be cut, or the backbones differ.
    """
    learnt = load_network(trained)
    if kept_slots:
        model = load_network(start)
        join_branches(model.model, kept_slots, learnt.model, learnt_slots)
    else:
        model = learnt
        prune_head(model.model, learnt_slots)
    _write(model, onnx, spec, layout)


def export_pruned(
    weights: Path, slots: Mapping[str, int], onnx: Path, spec: ExportSpec, layout: Layout = "raw"
) -> None:
    """Write ``onnx`` from one checkpoint, keeping only the given rows of its head.

    Raises:
        CheckpointError: the checkpoint cannot be read or its head cannot be cut.
    """
    model = load_network(weights)
    prune_head(model.model, slots)
    _write(model, onnx, spec, layout)


def _write(model: Any, onnx: Path, spec: ExportSpec, layout: Layout) -> None:
    # Set on the last layer itself: the exporter reaches the switch of its own heads only, not that of joined ones.
    head = model.model.model[-1]
    head.end2end = layout == "nms_free"
    if head.end2end != (layout == "nms_free"):
        raise CheckpointError("the network has no NMS-free head: export the raw layout")
    with tempfile.TemporaryDirectory() as folder:
        # The exporter writes beside the checkpoint it believes in.
        model.model.pt_path = model.ckpt_path = str(Path(folder) / "model.pt")
        written = model.export(
            format="onnx",
            imgsz=(spec.height_px, spec.width_px),
            opset=spec.opset,
            simplify=True,
            dynamic=False,
            nms=False if layout == "nms_free" else None,
            device="cpu",
            verbose=False,
        )
        check_against_trainer(model.model, Path(written), spec)
        onnx.parent.mkdir(parents=True, exist_ok=True)
        onnx.write_bytes(Path(written).read_bytes())


def check_against_trainer(network: Any, onnx: Path, spec: ExportSpec) -> None:
    """Run an ONNX file and the network it was exported from on one input and compare what they say.

    The NMS-free layout is compared by its scores: near-equal ones may change places.

    Raises:
        CheckpointError: boxes differ by more than 0.05 px or scores by more than 0.001.
    """
    import numpy as np
    import torch

    from detector.model.session import OnnxSession

    # Blocks instead of noise: a network answers to edges, and the comparison should not be of zeros alone.
    cells = np.random.default_rng(0).random((1, 3, spec.height_px // 16, spec.width_px // 16), np.float32)
    picture = np.ascontiguousarray(cells.repeat(16, 2).repeat(16, 3))
    with torch.no_grad():
        answer = network.float().eval()(torch.from_numpy(picture))
    expected = (answer[0] if isinstance(answer, tuple) else answer).numpy()
    found = OnnxSession(onnx.read_bytes()).run(picture)
    if found.shape != expected.shape:
        raise CheckpointError(f"the exported file gives {found.shape}, the network {expected.shape}: export again")
    nms_free = found.shape[-1] == 6
    boxes_px = 0.0 if nms_free else float(np.abs(found[:, :4] - expected[:, :4]).max())
    scores = (found[..., 4], expected[..., 4]) if nms_free else (found[:, 4:], expected[:, 4:])
    score = float(np.abs(scores[0] - scores[1]).max())
    if boxes_px > _BOX_TOLERANCE_PX or score > _SCORE_TOLERANCE:
        raise CheckpointError(
            f"the exported file differs from the network by {boxes_px:.3f} px and {score:.4f} in score "
            f"(allowed {_BOX_TOLERANCE_PX} px and {_SCORE_TOLERANCE}): try another opset in the recipe's export"
        )
