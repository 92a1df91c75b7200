"""Which tracks of a pass bear on its offset, and which of them are one thing.

Left out together is what stands together: the parts of a stall, a row of bikes, one thing that the tracker lost and
found again. Otherwise an umbrella would pull the stall below it into the pitch next door. A group of n counts as
sqrt(n) things, its log likelihood the mean of its members': they resemble each other, and are no n witnesses.

One zone holds one stall: of two things seen in one frame, the later one finds no pitch where, under the same shift, the
earlier one stands. That is exact for pairs and an approximation for more: the earlier one keeps its pitch even when
the later one fits it better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.geo.localise import Unplaced
from detector.geo.plane import LocalPlane, Points
from detector.geo.registration.attraction import Attraction, Ground, Labels
from detector.geo.registration.grid import CELL_M, REACH_CELLS, Grid, gaussian
from detector.hit import Place
from detector.rules.looks import companion_ids, is_ridden
from detector.tracks import Track

TOGETHER_M: Final = 1.5
"""Things nearer than this are one: in a market row the next stall is 2.5 m on."""
PARTS_M: Final = 2.5
"""Parts of a stall, seen side by side as other cues, reach so far."""
NEAREST: Final = 12
"""So many of the nearest pictures make a place."""
TOGETHER_S: Final = 60.0
OWN_SIGMA_MAX_M: Final = 3.0
"""A thing placed worse than this relative to the vehicle says nothing about metres."""
MAP_SIGMA_M: Final = 0.25
"""One sigma of a zone's edge as drawn against the ground, and of where in it things stand."""
TELLING: Final = 0.7
"""Least range of a log likelihood over the shifts that makes an anchor: a factor of two."""
ONE_PITCH_M: Final = 6.0
"""Things farther apart than this cannot be in one pitch."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighted:
    """A placed track of the pass.

    Attributes:
        at_s: POSIX seconds to which its place belongs.
        east_north_m: (2,) where the fix puts it, on the plane of the pass.
        own_m2: (2, 2) error relative to the vehicle, that of the heading included.
        shift_m2: (2, 2) error of the fix.
    """

    track: Track
    place: Place
    at_s: float
    east_north_m: NDArray[np.float64]
    own_m2: NDArray[np.float64]
    shift_m2: NDArray[np.float64]

    @property
    def own_sigma_m(self) -> float:
        """One sigma per axis."""
        return float(np.sqrt(np.trace(self.own_m2) / 2.0))


def sighted(tracks: Sequence[Track], places: Mapping[str, Place | Unplaced | None]) -> list[Sighted]:
    """The placed tracks by time."""
    placed = [(track, place) for track in tracks if isinstance(place := places.get(track.track_id), Place)]
    if not placed:
        return []
    plane = LocalPlane(placed[0][1].lon_deg, placed[0][1].lat_deg)
    points = plane.east_north_m([(place.lon_deg, place.lat_deg) for _, place in placed])
    found = [_sighted(track, place, point) for (track, place), point in zip(placed, points, strict=True)]
    return sorted(found, key=lambda thing: (thing.at_s, thing.track.ordinal))


def _sighted(track: Track, place: Place, point: Points) -> Sighted:
    lever = np.array(place.heading_lever_m)
    return Sighted(
        track=track,
        place=place,
        at_s=_time_of_place_s(track),
        east_north_m=point,
        own_m2=np.array(place.cov_own_m2) + np.outer(lever, lever) * place.sigma_heading_rad**2,
        shift_m2=np.array(place.pass_shift_m2),
    )


def _time_of_place_s(track: Track) -> float:
    """Mean time of the nearest pictures, by box height: they weigh most in a place."""
    by_height = sorted(track.observations, key=lambda seen: (seen.xyxy[1] - seen.xyxy[3], seen.seq))
    return float(np.mean([seen.captured_at.timestamp() for seen in by_height[:NEAREST]]))


def groups(things: Sequence[Sighted]) -> list[int]:
    """Number of the group of each thing, groups counted by their first thing (single linkage)."""
    points = np.array([thing.east_north_m for thing in things]).reshape(-1, 2)
    times = np.array([thing.at_s for thing in things])
    apart_m = np.hypot(*(points[:, None] - points[None, :]).transpose(2, 0, 1))
    linked = (apart_m < TOGETHER_M) & (np.abs(times[:, None] - times) < TOGETHER_S)
    beside = [companion_ids(thing.track) for thing in things]
    for row, column in np.argwhere((apart_m < PARTS_M) & ~linked).tolist():
        other = things[column].track
        linked[row, column] = other.cue != things[row].track.cue and other.track_id in beside[row]
    linked |= linked.T
    label = list(range(len(things)))
    for row in range(len(things)):
        for column in np.flatnonzero(linked[row, :row]).tolist():
            low, high = sorted((label[row], label[column]))
            label = [low if mark == high else mark for mark in label]
    return label


def log_fit(thing: Sighted, attraction: Attraction, earlier: Sequence[Sighted], white_m: float) -> Grid | None:
    """Log likelihood of each shift by one thing, `None` when it tells nothing.

    Args:
        earlier: things that come before it, not of its own group.
        white_m: one sigma of what its own fixes add.
    """
    rules = attraction.rules_for(thing.track.cue)
    if not rules or thing.track.moving or thing.own_sigma_m > OWN_SIGMA_MAX_M or is_ridden(thing.track):
        return None
    own = thing.own_m2 + np.eye(2) * (MAP_SIGMA_M**2 + white_m**2)
    kernel_cells = int(np.ceil(3.0 * np.sqrt(own.diagonal().max()) / CELL_M))
    track = thing.track
    cells = REACH_CELLS + kernel_cells
    ground = attraction.around(rules, thing.place, cells, track.first_seen_at, track.last_seen_at)
    if ground is None:
        return None
    density = _without_taken(ground, thing, earlier)
    blurred = cv2.filter2D(density, cv2.CV_64F, gaussian(own, kernel_cells), borderType=cv2.BORDER_REPLICATE)
    inner = np.asarray(blurred, np.float64)[kernel_cells:-kernel_cells, kernel_cells:-kernel_cells]
    # The Fourier transform behind large kernels leaves rounding errors where the density is small.
    fit = np.log(np.maximum(inner, 1e-6))
    return fit if float(np.ptp(fit)) > TELLING else None


def _without_taken(ground: Ground, thing: Sighted, earlier: Sequence[Sighted]) -> Grid:
    """The density with no pitch in it where, under the same shift, an earlier thing of the frame stands in it."""
    if not ground.pitches.any():
        return ground.density
    density = ground.density.copy()
    for other in earlier:
        apart = other.east_north_m - thing.east_north_m
        if other.track.track_id in thing.track.seen_with and np.hypot(*apart) < ONE_PITCH_M:
            theirs = _shifted(ground.pitches, np.round(apart / CELL_M).astype(int))
            density[(ground.pitches > 0) & (ground.pitches == theirs)] = 1.0
    return density


def _shifted(labels: Labels, cells: NDArray[np.int_]) -> Labels:
    """What lies `cells` (east, north) from each cell; 0 beyond the raster."""
    columns, rows = cells.tolist()
    reach = max(abs(columns), abs(rows), 1)
    padded = np.pad(labels, reach)
    size = len(labels)
    return padded[reach + rows : reach + rows + size, reach + columns : reach + columns + size]
