"""The start weights as a detector that is fed and read exactly like the bundle: the column beside its figures."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from detector.model.bundle import Bundle
from detector.model.card import CueSpec, ModelSpec
from detector.model.session import OnnxSession, model_ports
from detector.model.yolo import Detector
from models.errors import CheckpointError
from models.export import export_pruned
from models.measure.detect import measuring_detector
from models.pseudo_labels import load_network
from models.recipe import ExportSpec
from models.slots import COCO_NAMES, taught_cues


@dataclass(frozen=True)
class _Rows:
    """A session that answers with some of the score rows of another."""

    inner: OnnxSession
    rows: NDArray[np.int64]

    @property
    def backend(self) -> str:
        return self.inner.backend

    def run(self, nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The inner output (1, 4 + C, N), cut down to the wanted score rows."""
        return np.ascontiguousarray(self.inner.run(nchw)[:, self.rows])


def baseline_detector(
    bundle: Bundle, weights: Path, *, cues: tuple[str, ...] = (), threads: int = 1
) -> Detector | None:
    """The start weights as a detector of those cues of the bundle which they know.

    A ``.pt`` file is exported at the bundle's own input size. An ``.onnx`` file keeps the size it has.

    Args:
        bundle: Says how pictures are fed and boxes suppressed.
        weights: The start weights: a ``.pt`` checkpoint, or an ONNX file with the raw layout that the trainer library
            wrote (its class names stand in it).
        cues: More cues to look for if the start weights know them, e.g. ``person`` for blurring.
        threads: The network's CPU budget.

    Returns:
        None when they know none of the cues.

    Raises:
        CheckpointError: the file is missing, is no detector, or does not name its classes.
        TrainExtraMissing: a ``.pt`` file needs torch and ultralytics.
    """
    if not weights.is_file():
        raise CheckpointError(f"no start weights at {weights}: give a .pt or .onnx file")
    wanted = tuple(dict.fromkeys([*bundle.cue_names, *cues]))
    if weights.suffix == ".onnx":
        return _of_onnx(bundle, weights, wanted, threads)
    return _of_checkpoint(bundle, weights, wanted, threads)


def _of_checkpoint(bundle: Bundle, weights: Path, wanted: tuple[str, ...], threads: int) -> Detector | None:
    slots = _slots(wanted, dict(load_network(weights).names))
    if not slots:
        return None
    size = bundle.card.model.input
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "start.onnx"
        export_pruned(weights, slots, onnx, ExportSpec(height_px=size.height_px, width_px=size.width_px))
        model = onnx.read_bytes()
    return measuring_detector(_as_bundle(bundle, model, tuple(slots), size.height_px, size.width_px), threads)


def _of_onnx(bundle: Bundle, path: Path, wanted: tuple[str, ...], threads: int) -> Detector | None:
    model = path.read_bytes()
    names = _class_names(model, path)
    (ports_in, ports_out) = model_ports(model)
    shape_in, shape_out = ports_in[0].shape, ports_out[0].shape
    static = len(shape_in) == 4 and all(isinstance(side, int) for side in shape_in)
    if not static or len(shape_out) != 3 or shape_out[1] != 4 + len(names):
        raise CheckpointError(
            f"{path} takes {shape_in} and gives {shape_out}: start weights need a static input (1, 3, H, W) and a raw "
            f"output (1, {4 + len(names)}, N); export them with nms=False and dynamic=False"
        )
    slots = _slots(wanted, names)
    if not slots:
        return None
    as_bundle = _as_bundle(bundle, model, tuple(slots), int(str(shape_in[2])), int(str(shape_in[3])))
    detector = measuring_detector(as_bundle, threads)
    rows = np.array([0, 1, 2, 3, *(4 + row for row in slots.values())], np.int64)
    return Detector(detector.bundle, _Rows(OnnxSession(model, threads=threads), rows))


def _slots(wanted: tuple[str, ...], names: Mapping[int, str]) -> dict[str, int]:
    row_by_cue = {cue: row for row, cue in taught_cues(wanted, names).items()}
    return {cue: row_by_cue[cue] for cue in wanted if cue in row_by_cue}


def _class_names(model: bytes, path: Path) -> dict[int, str]:
    try:
        text = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).get_modelmeta().custom_metadata_map
    except ort.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
        raise CheckpointError(f"{path} is not an ONNX file: {error}") from error
    try:
        names = ast.literal_eval(text["names"])
    except (KeyError, ValueError, SyntaxError) as error:
        raise CheckpointError(f"{path} does not name its classes (metadata 'names'): export it again") from error
    # A network of ours names its classes by our words for them, another one by COCO's.
    return {int(row): COCO_NAMES.get(str(name), str(name)) for row, name in names.items()}


def _as_bundle(bundle: Bundle, model: bytes, cues: tuple[str, ...], height_px: int, width_px: int) -> Bundle:
    """The bundle with another network in it; only what a detector reads is changed."""
    spec: ModelSpec = bundle.card.model
    size = spec.input.model_copy(update={"height_px": height_px, "width_px": width_px})
    output = spec.output.model_copy(update={"layout": "raw"})
    specs = tuple(CueSpec(name=name, min_confidence=0.0, origin="kept") for name in cues)
    card = bundle.card.model_copy(
        update={"cues": specs, "model": spec.model_copy(update={"input": size, "output": output})}
    )
    return replace(bundle, card=card, model=model)
