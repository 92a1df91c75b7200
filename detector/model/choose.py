"""``auto``: the fastest back end that agrees with the bundle's golden output, measured at start on this machine.

ONNX Runtime is used unless another one is installed, is accepted (`detector.model.accept`) and needs at most 95 % of
its processor time for the golden picture. What is measured can turn out otherwise on another day, and two back ends
differ in the last digits: whoever needs the same bits in every run names one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from detector.errors import InputError
from detector.model import backends
from detector.model.accept import accept
from detector.model.bundle import Bundle
from detector.model.session import OnnxSession, Session
from detector.model.yolo import Detector
from detector.vocabulary import Text

ROUNDS = 7
FASTER = 0.95
"""A gain below this is no reason: the measurement itself wavers by as much."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A detector that is ready, and why it runs on this back end."""

    detector: Detector
    why: Text


def choose(bundle: Bundle, threads: int) -> Choice:
    """The fastest accepted back end for a bundle.

    Raises:
        BundleError: ONNX Runtime cannot load the network, or does not reproduce the golden detections itself.
        InputError: `threads` is below 1.
    """
    best = _accepted(bundle, OnnxSession.backend, threads)
    reasons: list[str] = []
    for name, backend in backends.BACKENDS.items():
        if not backend.automatic:
            continue
        try:
            other = _accepted(bundle, name, threads)
        except InputError as error:
            reasons.append(str(error))
            continue
        ours_s, other_s = cost_s(best, other)
        reasons.append(f"{name} {1000 * other_s:.0f} ms, {best.session.backend} {1000 * ours_s:.0f} ms")
        if other_s <= FASTER * ours_s:
            best = other
    used, because = best.session.backend, "; ".join(reasons)
    return Choice(best, Text(f"自动选择推理后端 {used}：{because}", f"chose backend {used}: {because}"))


def cost_s(one: Detector, other: Detector) -> tuple[float, float]:
    """Median processor time of each for its golden picture, in turns so that a busy machine hurts both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for detector, spent in zip((one, other), times, strict=True):
            start_s = time.process_time()
            detector.detect(detector.bundle.golden_image)
            spent.append(time.process_time() - start_s)
    return median(times[0]), median(times[1])


def _accepted(bundle: Bundle, backend: str, threads: int) -> Detector:
    session: Session = backends.start_session(backend, bundle.model, threads=threads)
    detector = Detector(bundle, session)
    accept(detector)
    return detector
