"""The loss of a run: a cue that nobody looked for in a picture is neither there nor absent.

The data set marks such a cue with one box over the whole picture, in a row of the head that carries no cue. As a box
it goes through mosaic, crop and flip like every other, so the mark stays on its own picture; here it is taken out of
the targets, and the cue's classification loss is left out wherever the mark lies, except on boxes that somebody drew.

The weights of the two heads stay as they are given. The trainer library moves the weight from the dense head to the
NMS-free one during the run; only the dense head teaches neck and backbone, and it is the one that ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DENSE_HEAD_GAIN = 0.8
"""Share of the dense (one-to-many) head in the loss, over the whole run; the rest is the NMS-free head's."""


def reviewed_loss(model: Any, unreviewed_rows: Mapping[int, int]) -> Any:
    """A criterion for ``model`` (an ``ultralytics`` ``DetectionModel`` with both heads, or with the dense one alone).

    Args:
        model: The network in training.
        unreviewed_rows: Row of the mark by row of the cue.

    Returns:
        A callable (predictions, batch) -> (loss, loss items), as the trainer library wants it.
    """
    import torch
    from torch import nn
    from ultralytics.utils.loss import v8DetectionLoss
    from ultralytics.utils.tal import make_anchors

    cue_of_mark = {mark: cue for cue, mark in unreviewed_rows.items()}

    class MaskedBce(nn.Module):
        """Binary cross-entropy that is zero where ``silent`` holds and nothing is labelled."""

        silent: torch.Tensor | None = None

        def forward(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            loss = nn.functional.binary_cross_entropy_with_logits(scores, targets, reduction="none")
            return loss if self.silent is None else loss * ~(self.silent & (targets == 0))

    class ReviewedLoss:
        """Loss of both heads over the reviewed cues."""

        def __init__(self) -> None:
            self.bce = MaskedBce()
            self.heads = {"one2many": (v8DetectionLoss(model, tal_topk=10), DENSE_HEAD_GAIN)}
            if getattr(model.model[-1], "one2one_cv2", None) is not None:
                self.heads["one2one"] = (v8DetectionLoss(model, tal_topk=7, tal_topk2=1), 1 - DENSE_HEAD_GAIN)
            for head, _ in self.heads.values():
                head.bce = self.bce

        def __call__(self, predictions: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
            predictions = predictions[1] if isinstance(predictions, tuple) else predictions
            labels, marks = split_marks(batch, cue_of_mark)
            total, items = 0.0, None
            for name, (head, gain) in self.heads.items():
                answer = predictions.get(name, predictions)
                points, strides = make_anchors(answer["feats"], head.stride, 0.5)
                size = torch.tensor(batch["img"].shape[-1:-3:-1], device=points.device)  # width, height in px
                self.bce.silent = silent_cues(marks, points * strides / size, len(batch["img"]), head.nc)
                loss, items = head.loss(answer, labels)
                total = total + gain * loss
            return total, items

    return ReviewedLoss()


def split_marks(batch: dict[str, Any], cue_of_mark: Mapping[int, int]) -> tuple[dict[str, Any], list[Any]]:
    """Take the marks out of a batch's labels.

    Returns:
        The batch without marks, and per mark a tensor (picture, row of the cue, cx, cy, w, h), fractions of the input.
    """
    import torch

    rows = batch["cls"].view(-1)
    is_mark = torch.isin(rows.long(), torch.tensor(sorted(cue_of_mark), dtype=torch.long, device=rows.device))
    kept = {name: batch[name][~is_mark] for name in ("batch_idx", "cls", "bboxes")}
    marks = [
        torch.cat((picture.view(1).float(), torch.tensor([float(cue_of_mark[int(row)])], device=box.device), box))
        for picture, row, box in zip(
            batch["batch_idx"][is_mark], rows[is_mark], batch["bboxes"][is_mark].float(), strict=True
        )
    ]
    return {**batch, **kept}, marks


def silent_cues(marks: list[Any], points: Any, pictures: int, cues: int) -> Any:
    """Where which cue was not looked for: bool (pictures, anchors, cues), or None without any mark.

    Args:
        marks: As :func:`split_marks` returns them.
        points: Anchor centres, (anchors, 2) x and y, fractions of the input.
        pictures: Pictures in the batch.
        cues: Rows of the head.
    """
    import torch

    if not marks:
        return None
    silent = torch.zeros(pictures, len(points), cues, dtype=torch.bool, device=points.device)
    for mark in marks:
        picture, row = int(mark[0]), int(mark[1])
        inside = ((points - mark[2:4]).abs() <= mark[4:6] / 2).all(1)
        silent[picture, :, row] |= inside
    return silent
