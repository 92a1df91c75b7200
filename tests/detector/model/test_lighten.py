"""The rewritten network gives the same numbers, does less, and what it does not know stays as it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from detector.model.lighten import lighten
from detector.model.onnx_file import Node, OnnxFile, UnreadableError, fields, float_tensor, ports, read, write
from detector.model.session import OnnxSession, model_ports
from tests.detector.model.onnx_bytes import constant_network

RNG = np.random.default_rng(3)


def answers(model: bytes, picture: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of the file as it is."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: picture})[0]


def ops(model: bytes) -> Counter[str]:
    return Counter(node.op for node in read(model).nodes)


def attribute(name: str, *parts: bytes) -> tuple[str, bytes]:
    """An AttributeProto: its name, then encoded fields."""
    text = name.encode()
    return name, b"\x0a" + bytes([len(text)]) + text + b"".join(parts)


def integer(name: str, value: int) -> tuple[str, bytes]:
    return attribute(name, b"\x18" + bytes([value]), b"\xa0\x01\x02")


def word(name: str, value: str) -> tuple[str, bytes]:
    return attribute(name, b"\x22" + bytes([len(value)]) + value.encode(), b"\xa0\x01\x03")


def int64_tensor(name: str, *values: int) -> bytes:
    raw = np.array(values, "<i8").tobytes()
    text = name.encode()
    shape, kind = b"\x08" + bytes([len(values)]), b"\x10\x07"
    return shape + kind + b"\x42" + bytes([len(text)]) + text + b"\x4a" + bytes([len(raw)]) + raw


def network(mode: str = "nearest", axis: int = 1) -> bytes:
    """Conv, SiLU, Split; one half enlarged after a stride; joined with the other and given to a 1x1 Conv."""
    base = read(constant_network(np.zeros((1, 8, 16, 24), np.float32), (1, 3, 16, 24)))
    weights = {
        "w0": RNG.normal(size=(16, 3, 1, 1)),
        "b0": RNG.normal(size=16),
        "w1": RNG.normal(size=(8, 8, 1, 1)),
        "w2": RNG.normal(size=(8, 16, 1, 1)),
        "b2": RNG.normal(size=8),
        "scales": np.array([1, 1, 2, 2]),
    }
    tensors = {name: float_tensor(name, values.astype(np.float32)) for name, values in weights.items()}
    stride = attribute("strides", b"\x40\x02", b"\x40\x02", b"\xa0\x01\x07")
    enlarge = (
        word("mode", mode),
        word("coordinate_transformation_mode", "asymmetric"),
        word("nearest_mode", "floor"),
    )
    nodes = (
        Node("Conv", ("images", "w0", "b0"), ("x",)),
        Node("Sigmoid", ("x",), ("s",)),
        Node("Mul", ("s", "x"), ("act",)),
        Node("Split", ("act", "sizes"), ("left", "right"), attributes=(integer("axis", 1),)),
        Node("Conv", ("left", "w1"), ("small",), attributes=(stride,)),
        Node("Resize", ("small", "", "scales"), ("large",), attributes=enlarge),
        Node("Concat", ("large", "right"), ("both",), attributes=(integer("axis", axis),)),
        Node("Conv", ("both", "w2", "b2"), ("output0",)),
    )
    return write(replace(base, nodes=nodes, tensors={**tensors, "sizes": int64_tensor("sizes", 8, 8)}))


def test_the_same_numbers_with_less_work() -> None:
    model = network()
    light = lighten(model)
    picture = RNG.normal(size=(1, 3, 16, 24)).astype(np.float32)
    np.testing.assert_allclose(answers(light, picture), answers(model, picture), atol=1e-4)
    assert ops(model)["Split"] == ops(model)["Concat"] == 1
    assert not ops(light).keys() & {"Split", "Concat"}
    made_by = {output: node for node in read(light).nodes for output in node.outputs}
    (enlarged,) = [node for node in read(light).nodes if node.op == "Resize"]
    # The 1x1 convolution came down to the small picture.
    assert made_by[enlarged.inputs[0]].op == "Conv"
    assert made_by[made_by[enlarged.inputs[0]].inputs[0]].op == "Conv"


@pytest.mark.parametrize("bundle", ["street-n", "aerial-n", "appearance-n"])
def test_the_shipped_networks_give_the_same_numbers(bundle: str, zoo_street: Path) -> None:
    model = (zoo_street.parent / bundle / "model.onnx").read_bytes()
    (port,) = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()
    shape = tuple(size if isinstance(size, int) else 1 for size in port.shape)
    picture = RNG.random(shape, np.float32)
    light = lighten(model)
    plain, ours = answers(model, picture), answers(light, picture)
    np.testing.assert_allclose(ours, plain, rtol=1e-3, atol=2e-3)
    assert ops(light)["Split"] + ops(light)["Concat"] < ops(model)["Split"] + ops(model)["Concat"]


def test_smooth_enlarging_is_left_alone() -> None:
    light = lighten(network(mode="linear"))
    (enlarged,) = [node for node in read(light).nodes if node.op == "Resize"]
    assert enlarged.inputs[0] == "small"


def test_joining_along_another_axis_is_left_alone() -> None:
    assert ops(lighten(network(axis=2)))["Concat"] == 1


def test_a_file_comes_back_together_as_it_was(zoo_street: Path) -> None:
    model = (zoo_street / "model.onnx").read_bytes()
    network = read(model)
    assert read(write(network)) == network
    assert len(network.nodes) > 500


@pytest.mark.parametrize(
    "model",
    [b"", b"no network", b"\x3a\xff\xff\xff\xff\x0f", bytes([7 << 3 | 3]), b"\xff" * 12],
    ids=["nothing", "text", "cut off", "old group", "endless number"],
)
def test_what_is_no_network_stays_what_it_is(model: bytes) -> None:
    with pytest.raises(UnreadableError, match="no ONNX file this can take apart"):
        read(model)
    assert lighten(model) is model


def test_graphs_within_nodes_are_not_touched() -> None:
    base = read(constant_network(np.zeros((1, 2), np.float32)))
    within: OnnxFile = replace(
        base, nodes=(Node("If", ("c",), ("output0",), attributes=(attribute("then", b"\x32\0"),)),)
    )
    model = write(within)
    assert lighten(model) is model


def test_fields_of_every_kind() -> None:
    message = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1a\x02hi" + b"\x25" + bytes(4)
    assert [(number, kind, bytes(value)) for number, kind, value in fields(message)] == [
        (1, 0, b"\x96\x01"),
        (2, 1, bytes(8)),
        (3, 2, b"hi"),
        (4, 5, bytes(4)),
    ]


def test_the_session_runs_the_light_network(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr("detector.model.session.lighten", lambda model: seen.append(model) or lighten(model))
    model = network()
    picture = RNG.normal(size=(1, 3, 16, 24)).astype(np.float32)
    np.testing.assert_allclose(OnnxSession(model).run(picture), answers(model, picture), atol=1e-4)
    assert seen == [model]


@pytest.mark.parametrize("bundle", ["street-n", "aerial-n", "appearance-n"])
def test_ports_are_told_as_onnxruntime_tells_them(bundle: str, zoo_street: Path) -> None:
    model = (zoo_street.parent / bundle / "model.onnx").read_bytes()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    for told, real in zip(model_ports(model), (session.get_inputs(), session.get_outputs()), strict=True):
        assert [(port.name, port.dtype, port.shape) for port in told] == [
            (port.name, port.type, tuple(port.shape)) for port in real
        ]


def test_ports_that_the_file_does_not_tell_are_asked_from_onnxruntime() -> None:
    told = read(constant_network(np.zeros((1, 6, 4), np.float32)))
    untold = [
        (12, 2, b"\x0a\x07output0") if number == 12 else (number, kind, value)
        for number, kind, value in told.graph_rest
    ]
    model = write(replace(told, graph_rest=tuple(untold)))
    with pytest.raises(UnreadableError, match="is there 0 times"):
        ports(read(model))
    (output,) = model_ports(model)[1]
    assert (output.name, output.dtype, output.shape) == ("output0", "tensor(float)", (1, 6, 4))
