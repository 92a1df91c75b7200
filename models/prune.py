"""Head surgery: cut the classification head down to the rows that carry a cue.

Only the last 1x1 convolution of each classification branch knows classes; a row of it is one class, and rows do not
influence each other. Cutting rows away therefore leaves every kept output exactly as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import CheckpointError


def prune_head(network: Any, slots: Mapping[str, int]) -> None:
    """Keep only the given rows of a YOLO detection network, in place.

    Args:
        network: An unfused ``ultralytics.nn.tasks.DetectionModel``.
        slots: Row by cue; the order becomes the order of the new outputs.

    Raises:
        CheckpointError: a row is not in the head, or the network is fused or no detector.
    """
    head = network.model[-1]
    branches = [getattr(head, name, None) for name in ("cv3", "one2one_cv3")]
    if branches[0] is None:
        raise CheckpointError(f"{type(head).__name__} has no classification branch: an unfused YOLO detector is needed")
    rows = list(slots.values())
    if not rows or max(rows) >= head.nc or min(rows) < 0:
        raise CheckpointError(f"the head has rows 0..{head.nc - 1}, asked to keep {rows}")
    for branch in branches:
        for level in branch or ():
            level[-1] = _rows_of(level[-1], rows)
    head.nc = len(rows)
    head.no = head.nc + head.reg_max * 4
    network.nc = head.nc
    network.yaml["nc"] = head.nc
    network.names = dict(enumerate(slots))


def _rows_of(convolution: Any, rows: list[int]) -> Any:
    """A 1x1 convolution with only some of the output channels of another."""
    from torch import nn, no_grad

    cut = nn.Conv2d(convolution.in_channels, len(rows), convolution.kernel_size)
    with no_grad():
        cut.weight.copy_(convolution.weight[rows])
        cut.bias.copy_(convolution.bias[rows])
    return cut.to(convolution.weight)
