"""Whether a thing seen now is one that was seen before: by place, kind and time, never by how it looks.

Two sightings of one thing differ by the errors of both: the gate is Mahalanobis distance under the summed covariance
(registered places are tight, unregistered ones wide). Within one earlier stretch a thing is one thing, so pairs are
one to one, by the assignment with the smallest summed distance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

import lap
import numpy as np
from numpy.typing import NDArray

from detector.geo.camera import Camera
from detector.geo.plane import LocalPlane
from detector.hit import Matrix2, Place, SeenBefore
from detector.tracks import Track
from detector.vocabulary import Kind

Family = Literal["trade", "bike", "sign"]

FAMILIES: Final[Mapping[Kind, Family]] = MappingProxyType(
    {
        # One thing may be a stall on one pass and a shop's table on the next: the map decides, within its errors.
        Kind.STREET_STALL: "trade",
        Kind.OUT_OF_STORE: "trade",
        Kind.DISORDERLY_BIKE: "bike",
        Kind.ILLEGAL_SIGNAGE: "sign",
    }
)

WINDOWS: Final[Mapping[Family, timedelta]] = MappingProxyType(
    {
        # A stall leaves at night and comes back: tomorrow's is another offence. The same as the server's cases.
        "trade": timedelta(hours=12),
        # A shared bike that stood here two days ago is seldom this one. The same as the server's cases.
        "bike": timedelta(hours=48),
        # A board hangs until somebody takes it down.
        "sign": timedelta(days=30),
    }
)
"""The longest time unseen after which a thing at the same place still counts as the same."""

LONGEST_WINDOW: Final = max(WINDOWS.values())
CONTINUES: Final = timedelta(seconds=120)
"""A standing camera waits by itself: only a stretch that ended this short a time ago goes on (the next file)."""
APART: Final = timedelta(seconds=300)
"""Sightings nearer in time than this are one pass: position errors of GNSS live for minutes."""
GATE: Final = 9.21
"""Squared Mahalanobis distance that 99 % of true pairs keep to (chi-square, 2 degrees of freedom)."""
OTHER_CUE: Final = 4.0
"""Added when the model calls it by another name of the family: a log-likelihood of 2 less."""
_NEVER = 1e6


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing on one stretch of a pass. No picture, no person: only what it is, where and when.

    Attributes:
        name: track id now; "" for remembered ones.
        cov_own_m2, cov_pass_m2: as in `detector.hit.Place`.
        standing_camera: id of the standing camera that saw it, "" for one that moves.
    """

    name: str
    family: Family
    cue: str
    lon_deg: float
    lat_deg: float
    cov_own_m2: Matrix2
    cov_pass_m2: Matrix2
    first_seen_at: datetime
    last_seen_at: datetime
    standing_camera: str = ""

    @staticmethod
    def of(track: Track, place: Place, kind: Kind, camera: Camera) -> Sighting:
        """The sighting of a track that may break an order of a kind."""
        return Sighting(
            name=track.track_id,
            family=FAMILIES[kind],
            cue=track.cue,
            lon_deg=place.lon_deg,
            lat_deg=place.lat_deg,
            cov_own_m2=place.cov_own_m2,
            cov_pass_m2=place.cov_pass_m2,
            first_seen_at=track.first_seen_at,
            last_seen_at=track.last_seen_at,
            standing_camera=camera.camera_id if camera.observed_by == "fixed" else "",
        )


def seen_before(now: Sequence[Sighting], stretches: Iterable[Sequence[Sighting]]) -> dict[str, SeenBefore]:
    """What is known of the things seen now, by name; things seen for the first time are not in it.

    Args:
        stretches: earlier sightings, those of one stretch together.
    """
    matched: dict[str, list[Sighting]] = defaultdict(list)
    for stretch in stretches:
        for mine, theirs in _pairs(now, stretch):
            matched[mine.name].append(theirs)
    known: dict[str, SeenBefore] = {}
    for thing in now:
        seen = _chain(thing, matched[thing.name])
        if seen is not None:
            known[thing.name] = seen
    return known


def _pairs(now: Sequence[Sighting], stretch: Sequence[Sighting]) -> list[tuple[Sighting, Sighting]]:
    if not now or not stretch:
        return []
    cost = _distances(now, stretch)
    _, theirs, _ = lap.lapjv(np.ascontiguousarray(cost), extend_cost=True, cost_limit=GATE + OTHER_CUE + 1e-9)
    return [(now[row], stretch[column]) for row, column in enumerate(theirs.tolist()) if column >= 0]


def _distances(now: Sequence[Sighting], stretch: Sequence[Sighting]) -> NDArray[np.float64]:
    """Squared Mahalanobis distance, and what another cue costs; (N, M)."""
    plane = LocalPlane(now[0].lon_deg, now[0].lat_deg)
    mine = plane.east_north_m([(s.lon_deg, s.lat_deg) for s in now])
    theirs = plane.east_north_m([(s.lon_deg, s.lat_deg) for s in stretch])
    off = mine[:, None] - theirs
    squared = np.einsum("nmi,nmij,nmj->nm", off, np.linalg.inv(_joint(now, stretch)), off)
    other_family = _differ([s.family for s in now], [s.family for s in stretch])
    other_cue = _differ([s.cue for s in now], [s.cue for s in stretch])
    return np.where(other_family | (squared > GATE), _NEVER, squared + OTHER_CUE * other_cue)


def _joint(now: Sequence[Sighting], stretch: Sequence[Sighting]) -> NDArray[np.float64]:
    """Covariance of the difference of each two places, (N, M, 2, 2).

    A standing camera's survey error is the same both times, so it is no difference.
    """
    own = np.array([s.cov_own_m2 for s in now])[:, None] + np.array([s.cov_own_m2 for s in stretch])
    shared = np.array([s.cov_pass_m2 for s in now])[:, None] + np.array([s.cov_pass_m2 for s in stretch])
    moves = np.array([not s.standing_camera for s in now])[:, None]
    other = moves | _differ([s.standing_camera for s in now], [s.standing_camera for s in stretch])
    return own + shared * other[:, :, None, None]


def _differ(now: Sequence[str], stretch: Sequence[str]) -> NDArray[np.bool_]:
    return np.array(now)[:, None] != np.array(stretch)


def _chain(thing: Sighting, earlier: Sequence[Sighting]) -> SeenBefore | None:
    """The earlier sightings without a gap too long, from the latest back."""
    window = CONTINUES if thing.standing_camera else WINDOWS[thing.family]
    first, last, passes = thing.first_seen_at, None, 0
    for seen in sorted(earlier, key=lambda s: s.last_seen_at, reverse=True):
        if first - seen.last_seen_at > window:
            break
        passes += first - seen.last_seen_at >= APART
        last = last or seen.last_seen_at
        first = min(first, seen.first_seen_at)
    return None if last is None else SeenBefore(first, last, passes)
