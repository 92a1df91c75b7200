"""Back ends that are not shipped: found by name, accepted when they tell the truth, refused when they do not."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest

from detector.boxes import iou_matrix
from detector.errors import BundleError, InputError
from detector.model import backends
from detector.model.backends import Backend, start_session
from detector.model.session import OnnxSession, Session
from detector.model.yolo import open_detector

HERE = "tests.detector.model.opencv_backend"


class Lying:
    """ONNX Runtime's answers, spoilt."""

    backend = "lying"

    def __init__(self, model: bytes, spoil: Callable[[np.ndarray], np.ndarray]) -> None:
        self._honest = OnnxSession(model)
        self._spoil = spoil

    def run(self, nchw: np.ndarray) -> np.ndarray:
        return self._spoil(self._honest.run(nchw))


def publish(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Let packages seem installed that name these back ends."""
    found = EntryPoints(EntryPoint(name, value, backends.GROUP) for name, value in values.items())
    monkeypatch.setattr(backends, "entry_points", lambda group: found.select(group=group))


def put(monkeypatch: pytest.MonkeyPatch, name: str, start: Callable[[bytes, int], Session], automatic: bool) -> None:
    """One more line in the table; the shipped ones that `auto` would ask are left out."""
    table = {OnnxSession.backend: backends.BACKENDS[OnnxSession.backend], name: Backend(start, automatic)}
    monkeypatch.setattr(backends, "BACKENDS", table)


def lie(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[np.ndarray], np.ndarray], automatic: bool = False) -> None:
    put(monkeypatch, "lying", lambda model, _threads: Lying(model, spoil), automatic)


def test_a_third_back_end_is_one_file_and_one_line(zoo_street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, opencv=f"{HERE}:BACKEND")
    theirs = open_detector(zoo_street, backend="opencv")
    assert theirs.session.backend == "opencv"
    ours = open_detector(zoo_street)
    picture = np.ascontiguousarray(ours.bundle.golden_image[:, ::-1])
    expected, found = ours.detect(picture), theirs.detect(picture)
    assert found.names() == expected.names()
    assert iou_matrix(expected.xyxy, found.xyxy).max(axis=1).min() >= 0.99


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("npu", f"{HERE}:NOTHING", r"backend 'npu' of .*:NOTHING cannot be loaded: .*NOTHING"),
        ("npu", "no_such_package:BACKEND", "cannot be loaded: No module named 'no_such_package'"),
        ("npu", f"{HERE}:OpenCvSession", r"is a type, not a detector\.model\.backends\.Backend"),
        ("gpu", f"{HERE}:BACKEND", "backend 'npu' is unknown; give one of onnxruntime, .*gpu, auto"),
    ],
)
def test_a_package_that_is_no_back_end(name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, **{name: value})
    with pytest.raises(InputError, match=message):
        start_session("npu", b"", threads=1)


def weaker(output: np.ndarray) -> np.ndarray:
    output[:, 4:] *= 0.97
    return output


def aside(output: np.ndarray) -> np.ndarray:
    output[:, 0] += 3.0
    return output


def blind(output: np.ndarray) -> np.ndarray:
    return np.zeros_like(output)


def not_a_number(output: np.ndarray) -> np.ndarray:
    return np.full_like(output, np.nan)


def half(output: np.ndarray) -> np.ndarray:
    return output.astype(np.float16)


def turned(output: np.ndarray) -> np.ndarray:
    return output.transpose(0, 2, 1)


def flat(output: np.ndarray) -> np.ndarray:
    return output[0]


def nothing(output: np.ndarray) -> np.ndarray:
    return None  # type: ignore[return-value]


class Stuck:
    """Keeps giving the answer with the most in it, as a hung accelerator does after its first real picture."""

    def __init__(self) -> None:
        self.best: np.ndarray | None = None

    def __call__(self, output: np.ndarray) -> np.ndarray:
        if self.best is None or output[:, 4:].max() > self.best[:, 4:].max():
            self.best = output
        return self.best.copy()


class OneBuffer:
    """Hands out the same memory each time."""

    def __init__(self) -> None:
        self.buffer: np.ndarray | None = None

    def __call__(self, output: np.ndarray) -> np.ndarray:
        self.buffer = output if self.buffer is None else self.buffer
        self.buffer[:] = output
        return self.buffer


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (weaker, r"does not find \w+ at .*confidence within 0\.01"),
        (aside, r"does not find \w+ at"),
        (blind, "finds 0 boxes, expected"),
        (not_a_number, "scores that are not numbers"),
        (half, "gives float16, expected a float32 array"),
        (turned, r"gives \(1, 10080, 16\), expected \(1, 16, N\)"),
        (flat, r"gives \(16, 10080\), expected \(1, 16, N\)"),
        (nothing, "gives NoneType, expected a float32 array"),
        (Stuck(), "finds in a black picture what is in the golden one"),
        (OneBuffer(), "overwrites its last output with the next one: hand out a copy"),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_back_end_that_lies_is_refused(
    spoil: Callable[[np.ndarray], np.ndarray], message: str, zoo_street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(monkeypatch, spoil)
    with pytest.raises(BundleError, match=message) as refused:
        open_detector(zoo_street, backend="lying")
    assert "backend lying" in str(refused.value) or spoil is not_a_number


class TestAuto:
    """`auto` says what it took and why."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Processor seconds that a picture takes on ONNX Runtime and on the other one, as `auto` will measure them."""
        costs = [0.080, 0.080]
        monkeypatch.setattr("detector.model.choose.cost_s", lambda _one, _other: tuple(costs))
        return costs

    def honest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lie(monkeypatch, lambda output: output, automatic=True)

    def test_the_faster_one_that_agrees(
        self, zoo_street: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
    ) -> None:
        self.honest(monkeypatch)
        clock[1] = 0.060
        found = open_detector(zoo_street, backend="auto")
        assert found.session.backend == "lying"
        assert found.why is not None
        assert found.why.en == "chose backend lying: lying 60 ms, onnxruntime 80 ms"
        assert found.why.zh == "自动选择推理后端 lying：lying 60 ms, onnxruntime 80 ms"

    def test_a_hair_is_no_reason(self, zoo_street: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
        self.honest(monkeypatch)
        clock[1] = 0.078
        assert open_detector(zoo_street, backend="auto").session.backend == "onnxruntime"

    def test_a_fast_liar_is_not_taken(
        self, zoo_street: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
    ) -> None:
        lie(monkeypatch, aside, automatic=True)
        clock[1] = 0.001
        found = open_detector(zoo_street, backend="auto")
        assert found.session.backend == "onnxruntime"
        assert found.why is not None
        assert "backend lying on golden.png does not find" in found.why.en

    def test_one_that_is_not_there(self, zoo_street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def start(_model: bytes, _threads: int) -> Session:
            raise InputError("backend lying is not installed")

        put(monkeypatch, "lying", start, automatic=True)
        found = open_detector(zoo_street, backend="auto")
        assert found.session.backend == "onnxruntime"
        assert found.why is not None
        assert found.why.en == "chose backend onnxruntime: backend lying is not installed"

    def test_really_measured(self, zoo_street: Path) -> None:
        found = open_detector(zoo_street, backend="auto")
        assert found.session.backend in ("onnxruntime", "openvino")
        assert found.why is not None
        assert " ms, onnxruntime " in found.why.en

    def test_without_a_thread(self, zoo_street: Path) -> None:
        with pytest.raises(InputError, match="threads is 0; give 1 or more"):
            open_detector(zoo_street, threads=0, backend="auto")

    def test_nobody_asked(self, zoo_street: Path) -> None:
        assert open_detector(zoo_street).why is None
