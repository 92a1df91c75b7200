"""The backends by name. Another one is a file with a `Session` beside `openvino_session`, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from detector.errors import InputError
from detector.model.session import OnnxSession, Session


def start_session(backend: str, model: bytes, *, threads: int) -> Session:
    """Load a network into a backend.

    Args:
        backend: a name of `BACKENDS`.
        model: bytes of the ONNX file.
        threads: the network's whole CPU budget.

    Raises:
        InputError: `backend` is unknown, not installed, or not for this processor; or `threads` is below 1.
        BundleError: the backend cannot load the network.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend {backend!r} is unknown; give one of {', '.join(BACKENDS)}")
    if threads < 1:
        raise InputError(f"threads is {threads}; give 1 or more")
    return BACKENDS[backend](model, threads)


def _onnxruntime(model: bytes, threads: int) -> Session:
    return OnnxSession(model, threads=threads)


def _openvino(precision: Literal["f32", "bf16"]) -> Callable[[bytes, int], Session]:
    def start(model: bytes, threads: int) -> Session:
        # Loaded only when asked for: most boxes do not have it.
        from detector.model.openvino_session import OpenVinoSession

        return OpenVinoSession(model, threads=threads, precision=precision)

    return start


BACKENDS: dict[str, Callable[[bytes, int], Session]] = {
    OnnxSession.backend: _onnxruntime,
    "openvino": _openvino("f32"),
    "openvino-bf16": _openvino("bf16"),
}
