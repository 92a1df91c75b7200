"""Writes tiny ONNX files by hand: a network that takes a picture and always answers the same array.

Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto).
"""

from __future__ import annotations

import numpy as np

FLOAT, DOUBLE = 1, 11
_CODES = {np.dtype(np.float32): FLOAT, np.dtype(np.float64): DOUBLE}


def constant_network(
    answer: np.ndarray,
    input_shape: tuple[int, ...] = (1, 3, 64, 96),
    input_name: str = "images",
    output_name: str = "output0",
) -> bytes:
    """ONNX bytes of a network ``input_name -> output_name`` that answers `answer` (float32 or float64)."""
    node = _text(1, "answer") + _text(2, output_name) + _text(4, "Identity")
    tensor = b"".join(_int(1, n) for n in answer.shape) + _int(2, _CODES[answer.dtype]) + _text(8, "answer")
    tensor += _bytes(9, answer.tobytes())
    graph = _bytes(1, node) + _text(2, "g") + _bytes(5, tensor)
    graph += _bytes(11, _value(input_name, FLOAT, input_shape))
    graph += _bytes(12, _value(output_name, _CODES[answer.dtype], answer.shape))
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _int(2, 17))


def _value(name: str, code: int, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_bytes(1, _int(1, n)) for n in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _int(1, code) + _bytes(2, dims)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())
