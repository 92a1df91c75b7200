"""Which tracks show one and the same thing, by where they are against each other."""

from __future__ import annotations

from collections.abc import Sequence

from detector.geo.plane import LocalPlane
from detector.hit import Hit, Matrix2, Place

Thing = tuple[Hit, ...]
"""The tracks of one thing in the order of their ordinals: the tracker may lose it and find it again."""

ABSENT_S = 120.0
"""A thing out of sight no longer than this is taken to be there still: looked away from, passed by, hidden by a bus."""
SAME_WITHIN_M = 1.5
"""Two places farther apart than this are two things, however unsure they are."""
_EXTENT_M2 = 2 * 0.15**2
"""What two ground contacts of one thing, seen from two sides, differ by."""
_CHI2_95 = 5.991
"""95 % of a chi-square with two degrees of freedom."""


def things(hits: Sequence[Hit]) -> list[Thing]:
    """Hits grouped by the thing they show.

    Two tracks are one thing when no frame shows both, less than `ABSENT_S` lies between them, and their places agree:
    what a pass shares cancels in the difference, so within a pass they agree to decimetres. A hit without a place is
    a thing of its own. The same hits give the same things in any order.
    """
    found: list[list[Hit]] = []
    for hit in sorted(hits, key=lambda hit: hit.track.ordinal):
        apart = [_apart(hit, members) for members in found]
        best = min(range(len(found)), key=apart.__getitem__, default=None)
        if best is None or apart[best] > 1.0:
            found.append([hit])
        else:
            found[best].append(hit)
    return [tuple(members) for members in found]


def most_at_once(found: Sequence[Thing], linger_s: float) -> list[Thing]:
    """The largest set of things that are there at one moment, in order of first sight.

    Args:
        linger_s: how long a thing is taken to stand after it was last seen: 0 for a standing camera, which goes on
            looking; `ABSENT_S` for a camera that moves on.
    """
    spans = [(seen_from(thing), max(h.track.last_seen_at.timestamp() for h in thing) + linger_s) for thing in found]
    order = sorted(range(len(found)), key=lambda row: (spans[row][0], found[row][0].track.ordinal))
    sets = [[row for row in order if spans[row][0] <= at <= spans[row][1]] for at, _ in spans]
    return [found[row] for row in max(sets, key=len)] if sets else []


def seen_from(thing: Thing) -> float:
    """POSIX time at which a thing was first seen."""
    return min(hit.track.first_seen_at.timestamp() for hit in thing)


def relative_cov_m2(a: Place, b: Place) -> Matrix2:
    """Covariance of the vector from `a` to `b`, both of one pass: the shared shift cancels, a shared heading error
    turns both about the vehicle and leaves the difference of their levers (see `Place`)."""
    east = a.heading_lever_m[0] - b.heading_lever_m[0]
    north = a.heading_lever_m[1] - b.heading_lever_m[1]
    turn = max(a.sigma_heading_rad, b.sigma_heading_rad) ** 2
    own, other = a.cov_own_m2, b.cov_own_m2
    cross = own[0][1] + other[0][1] + turn * east * north
    return (
        (own[0][0] + other[0][0] + turn * east * east, cross),
        (cross, own[1][1] + other[1][1] + turn * north * north),
    )


def _apart(hit: Hit, members: Sequence[Hit]) -> float:
    """How far a hit is from being the thing of `members`: squared distance in parts of its 95 % bound; infinite when
    it cannot be."""
    if any(_seen_together(hit, other) for other in members):
        return float("inf")
    return min(_misfit(hit, other) for other in members)


def _seen_together(a: Hit, b: Hit) -> bool:
    return a.track.track_id in b.track.seen_with or b.track.track_id in a.track.seen_with


def _misfit(a: Hit, b: Hit) -> float:
    if a.place is None or b.place is None:
        return float("inf")
    first, second = sorted((a.track, b.track), key=lambda track: track.first_seen_at)
    if (second.first_seen_at - first.last_seen_at).total_seconds() > ABSENT_S:
        return float("inf")
    plane = LocalPlane(a.place.lon_deg, a.place.lat_deg)
    east, north = plane.east_north_m((b.place.lon_deg, b.place.lat_deg))[0].tolist()
    if east * east + north * north > SAME_WITHIN_M**2:
        return float("inf")
    (ee, en), (_, nn) = relative_cov_m2(a.place, b.place)
    ee, nn = ee + _EXTENT_M2, nn + _EXTENT_M2
    squared = (nn * east * east - 2.0 * en * east * north + ee * north * north) / (ee * nn - en * en)
    return squared / _CHI2_95
