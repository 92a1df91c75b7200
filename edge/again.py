"""Whether a thing seen now is one that was seen before: by place, kind and time, never by how it looks.

Two sightings of one thing differ by the errors of both, and what both passes are shifted by is found from everything
else that stands around (`edge.shift`). A pair counts only when it is likelier one thing than two: alone on a pavement
metres of error do no harm, in a row of stalls they leave nobody known. Within one earlier stretch a thing is one thing,
so pairs are one to one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
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
from edge.shift import Pairs, evidence

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
OTHER_CUE: Final = 2.0
"""Evidence lost when the model calls it by another name of the family."""
EVIDENCE_MIN: Final = log(2.0)
"""The same thing must be twice as likely as another of the kind that came since (benchmarks/second_pass.py)."""
SIGMA_MAX_M: Final = 4.0
"""Places less sure than this, per axis, are neither remembered nor recalled: even alone on a street they would not
reach `EVIDENCE_MIN`."""
_NEVER, _TOP = 1e6, 100.0


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

    @property
    def sigma_m(self) -> float:
        """The whole position error per axis: the root mean square of east and north."""
        own, shared = self.cov_own_m2, self.cov_pass_m2
        return ((own[0][0] + own[1][1] + shared[0][0] + shared[1][1]) / 2.0) ** 0.5

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
    """One to one, those with the most evidence together."""
    if not now or not stretch:
        return []
    told = evidence(_compared(now, stretch)) - OTHER_CUE * _differ([s.cue for s in now], [s.cue for s in stretch])
    # The solver wants costs above 0.
    cost = np.where(told >= EVIDENCE_MIN, _TOP - told, _NEVER)
    _, theirs, _ = lap.lapjv(np.ascontiguousarray(cost), extend_cost=True, cost_limit=_TOP - EVIDENCE_MIN + 1e-9)
    return [(now[row], stretch[column]) for row, column in enumerate(theirs.tolist()) if column >= 0]


def _compared(now: Sequence[Sighting], stretch: Sequence[Sighting]) -> Pairs:
    plane = LocalPlane(now[0].lon_deg, now[0].lat_deg)
    mine = plane.east_north_m([(s.lon_deg, s.lat_deg) for s in now])
    theirs = plane.east_north_m([(s.lon_deg, s.lat_deg) for s in stretch])
    off_m = mine[:, None] - theirs
    own_m2 = np.array([s.cov_own_m2 for s in now])[:, None] + np.array([s.cov_own_m2 for s in stretch])
    shared = np.mean([s.cov_pass_m2 for s in now], axis=0) + np.mean([s.cov_pass_m2 for s in stretch], axis=0)
    # A standing camera's survey error is the same both times, so it is no difference.
    cameras = {s.standing_camera for s in (*now, *stretch)}
    shared_m2 = shared * float(cameras == {""} or len(cameras) > 1)
    squared = np.einsum("nmi,nmij,nmj->nm", off_m, np.linalg.inv(own_m2 + shared_m2), off_m)
    families = [s.family for s in now]
    return Pairs(
        off_m=off_m,
        own_m2=own_m2,
        shared_m2=shared_m2,
        possible=(squared <= GATE) & ~_differ(families, [s.family for s in stretch]),
        apart_m=np.hypot(*np.moveaxis(mine[:, None] - mine, 2, 0)),
        alike=~_differ(families, families),
    )


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
