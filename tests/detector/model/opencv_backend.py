"""A third back end as one would add it: one file, here over OpenCV's own network runner (docs/backends.md)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError
from detector.model.backends import Backend


class OpenCvSession:
    """OpenCV's dnn module on the CPU.

    Raises:
        BundleError: OpenCV cannot load the network.
    """

    backend = "opencv"

    def __init__(self, model: bytes) -> None:
        try:
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
        except cv2.error as error:
            raise BundleError(f"model.onnx cannot be loaded by OpenCV: {error}; try onnxruntime") from error

    def run(self, nchw: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's first output for the input (1, 3, H, W) float32."""
        self._network.setInput(nchw)
        return np.array(self._network.forward(), np.float32)


def _start(model: bytes, threads: int) -> OpenCvSession:
    cv2.setNumThreads(threads)
    return OpenCvSession(model)


BACKEND = Backend(_start)
