"""Network output -> candidate boxes -> one box per thing. Arrays in, arrays out; nothing here knows of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.errors import BundleError

MAX_CANDIDATES = 30_000


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes of the network's input rectangle, best first.

    Attributes:
        xyxy: float32 (N, 4), px of the input rectangle.
        confidence: float32 (N,), falling.
        cue: int64 (N,).
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    cue: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.confidence)

    def take(self, keep: NDArray[np.int64]) -> Candidates:
        """The candidates at the indices `keep`, in that order."""
        return Candidates(self.xyxy[keep], self.confidence[keep], self.cue[keep])


def decode_raw(output: NDArray[np.float32], thresholds: NDArray[np.float32]) -> Candidates:
    """Candidates of a raw head: the best cue of every anchor, where it reaches that cue's threshold.

    Args:
        output: (1, 4 + C, N): centre x, y, width, height in px of the input, then C scores.
        thresholds: (C,).

    Raises:
        BundleError: a score is not a number.
    """
    scores = output[0, 4:]
    best = scores.max(axis=0)
    _check_scores(best)
    # Few anchors pass even the lowest threshold: everything after this line is small.
    anchor = np.flatnonzero(best >= thresholds.min())
    cue = scores[:, anchor].argmax(axis=0)
    passed = best[anchor] >= thresholds[cue]
    anchor, cue = anchor[passed], cue[passed]
    return _ranked(_corners(output[0, :4, anchor]), best[anchor], cue.astype(np.int64))


def decode_cue(output: NDArray[np.float32], cue: int, threshold: float) -> Candidates:
    """Candidates of one cue of a raw head, even where another cue is stronger; see `decode_raw` for shapes."""
    scores = output[0, 4 + cue]
    anchor = np.flatnonzero(scores >= np.float32(threshold))
    return _ranked(_corners(output[0, :4, anchor]), scores[anchor], np.full(len(anchor), cue, np.int64))


def decode_nms_free(output: NDArray[np.float32], thresholds: NDArray[np.float32]) -> Candidates:
    """Candidates of an NMS-free head, (1, N, 6): left, top, right, bottom in px of the input, score, cue index.

    Raises:
        BundleError: a score is not a number, or a cue index has no name.
    """
    rows = output[0]
    _check_scores(rows[:, 4])
    rows = rows[rows[:, 4] >= thresholds.min()]
    cue = rows[:, 5].astype(np.int64)
    if len(cue) and not (cue.min() >= 0 and cue.max() < len(thresholds)):
        raise BundleError(f"the model names cue {int(cue.max())}, its card only 0 to {len(thresholds) - 1}")
    rows, cue = rows[passed := rows[:, 4] >= thresholds[cue]], cue[passed]
    return _ranked(rows[:, :4], rows[:, 4], cue)


def suppress(candidates: Candidates, iou_max: float, limit: int) -> Candidates:
    """Greedy non-maximum suppression per cue: drop what overlaps a better box of its cue by more than `iou_max`.

    The best `limit` boxes over all cues stay. One pass per kept box over what is still standing: memory is O(N).
    """
    xyxy = candidates.xyxy
    area = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    standing = np.arange(len(candidates))
    kept: list[int] = []
    while len(standing) and len(kept) < limit:
        best, standing = int(standing[0]), standing[1:]
        kept.append(best)
        rest = xyxy[standing]
        wide = np.minimum(xyxy[best, 2], rest[:, 2]) - np.maximum(xyxy[best, 0], rest[:, 0])
        high = np.minimum(xyxy[best, 3], rest[:, 3]) - np.maximum(xyxy[best, 1], rest[:, 1])
        shared = wide.clip(0) * high.clip(0)
        # Multiplied out, so that a box without area divides by nothing.
        same = shared > iou_max * (area[best] + area[standing] - shared)
        standing = standing[~(same & (candidates.cue[standing] == candidates.cue[best]))]
    return candidates.take(np.array(kept, np.int64))


def _corners(xywh: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4) centre and size as corners."""
    xyxy = np.empty_like(xywh)
    half = xywh[:, 2:] * np.float32(0.5)
    xyxy[:, :2] = xywh[:, :2] - half
    xyxy[:, 2:] = xywh[:, :2] + half
    return xyxy


def _ranked(xyxy: NDArray[np.float32], confidence: NDArray[np.float32], cue: NDArray[np.int64]) -> Candidates:
    # Stable: equal scores keep the network's order, so the same picture gives the same order everywhere.
    order = np.argsort(-confidence, kind="stable")[:MAX_CANDIDATES]
    return Candidates(xyxy[order], confidence[order], cue[order])


def _check_scores(scores: NDArray[np.float32]) -> None:
    if not np.isfinite(scores).all():
        raise BundleError(
            "the model's output holds scores that are not numbers: the network or its backend is broken; "
            "check the bundle with another backend or export again"
        )
