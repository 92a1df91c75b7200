"""OpenVINO on the CPU, where the extra ``kerbwatch[openvino]`` is installed.

Installed does not mean trusted: like every backend it must reproduce the bundle's golden output first
(`detector.model.yolo.open_detector`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError, InputError

Precision = Literal["f32", "bf16"]


class OpenVinoSession:
    """OpenVINO on the CPU.

    Args:
        model: bytes of the ONNX file (bytes, not a path: what was hashed is what is loaded).
        threads: the network's whole CPU budget.
        precision: ``f32``, or ``bf16`` where the processor computes in it.

    Raises:
        InputError: OpenVINO is not installed, or the processor cannot compute in `precision`.
        BundleError: OpenVINO cannot load the network.
    """

    def __init__(self, model: bytes, *, threads: int = 1, precision: Precision = "f32") -> None:
        try:
            import openvino
        except ModuleNotFoundError as error:
            raise InputError("backend openvino is not installed: pip install 'kerbwatch[openvino]'") from error
        core = openvino.Core()
        _check_precision(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), precision)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            # The thread may move: the patrol shares its cores with the decoder.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            network = core.compile_model(core.read_model(model), "CPU", settings)
        except RuntimeError as error:
            raise BundleError(f"model.onnx cannot be loaded by OpenVINO: {error}; try onnxruntime") from error
        self.backend = "openvino" if precision == "f32" else f"openvino-{precision}"
        self._request = network.create_infer_request()

    def run(self, nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's first output for the input (1, 3, H, W) float32."""
        self._request.infer({0: nchw})
        # A copy: the tensor is the request's own and the next picture overwrites it.
        return np.array(self._request.get_output_tensor(0).data, np.float32)


def _check_precision(can: list[str], precision: Precision) -> None:
    """OpenVINO takes a hint that the processor cannot follow in silence and computes in float32."""
    if precision == "bf16" and "BF16" not in can:
        raise InputError(
            f"backend openvino-bf16: this processor does not compute in bf16 (it has {', '.join(can)}); give openvino"
        )
