"""Where a thing touches the ground in the picture: the middle of its box's lower edge, never the box's centre.

Only from straight above is the box the thing's outline on the ground, and its middle the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.tracks import Observation

Array = NDArray[np.float64]

BOX_JITTER = 0.03
"""How far a box edge wanders, as a share of the box's width or height."""
CUT_EDGE_PX = 2.0
"""A box this near to the picture's border is cut off by it."""
CUT_JITTER = 0.15
"""Added when the border hides the edge: the contact lies outside the picture, by an unknown part of the thing."""
FILLS_FRAME = 0.9
"""A cut-off box taller than this share of the picture says nothing about where its foot is."""
FROM_ABOVE_DEG = -75.0
"""A camera that looks down at least this steeply sees no thing from its side: no edge of a box is its foot."""


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """Ground contacts of N observations.

    Attributes:
        uv_px: (N, 2).
        sigma_px: (N, 2) from the box alone, before the camera's own pixel error.
        cut_off: (N,) the foot is out of the picture, and nothing is known of it.
        width_share: (N,) width of the box as a share of the picture's.
        from_above: (N,) the camera looked straight down.
    """

    uv_px: Array
    sigma_px: Array
    cut_off: NDArray[np.bool_]
    width_share: Array
    from_above: NDArray[np.bool_]


def contacts_of(observations: Sequence[Observation], from_above: NDArray[np.bool_]) -> Contacts:
    """Ground contacts; `from_above` (N,) says in which frames the camera looked straight down."""
    box = np.array([seen.xyxy for seen in observations], np.float64).reshape(-1, 4)
    frame = np.array([(seen.frame_width_px, seen.frame_height_px) for seen in observations], np.float64).reshape(-1, 2)
    left, top, right, bottom = box.T
    width, height = right - left, bottom - top
    cut_side = (left <= CUT_EDGE_PX) | (right >= frame[:, 0] - CUT_EDGE_PX)
    cut_below = bottom >= frame[:, 1] - CUT_EDGE_PX
    cut_above = from_above & (top <= CUT_EDGE_PX)
    sigma_u = width * np.hypot(BOX_JITTER, CUT_JITTER * cut_side)
    sigma_v = height * np.hypot(BOX_JITTER, CUT_JITTER * (cut_below | cut_above))
    v = np.where(from_above, (top + bottom) / 2.0, bottom)
    return Contacts(
        uv_px=np.column_stack(((left + right) / 2.0, v)),
        sigma_px=np.column_stack((sigma_u, sigma_v)),
        cut_off=cut_below & ~from_above & (height > FILLS_FRAME * frame[:, 1]),
        width_share=width / frame[:, 0],
        from_above=from_above,
    )
