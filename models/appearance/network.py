"""The network: the frozen first layers of the start weights, pooled where people are not, and a learnt projection.

torch is imported inside functions: only training needs it.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CheckpointError

if TYPE_CHECKING:
    import torch

TAPS = (2, 4, 6, 8)
"""Layers of the start weights whose outputs are pooled: strides 4, 8, 16 and 32."""
GRID_TAPS = (4, 6, 8)
"""Those of them that are pooled by quarters too: where on the thing something is."""
COLOUR_GRID = 4
_EPSILON = 1e-4


def load_backbone(weights: Path) -> Any:
    """The start weights' layers up to the last tap, BatchNorm folded in, frozen.

    Raises:
        CheckpointError: the weights cannot be read or have another shape.
    """
    import torch

    from models.pseudo_labels import load_network

    network = load_network(weights).model.float().eval()
    network.fuse(verbose=False)
    layers = torch.nn.ModuleList(network.model[: TAPS[-1] + 1])
    if any(getattr(layer, "f", -1) != -1 for layer in layers):
        raise CheckpointError(f"{weights}: its first layers are no plain chain; start from YOLO26n weights")
    return layers.requires_grad_(False)


def pooled_features(backbone: Any, planes: torch.Tensor) -> torch.Tensor:
    """What is learnt from: means, spreads and quarters of the taps, and the colours.

    Args:
        planes: (N, 4, S, S): red, green, blue in 0..1, and the share of each cell that is seen.

    Returns:
        (N, F). Cells count by the share of them that is seen, so what is painted over weighs nothing itself.
    """
    import torch

    colour, seen = planes[:, :3], planes[:, 3:]
    parts = [_grid_mean(colour, seen, COLOUR_GRID)]
    x = colour
    for index, layer in enumerate(backbone):
        x = layer(x)
        if index not in TAPS:
            continue
        weight = torch.nn.functional.avg_pool2d(seen, planes.shape[-1] // x.shape[-1])
        mean = _grid_mean(x, weight, 1)
        spread = (_grid_mean(x * x, weight, 1) - mean * mean).clamp_min(0.0).add(_EPSILON).sqrt()
        parts += [mean, spread]
        if index in GRID_TAPS:
            parts.append(_grid_mean(x, weight, 2))
    return torch.cat(parts, 1)


def _grid_mean(x: torch.Tensor, weight: torch.Tensor, cells: int) -> torch.Tensor:
    """(N, C * cells^2) weighted means over a grid."""
    import torch

    side = x.shape[-1] // cells
    pool = torch.nn.functional.avg_pool2d
    return (pool(x * weight, side) / (pool(weight, side) + _EPSILON)).flatten(1)


def embedder(backbone: Any, mean: NDArray[np.float32], matrix: NDArray[np.float32]) -> Any:
    """The whole network as one module: planes (N, 4, S, S) -> unit vectors (N, D).

    Args:
        mean: (F,) of the features.
        matrix: (F, D) the projection.
    """
    import torch

    class Embedder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone
            self.mean = torch.nn.Parameter(torch.from_numpy(mean), requires_grad=False)
            self.matrix = torch.nn.Parameter(torch.from_numpy(matrix), requires_grad=False)

        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            projected = (pooled_features(self.backbone, planes) - self.mean) @ self.matrix
            return projected / projected.norm(dim=1, keepdim=True)

    return Embedder().eval()


def export_onnx(network: Any, path: Path, side_px: int) -> None:
    """Write the network as ONNX with the static input (1, 4, S, S) ``crop`` and the output (1, D) ``embedding``."""
    import onnx
    import onnxslim
    import torch

    with warnings.catch_warnings():
        # The newer exporter needs one more package and writes the same network.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.rand(1, 4, side_px, side_px),),
            str(path),
            input_names=["crop"],
            output_names=["embedding"],
            opset_version=17,
            dynamo=False,
        )
    onnx.save(onnxslim.slim(onnx.load(str(path))), str(path))
