"""The one seam between the decoder and whatever runs the network.

A backend is anything with `run`; ONNX Runtime on the CPU is the one that is always there. A backend is trusted only
after it reproduced the bundle's golden output (`detector.model.yolo.open_detector`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from detector.errors import BundleError
from detector.model.lighten import lighten
from detector.model.onnx_file import Port, UnreadableError, ports, read

_KINDS = {1: "float", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 10: "float16", 11: "double", 16: "bfloat16"}
"""Types of tensors by their number in ONNX files."""
_LOAD_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What ONNX Runtime raises on a file it cannot use; they share no base but `Exception`."""


class Session(Protocol):
    """Runs one network on one picture."""

    @property
    def backend(self) -> str:
        """Name of the backend, e.g. ``onnxruntime``."""
        ...

    def run(self, nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's one output for the input (1, 3, H, W) float32, C-contiguous."""
        ...


@dataclass(frozen=True, slots=True)
class ModelPort:
    """One input or output of a network as the file itself declares it; an unnamed or free axis is a string or None."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


class OnnxSession:
    """ONNX Runtime on the CPU.

    Args:
        model: bytes of the ONNX file (bytes, not a path: what was hashed is what is loaded).
        threads: threads inside one operator; the whole CPU budget of the network. More is faster until the cores
            are shared with the video decoder.
        rewrite: give ONNX Runtime the network with less work (`detector.model.lighten`); without it, for measuring.

    Raises:
        BundleError: ONNX Runtime cannot load the network.
    """

    backend = "onnxruntime"

    def __init__(self, model: bytes, *, threads: int = 1, rewrite: bool = True) -> None:
        self._session = _load(lighten(model) if rewrite else model, _options(threads))
        self._input = self._session.get_inputs()[0].name
        self._outputs = [self._session.get_outputs()[0].name]

    def run(self, nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's first output for the input (1, 3, H, W) float32."""
        return self._session.run(self._outputs, {self._input: nchw})[0]


def model_ports(model: bytes) -> tuple[tuple[ModelPort, ...], tuple[ModelPort, ...]]:
    """Inputs and outputs that an ONNX file declares.

    Read from the file itself, where it is of a usual form: ONNX Runtime takes 0.1 s and keeps 30 MB to tell as much.

    Raises:
        BundleError: ONNX Runtime cannot load the network.
    """
    try:
        inputs, outputs = ports(read(model))
        return tuple(map(_declared, inputs)), tuple(map(_declared, outputs))
    except UnreadableError:
        return _loaded_ports(model)


def _declared(port: Port) -> ModelPort:
    if port.kind not in _KINDS:
        raise UnreadableError(f"{port.name} is of type {port.kind}")
    return ModelPort(port.name, f"tensor({_KINDS[port.kind]})", port.shape)


def _loaded_ports(model: bytes) -> tuple[tuple[ModelPort, ...], tuple[ModelPort, ...]]:
    options = _options(threads=1)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = _load(model, options)
    return tuple(map(_port, session.get_inputs())), tuple(map(_port, session.get_outputs()))


def _port(node: ort.NodeArg) -> ModelPort:
    return ModelPort(node.name, node.type, tuple(node.shape))


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Threads that spin between frames burn the CPU budget of the rest of the box.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # One input size: planning the memory ahead gains no time and holds 20 MB more (measured at 384x640).
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return options


def _load(model: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS as error:
        raise BundleError(f"model.onnx cannot be loaded: {error}; export it again (models export)") from error
