"""Which box belongs to which track: overlap, cue group, and the cheapest one-to-one assignment."""

from __future__ import annotations

import lap
import numpy as np
from numpy.typing import NDArray

from detector.boxes import iou_matrix

_GROUPS = (
    ("bicycle", "motorcycle"),
    ("car", "bus", "truck"),
    ("chair", "bench"),
    ("stall", "cart", "table"),
    ("signboard", "lightbox", "banner", "poster"),
)
"""Cues that a model takes for one another from frame to frame. A person never becomes a bicycle."""

_OTHER_CUE_COST = 0.1
_NEVER = 1e6
_LONELY_SIZES = 0.5


def cue_groups(cue_names: tuple[str, ...]) -> NDArray[np.int64]:
    """Group of each cue, (C,); a cue that no group names is its own."""
    group_of = {name: -1 - number for number, names in enumerate(_GROUPS) for name in names}
    return np.array([group_of.get(name, index) for index, name in enumerate(cue_names)], np.int64)


def assign(
    predicted: NDArray[np.float64],
    seen: NDArray[np.float64],
    track_cue: NDArray[np.int64],
    boxes: NDArray[np.float64],
    box_cue: NDArray[np.int64],
    groups: NDArray[np.int64],
    *,
    iou_min: float,
) -> list[tuple[int, int]]:
    """Pairs (track row, box row) with the largest summed overlap, in order of the track rows.

    Args:
        predicted: (T, 4) px where each track should be if it goes on as before.
        seen: (T, 4) px where it should be if it stands; the better of the two counts, because what comes out from
            behind a passer-by has mostly stood there all along.
        track_cue: (T,) cue index of each track.
        boxes: (D, 4) px.
        box_cue: (D,) cue index of each box.
        groups: (C,) from `cue_groups`; only cues of one group pair up.
        iou_min: pairs below it are never made. Lower follows faster things, but swaps neighbours.
    """
    if not len(predicted) or not len(boxes):
        return []
    iou = np.maximum(iou_matrix(predicted, boxes), iou_matrix(seen, boxes))
    cost = 1.0 - iou + _OTHER_CUE_COST * (track_cue[:, None] != box_cue)
    cost[(iou < iou_min) | (groups[track_cue][:, None] != groups[box_cue])] = _NEVER
    limit = 1.0 - iou_min + _OTHER_CUE_COST + 1e-9
    _, box_of_track, _ = lap.lapjv(np.ascontiguousarray(cost), extend_cost=True, cost_limit=limit)
    return [(t, d) for t, d in enumerate(box_of_track.tolist()) if d >= 0 and cost[t, d] < _NEVER]


def lonely_pairs(
    predicted: NDArray[np.float64],
    track_cue: NDArray[np.int64],
    boxes: NDArray[np.float64],
    box_cue: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """Pairs (track row, box row) that have nobody else of their cue group near: for things that moved clear of their
    last box before their speed was known. In a row of bikes nothing is lonely, so neighbours are never swapped.

    Give all tracks and all boxes of the frame; for shapes see `assign`.
    """
    near = iou_matrix(grow(predicted, _LONELY_SIZES), grow(boxes, _LONELY_SIZES)) > 0
    near &= groups[track_cue][:, None] == groups[box_cue]
    alone = near & (near.sum(axis=1) == 1)[:, None] & (near.sum(axis=0) == 1)
    return [(int(t), int(d)) for t, d in zip(*np.nonzero(alone), strict=True)]


def grow(xyxy: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    """Boxes (N, 4) grown on every side by `part` of their width and height."""
    margin = part * (xyxy[:, 2:] - xyxy[:, :2])
    return np.concatenate((xyxy[:, :2] - margin, xyxy[:, 2:] + margin), axis=1)
