"""The back ends by name, and how one more is added (docs/backends.md).

A back end is one file with a `Session` (`detector.model.session`), and one line: in `BACKENDS` here, or, for a package
of one's own, an entry point of the group ``kerbwatch.backends`` that names a `Backend`. Loading it is not trusting it:
`detector.model.accept` sees it reproduce the bundle's golden detections first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Literal

from detector.errors import InputError
from detector.model.session import OnnxSession, Session

AUTO = "auto"
"""Not a back end: the fastest one that agrees (`detector.model.choose`)."""
GROUP = "kerbwatch.backends"


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to run a network.

    Attributes:
        start: loads the bytes of an ONNX file for a CPU budget of so many threads. Raises InputError when the back end
            is not installed or not for this machine, BundleError when it cannot load the network.
        automatic: ``auto`` may choose it. False where its numbers differ by more than the order of sums.
    """

    start: Callable[[bytes, int], Session]
    automatic: bool = False


def start_session(backend: str, model: bytes, *, threads: int) -> Session:
    """Load a network into a back end.

    Args:
        backend: a name of `BACKENDS`, or of an entry point.
        model: bytes of the ONNX file.
        threads: the network's whole CPU budget.

    Raises:
        InputError: `backend` is unknown, not installed, or not for this processor; or `threads` is below 1.
        BundleError: the back end cannot load the network.
    """
    found = BACKENDS.get(backend) or _of_a_package(backend)
    if threads < 1:
        raise InputError(f"threads is {threads}; give 1 or more")
    return found.start(model, threads)


def _of_a_package(name: str) -> Backend:
    packages = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in packages:
        known = ", ".join((*BACKENDS, *packages, AUTO))
        raise InputError(f"backend {name!r} is unknown; give one of {known}")
    return _load(packages[name])


def _load(entry: EntryPoint) -> Backend:
    try:
        found: object = entry.load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"backend {entry.name!r} of {entry.value} cannot be loaded: {error}") from error
    if not isinstance(found, Backend):
        raise InputError(
            f"backend {entry.name!r}: {entry.value} is a {type(found).__name__}, not a detector.model.backends.Backend"
        )
    return found


def _onnxruntime(model: bytes, threads: int) -> Session:
    return OnnxSession(model, threads=threads)


def _openvino(precision: Literal["f32", "bf16"]) -> Callable[[bytes, int], Session]:
    def start(model: bytes, threads: int) -> Session:
        # Loaded only when asked for: most boxes do not have it.
        from detector.model.openvino_session import OpenVinoSession

        return OpenVinoSession(model, threads=threads, precision=precision)

    return start


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        OnnxSession.backend: Backend(_onnxruntime),
        "openvino": Backend(_openvino("f32"), automatic=True),
        "openvino-bf16": Backend(_openvino("bf16")),
    }
)
