"""Where the fixes of a pass step: after it, the error is another one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from detector.frame import Fix
from detector.geo.plane import LocalPlane
from detector.tracks import Track

NEXT_S: Final = 10.0
"""Over a longer gap the vehicle may have gone anywhere: no step can be told from a drive."""
WAY_ERROR: Final = 0.25
"""Speed and heading foretell the way to this part of it."""


def breaks(tracks: Sequence[Track], step_m: float) -> list[float]:
    """POSIX seconds at which consecutive fixes disagree with the speed and heading between them."""
    fixes = {seen.fix.at: seen.fix for track in tracks for seen in track.observations if seen.fix is not None}
    ordered = [fixes[at] for at in sorted(fixes)]
    return [after.at.timestamp() for before, after in pairwise(ordered) if _steps(before, after, step_m)]


def _steps(before: Fix, after: Fix, step_m: float) -> bool:
    gap_s = (after.at - before.at).total_seconds()
    ends = [(fix.speed_m_s, fix.heading_deg) for fix in (before, after)]
    ways = [
        np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))]) * speed * gap_s
        for speed, heading in ends
        if speed is not None and heading is not None
    ]
    if gap_s > NEXT_S or len(ways) < 2:
        return False
    plane = LocalPlane(before.lon_deg, before.lat_deg)
    moved = plane.east_north_m((after.lon_deg, after.lat_deg))[0]
    foretold = (ways[0] + ways[1]) / 2.0
    return bool(np.hypot(*(moved - foretold)) > step_m + WAY_ERROR * np.hypot(*foretold))
