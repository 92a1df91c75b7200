"""Two branches on one backbone: the start weights' own for the cues that are kept, a trained one for the learnt cues.

A branch is everything behind the layers that both share: neck and head where the whole backbone was frozen. The shared
layers did not change while the second branch learnt, so they are computed once for both, and the kept cues come out bit
for bit as the start weights give them. A single branch that learns the new cues forgets the old ones (see
``models.train``), and one that shares the neck as well learns too little (AP50 of sign boards after two epochs .29
beside .59).

To a decoder the result is one head with twice the anchors: kept cues score zero on the learnt half and the other way
round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from models.errors import CheckpointError
from models.prune import prune_head

if TYPE_CHECKING:
    from torch import nn

BACKBONE_LAYERS = 11
"""The first layers of a YOLO26: its backbone. At most these are shared."""


def join_branches(kept: Any, kept_slots: Mapping[str, int], learnt: Any, learnt_slots: Mapping[str, int]) -> None:
    """Set the learnt branch beside the kept one; ``kept`` becomes the joined network, for evaluation and export.

    Args:
        kept, learnt: Unfused ``DetectionModel``s; the layers that are equal from the first on are shared.
        kept_slots, learnt_slots: Row by cue in either head. Outputs follow their order, kept cues first.

    Raises:
        CheckpointError: the first layers differ (the learnt branch was trained on other start weights), or a cue is
            in both.
    """
    twice = sorted(set(kept_slots) & set(learnt_slots))
    if twice:
        raise CheckpointError(f"cue {twice[0]!r} is both kept and learnt: leave it out of one list")
    shared = _shared_layers(kept, learnt)
    prune_head(kept, kept_slots)
    prune_head(learnt, learnt_slots)
    kept.model[-1] = _joined(kept.model[-1], list(learnt.model[shared:]), shared)
    kept.save = sorted({*kept.save, *kept.model[-1].f})
    kept.names = dict(enumerate([*kept_slots, *learnt_slots]))
    kept.nc = kept.yaml["nc"] = len(kept.names)


def _shared_layers(kept: Any, learnt: Any) -> int:
    """How many layers from the first on are equal in both networks, at most the backbone."""
    pairs = zip(kept.model[:BACKBONE_LAYERS], learnt.model[:BACKBONE_LAYERS], strict=True)
    different = [number for number, (ours, theirs) in enumerate(pairs) if not _equal(ours, theirs)]
    shared = different[0] if different else BACKBONE_LAYERS
    if shared == 0:
        raise CheckpointError(
            "the networks differ from the first layer on: was this run trained on other start weights?"
        )
    return shared


def _equal(ours: Any, theirs: Any) -> bool:
    import torch

    one, other = ours.state_dict(), theirs.state_dict()
    # Checkpoints store half precision: equal means equal after rounding.
    return one.keys() == other.keys() and all(
        not tensor.is_floating_point() or torch.equal(tensor.half(), other[name].half()) for name, tensor in one.items()
    )


def _inputs(layer: Any) -> list[int]:
    """Indices of the layers that a layer reads."""
    sources = [layer.f] if isinstance(layer.f, int) else list(layer.f)
    return [layer.i + source if source < 0 else source for source in sources]


def _joined(kept_head: Any, branch: list[Any], shared: int) -> nn.Module:
    import torch
    from torch import nn

    taps = sorted({source for layer in branch for source in _inputs(layer) if source < shared})

    class TwoBranches(nn.Module):
        """The last layer of the joined network: the kept head, and the learnt layers."""

        def __init__(self) -> None:
            super().__init__()
            self.kept = kept_head
            self.branch = nn.ModuleList(branch)
            # What the trainer library asks of the last layer of a network. `f`: the layers whose outputs it is given.
            self.f = [*kept_head.f, *taps]
            self.i, self.type = kept_head.i, "TwoBranches"
            self.np = sum(parameter.numel() for parameter in self.parameters())
            self.stride, self.nl = kept_head.stride, kept_head.nl
            self.nc, self.max_det = kept_head.nc + branch[-1].nc, kept_head.max_det

        @property
        def end2end(self) -> bool:
            """Whether the NMS-free heads answer."""
            return self.kept.end2end

        @end2end.setter
        def end2end(self, value: bool) -> None:
            self.kept.end2end = self.branch[-1].end2end = value

        def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
            """(1, 4 + cues, 2N) raw, or (1, 2M, 6) from the NMS-free heads."""
            levels = len(self.kept.f)
            first = _boxes(self.kept(features[:levels]))
            second = _boxes(self._run_branch(dict(zip(taps, features[levels:], strict=True))))
            if self.end2end:
                return torch.cat((first, second + second.new_tensor([0, 0, 0, 0, 0, self.kept.nc])), 1)
            learnt_nc = self.nc - self.kept.nc
            blank_first = torch.zeros_like(first[:, :1]).expand(-1, learnt_nc, -1)
            blank_second = torch.zeros_like(second[:, :1]).expand(-1, self.kept.nc, -1)
            second = torch.cat((second[:, :4], blank_second, second[:, 4:]), 1)
            return torch.cat((torch.cat((first, blank_first), 1), second), 2)

        def _run_branch(self, outputs: dict[int, torch.Tensor]) -> Any:
            result: Any = None
            for layer in self.branch:
                read = [outputs[source] for source in _inputs(layer)]
                result = layer(read[0] if isinstance(layer.f, int) else read)
                outputs[layer.i] = result
            return result

    return TwoBranches().eval()


def _boxes(result: Any) -> Any:
    """A head's boxes: exported heads return them alone, others with the features they came from."""
    return result[0] if isinstance(result, tuple) else result
