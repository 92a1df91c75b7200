"""The same network with less work for a processor, rewritten while it is loaded; the file and its signature stay.

ONNX Runtime keeps convolutions in a layout of channel blocks, and leaves it for every `Split` and many a `Concat`.
Three rewrites that change no number but for the order of sums keep it there, and save multiplications:

- a convolution whose result is split becomes one convolution for each part;
- a 1x1 convolution over joined parts becomes the sum of convolutions over each part, so nothing is copied together;
- where such a part was enlarged (nearest neighbour) just before, the convolution comes first: a quarter of the work.

On street-n 0.2.0 they save a tenth of the network's time (docs/benchmarks.md). What is not of these forms is left as it
is, and like every network the rewritten one must reproduce the bundle's golden detections before it is used.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detector.model.onnx_file import (
    Node,
    OnnxFile,
    UnreadableError,
    float_tensor,
    floats,
    integers,
    read,
    tensor_shape,
    write,
)


def lighten(model: bytes) -> bytes:
    """The ONNX file rewritten; as it was, when it cannot be taken apart (whoever loads it then says what is wrong)."""
    try:
        network = read(model)
        for rewrite in (_split_convolutions, _sum_convolutions):
            network = _without_unused(rewrite(network))
    except UnreadableError:
        return model
    return write(network)


class _Graph:
    """Who makes a value and how many use it."""

    def __init__(self, network: OnnxFile) -> None:
        self.tensors = dict(network.tensors)
        self.maker = {output: node for node in network.nodes for output in node.outputs}
        self.uses = Counter(name for node in network.nodes for name in node.inputs)
        self.uses.update(network.outputs)

    def only_maker(self, name: str, op: str) -> Node | None:
        """The node of kind `op` that makes a value nobody else uses."""
        node = self.maker.get(name)
        return node if node is not None and node.op == op and self.uses[name] == 1 else None

    def weights(self, conv: Node) -> NDArray[np.float32] | None:
        """Weights (out, in / groups, height, width) of a plain convolution whose constants are known."""
        if conv.op != "Conv" or conv.domain or any(name not in self.tensors for name in conv.inputs[1:]):
            return None
        return floats(self.tensors[conv.inputs[1]])

    def constant(self, name: str, values: NDArray[np.float32]) -> str:
        """Keep a new constant under `name`."""
        self.tensors[name] = float_tensor(name, values)
        return name

    def channels(self, name: str) -> int | None:
        """Channels of a value, where a convolution not far above tells."""
        node = self.maker.get(name)
        if node is None:
            return None
        if node.op == "Conv" and node.inputs[1] in self.tensors:
            return tensor_shape(self.tensors[node.inputs[1]])[0]
        if node.op in ("Sigmoid", "Mul", "Add", "MaxPool", "Resize"):
            # Of two factors or summands either tells, unless one is a constant.
            found = [self.channels(one) for one in node.inputs if one in self.maker]
            return found[0] if found and len(set(found)) == 1 else None
        return None


def _split_convolutions(network: OnnxFile) -> OnnxFile:
    """Conv, x * sigmoid(x), Split by channel: one Conv and x * sigmoid(x) for each part."""
    graph = _Graph(network)
    nodes: list[Node] = []
    for node in network.nodes:
        nodes += _parts_of_split(graph, node) or [node]
    return replace(network, nodes=tuple(nodes), tensors=graph.tensors)


def _parts_of_split(graph: _Graph, split: Node) -> list[Node] | None:
    if split.op != "Split" or split.number("axis") != 1 or len(split.inputs) != 2:
        return None
    act = graph.only_maker(split.inputs[0], "Mul")
    conv = None if act is None else _activated(graph, act)
    weights = None if conv is None else graph.weights(conv)
    sizes = integers(graph.tensors[split.inputs[1]]) if split.inputs[1] in graph.tensors else None
    if conv is None or weights is None or sizes is None or (conv.number("group") or 1) != 1:
        return None
    bias = floats(graph.tensors[conv.inputs[2]]) if len(conv.inputs) == 3 else None
    if len(conv.inputs) == 3 and bias is None:
        return None
    nodes: list[Node] = []
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    for start, end, output in zip(starts, starts[1:], split.outputs, strict=False):
        inputs = [conv.inputs[0], graph.constant(f"{output}/weights", weights[start:end])]
        if bias is not None:
            inputs.append(graph.constant(f"{output}/bias", bias[start:end]))
        plain, gate = f"{output}/plain", f"{output}/gate"
        nodes += [
            replace(conv, inputs=tuple(inputs), outputs=(plain,), name=plain),
            Node("Sigmoid", (plain,), (gate,), gate),
            Node("Mul", (plain, gate), (output,), output),
        ]
    return nodes


def _activated(graph: _Graph, act: Node) -> Node | None:
    """The convolution x of x * sigmoid(x)."""
    for plain, gate in (act.inputs, act.inputs[::-1]):
        conv, sigmoid = graph.maker.get(plain), graph.only_maker(gate, "Sigmoid")
        if conv is not None and conv.op == "Conv" and sigmoid is not None and sigmoid.inputs == (plain,):
            return conv if graph.uses[plain] == 2 else None
    return None


def _sum_convolutions(network: OnnxFile) -> OnnxFile:
    """Concat by channel, 1x1 Conv: a Conv for each part, and their sum."""
    graph = _Graph(network)
    nodes: list[Node] = []
    for node in network.nodes:
        nodes += _terms_of_sum(graph, node) or [node]
    return replace(network, nodes=tuple(nodes), tensors=graph.tensors)


def _terms_of_sum(graph: _Graph, conv: Node) -> list[Node] | None:
    join = graph.maker.get(conv.inputs[0]) if conv.op == "Conv" else None
    weights = graph.weights(conv)
    if join is None or weights is None or join.op != "Concat" or join.number("axis") != 1:
        return None
    sizes = [graph.channels(part) for part in join.inputs]
    if weights.shape[2:] != (1, 1) or len(sizes) < 2 or sum(size or 0 for size in sizes) != weights.shape[1]:
        return None
    nodes: list[Node] = []
    start, total, (output,) = 0, "", conv.outputs
    for number, (part, size) in enumerate(zip(join.inputs, sizes, strict=True)):
        if size is None:
            return None
        inputs = (part, graph.constant(f"{output}/weights{number}", weights[:, start : start + size]))
        start += size
        # The bias is added once.
        inputs += conv.inputs[2:] if number == 0 else ()
        term = f"{output}/term{number}"
        nodes += _term(graph, replace(conv, inputs=inputs, outputs=(term,), name=term))
        if number:
            together = output if number == len(sizes) - 1 else f"{output}/sum{number}"
            nodes.append(Node("Add", (total, term), (together,), together))
            term = together
        total = term
    return nodes


def _term(graph: _Graph, conv: Node) -> list[Node]:
    """The 1x1 convolution of one part: before the part is enlarged, where it was."""
    resize = graph.maker.get(conv.inputs[0])
    if resize is None or resize.op != "Resize" or not _by_pixel(graph, resize):
        return [conv]
    small = f"{conv.outputs[0]}/small"
    return [
        replace(conv, inputs=(resize.inputs[0], *conv.inputs[1:]), outputs=(small,), name=small),
        replace(resize, inputs=(small, *resize.inputs[1:]), outputs=conv.outputs, name=f"{small}/enlarged"),
    ]


def _by_pixel(graph: _Graph, resize: Node) -> bool:
    """Whether it only repeats pixels, and mixes neither channels nor pictures."""
    if len(resize.inputs) != 3 or resize.inputs[2] not in graph.tensors:
        return False
    scales = floats(graph.tensors[resize.inputs[2]])
    return (
        resize.word("mode") in (None, "nearest")
        and scales is not None
        and scales.shape == (4,)
        and bool((scales[:2] == 1).all())
    )


def _without_unused(network: OnnxFile) -> OnnxFile:
    """Nodes and constants that still lead to an output."""
    needed = set(network.outputs)
    kept: list[Node] = []
    for node in reversed(network.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    tensors = {name: tensor for name, tensor in network.tensors.items() if name in needed}
    return replace(network, nodes=tuple(reversed(kept)), tensors=tensors)
