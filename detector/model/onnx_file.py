"""Just enough of the ONNX file format to take a graph apart and put it together again.

The edge does not carry the onnx package (and its protobuf) only to move a few nodes. Of the messages of `onnx.proto3`
this knows nodes, attributes and float tensors; whatever else a file holds is kept as the bytes it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT32, _INT64 = 1, 7

Raw = bytes | memoryview
Field = tuple[int, int, Raw]
"""Number of a field, its wire type, and its value: the content of a message or string, else the encoded number."""


class UnreadableError(ValueError):
    """The bytes are no ONNX file, or one of a form that this does not know."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator; `attributes` are messages by name, as they stand in the file."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = ""
    domain: str = ""
    attributes: tuple[tuple[str, Raw], ...] = ()

    def number(self, name: str) -> int | None:
        """An integer attribute, `None` where it is not given."""
        for found, message in self.attributes:
            if found == name:
                return next((_signed(_number(value)) for field, _, value in fields(message) if field == 3), None)
        return None

    def word(self, name: str) -> str | None:
        """A text attribute, `None` where it is not given."""
        for found, message in self.attributes:
            if found == name:
                return next((str(value, "utf-8") for field, _, value in fields(message) if field == 4), None)
        return None


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A network taken apart.

    Attributes:
        nodes: in an order in which they can be run.
        tensors: constants by name, each a whole TensorProto message.
        outputs: names of the network's outputs.
        graph_rest, model_rest: every other field of graph and file.
    """

    nodes: tuple[Node, ...]
    tensors: dict[str, Raw]
    outputs: tuple[str, ...]
    graph_rest: tuple[Field, ...]
    model_rest: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output as the file declares it; `kind` is the number of its type, an unnamed axis is `None`."""

    name: str
    kind: int
    shape: tuple[int | str | None, ...]


def fields(message: Raw) -> Iterator[Field]:
    """The fields of a message in their order.

    Raises:
        UnreadableError: not a message.
    """
    # Views, no copies: most of a file are its weights.
    message = memoryview(message)
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind, start = tag & 7, at
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            size, start = _varint(message, at)
            at = start + size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise UnreadableError(f"wire type {kind}")
        if at > end:
            raise UnreadableError("cut off")
        yield tag >> 3, kind, message[start:at]


def read(model: bytes) -> OnnxFile:
    """Take an ONNX file apart.

    Raises:
        UnreadableError: the bytes are none, or hold something this does not know.
    """
    try:
        model_fields = list(fields(model))
        (graph,) = [value for number, _, value in model_fields if number == 7]
        parts = list(fields(graph))
        return OnnxFile(
            nodes=tuple(_node(value) for number, _, value in parts if number == 1),
            tensors={_text(value, 8): value for number, _, value in parts if number == 5},
            outputs=tuple(_text(value, 1) for number, _, value in parts if number == 12),
            # 13: shapes between the nodes, told for people; whoever runs the network works them out anew.
            graph_rest=tuple(part for part in parts if part[0] not in (1, 5, 13)),
            model_rest=tuple(part for part in model_fields if part[0] != 7),
        )
    except (ValueError, StopIteration) as error:
        raise UnreadableError(f"no ONNX file this can take apart: {error}") from error


def write(network: OnnxFile) -> bytes:
    """The file of a network that was taken apart."""
    graph = [(1, _BYTES, _node_bytes(node)) for node in network.nodes]
    graph += [(5, _BYTES, tensor) for tensor in network.tensors.values()]
    return _message((*network.model_rest, (7, _BYTES, _message((*graph, *network.graph_rest)))))


def ports(network: OnnxFile) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs, without the constants that old files list among them, and outputs.

    Raises:
        UnreadableError: one is no tensor, or does not tell its shape.
    """
    inputs = tuple(_port(value) for number, _, value in network.graph_rest if number == 11)
    outputs = tuple(_port(value) for number, _, value in network.graph_rest if number == 12)
    return tuple(port for port in inputs if port.name not in network.tensors), outputs


def tensor_shape(tensor: Raw) -> tuple[int, ...]:
    """Shape of a constant."""
    sizes: list[int] = []
    for number, kind, value in fields(tensor):
        if number == 1:
            sizes += _packed(value) if kind == _BYTES else [_number(value)]
    return tuple(sizes)


def floats(tensor: Raw) -> NDArray[np.float32] | None:
    """A float32 constant; `None` when it is of another type or not stored in the file as raw bytes."""
    raw = _raw(tensor, _FLOAT32)
    return None if raw is None else np.frombuffer(raw, "<f4").reshape(tensor_shape(tensor))


def integers(tensor: Raw) -> NDArray[np.int64] | None:
    """An int64 constant; `None` as for `floats`."""
    raw = _raw(tensor, _INT64)
    return None if raw is None else np.frombuffer(raw, "<i8").reshape(tensor_shape(tensor))


def float_tensor(name: str, values: NDArray[np.float32]) -> bytes:
    """A float32 constant as a TensorProto message."""
    sizes = [(1, _VARINT, _encoded(size)) for size in values.shape]
    raw = np.ascontiguousarray(values, "<f4").tobytes()
    return _message((*sizes, (2, _VARINT, _encoded(_FLOAT32)), (8, _BYTES, name.encode()), (9, _BYTES, raw)))


def _port(message: Raw) -> Port:
    kind = _only(_only(message, 2), 1)
    axes = [_axis(value) for number, _, value in fields(_only(kind, 2)) if number == 1]
    return Port(_text(message, 1), _number(_only(kind, 1)), tuple(axes))


def _axis(message: Raw) -> int | str | None:
    for number, _, value in fields(message):
        if number in (1, 2):
            return _number(value) if number == 1 else str(value, "utf-8")
    return None


def _only(message: Raw, number: int) -> Raw:
    found = [value for one, _, value in fields(message) if one == number]
    if len(found) != 1:
        raise UnreadableError(f"field {number} is there {len(found)} times")
    return found[0]


def _raw(tensor: Raw, data_type: int) -> Raw | None:
    found = {number: value for number, _, value in fields(tensor)}
    return found.get(9) if _number(found.get(2, b"\0")) == data_type else None


def _node(message: Raw) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    words: dict[int, str] = {}
    attributes: list[tuple[str, Raw]] = []
    for number, _, value in fields(message):
        if number == 5:
            attributes.append((_text(value, 1), value))
        elif number in (1, 2):
            (inputs if number == 1 else outputs).append(str(value, "utf-8"))
        elif number in (3, 4, 7):
            words[number] = str(value, "utf-8")
    node = Node(words.get(4, ""), tuple(inputs), tuple(outputs), words.get(3, ""), words.get(7, ""), tuple(attributes))
    if any(number in (6, 11) for _, attribute in attributes for number, _, _ in fields(attribute)):
        raise UnreadableError(f"{node.op} {node.name} holds a graph of its own")
    return node


def _node_bytes(node: Node) -> bytes:
    parts: list[Field] = [(1, _BYTES, name.encode()) for name in node.inputs]
    parts += [(2, _BYTES, name.encode()) for name in node.outputs]
    for number, text in ((3, node.name), (4, node.op), (7, node.domain)):
        if text:
            parts.append((number, _BYTES, text.encode()))
    return _message((*parts, *((5, _BYTES, message) for _, message in node.attributes)))


def _message(parts: Iterable[Field]) -> bytes:
    out: list[Raw] = []
    for number, kind, value in parts:
        out.append(_encoded(number << 3 | kind))
        if kind == _BYTES:
            out.append(_encoded(len(value)))
        out.append(value)
    return b"".join(out)


def _text(message: Raw, number: int) -> str:
    return next((str(value, "utf-8") for found, _, value in fields(message) if found == number), "")


def _packed(value: Raw) -> list[int]:
    numbers: list[int] = []
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _number(value: Raw) -> int:
    return _varint(value, 0)[0]


def _signed(number: int) -> int:
    return int(struct.unpack("<q", struct.pack("<Q", number))[0])


def _varint(data: Raw, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise UnreadableError("a number is cut off")


def _encoded(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
