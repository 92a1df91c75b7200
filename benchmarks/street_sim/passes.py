"""One pass of one patrol: tracks and fixes as the product gets them, with the truth that it never sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim.gnss import GnssProfile, Reception, receive
from benchmarks.street_sim.sight import Seen, SightParams, look
from benchmarks.street_sim.vehicle import Ride, RideProfile, ride
from benchmarks.street_sim.world import World
from detector.frame import Fix
from detector.geo.camera import VehicleCamera
from detector.tracks import Observation, Track
from edge.gnss import FixTrack

Array = NDArray[np.float64]

KEPT = 64
"""The tracker keeps that many observations of a long track."""


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """A ride and all that was seen on it: the part of a pass that no receiver has touched.

    Attributes:
        number: of the pass in its district; another number, another vehicle, driver and weather.
        camera: as the site knows it, not as it truly hangs.
        seen: picture by picture.
    """

    world: World
    camera: VehicleCamera
    number: int
    ride: Ride
    seen: tuple[Seen, ...]
    sight: SightParams


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What the product gets of a pass, and the truth beside it.

    Attributes:
        pass_id: unique among the passes of all districts.
        fixes: of the receiver.
        truth: thing id by track id.
        thing_index: row in `World.things` by track id.
        gnss_error_m: by track id: mean error (east, north) of the fixes under its observations; `None` without any.
        jumped: whether a canyon jump, undeclared, touched the track.
    """

    pass_id: str
    world: World
    camera: VehicleCamera
    tracks: tuple[Track, ...]
    fixes: tuple[Fix, ...]
    truth: Mapping[str, str]
    thing_index: Mapping[str, int]
    gnss_error_m: Mapping[str, tuple[float, float] | None]
    jumped: Mapping[str, bool]

    def true_range_m(self, track: Track, drive: Drive) -> Array:
        """(observations,) true ground distance from the vehicle to the thing's middle."""
        start = self.world.params.at + pass_start(drive.number)
        times = np.array([(seen.captured_at - start).total_seconds() for seen in track.observations])
        place, *_ = drive.ride.at(times)
        middle = self.world.truth_m()[self.thing_index[track.track_id]]
        return np.hypot(*(place - middle).T)


def pass_start(number: int) -> timedelta:
    """When a pass starts, after the district's time: one every four minutes, so many passes see one evening."""
    return timedelta(minutes=4 * number)


def drive(
    world: World, camera: VehicleCamera, profile: RideProfile, number: int, sight: SightParams | None = None
) -> Drive:
    """One patrol through a district. The same world, camera id and number give the same drive."""
    sight = sight or SightParams()
    rng = np.random.default_rng((world.seed, 3, number, *profile.camera_id.encode()))
    truth = ride(world, profile, rng)
    return Drive(world, camera, number, truth, tuple(look(world, camera, truth, sight, rng)), sight)


def with_gnss(drive: Drive, gnss: GnssProfile) -> Pass:
    """The pass as one receiver would have made it; receivers of another sigma err alike, only more or less."""
    world, number = drive.world, drive.number
    rng = np.random.default_rng((world.seed, 4, number, *drive.camera.camera_id.encode()))
    start = world.params.at + pass_start(number)
    reception = receive(drive.ride, gnss, start, rng)
    track_of = FixTrack(reception.fixes).shifted(reception.clock_s)
    pass_id = f"sim-{world.seed}-{drive.camera.camera_id}-{number}"
    groups = _groups(drive)
    together = _seen_together(groups)
    tracks: list[Track] = []
    truth: dict[str, str] = {}
    index: dict[str, int] = {}
    errors: dict[str, tuple[float, float] | None] = {}
    jumped: dict[str, bool] = {}
    for ordinal, group in enumerate(groups):
        name = f"{pass_id}/0/{ordinal}"
        kept = _thinned(group)
        observations = tuple(_observation(s, pass_id, start, track_of, drive) for s in kept)
        beside = tuple(f"{pass_id}/0/{other}" for other in together[ordinal])
        tracks.append(Track(name, ordinal, 0, group[0].cue, observations, len(group), beside))
        truth[name] = world.things[group[0].index].thing_id
        index[name] = group[0].index
        errors[name] = _mean_error(reception, [s.time_s for s, o in zip(kept, observations, strict=True) if o.fix])
        jumped[name] = _touched(reception, kept)
    return Pass(pass_id, world, drive.camera, tuple(tracks), reception.fixes, truth, index, errors, jumped)


def _groups(drive: Drive) -> list[list[Seen]]:
    """Sightings of one thing without a long gap, in the order of their first pictures."""
    open_: dict[int, list[Seen]] = {}
    done: list[list[Seen]] = []
    for seen in drive.seen:
        last = open_.get(seen.index)
        if last is not None and seen.time_s - last[-1].time_s > drive.sight.lost_s:
            done.append(last)
            last = None
        if last is None:
            open_[seen.index] = last = []
        last.append(seen)
    done += open_.values()
    return sorted(done, key=lambda group: (group[0].seq, group[0].index))


def _seen_together(groups: list[list[Seen]]) -> list[list[int]]:
    in_frame: dict[int, list[int]] = {}
    for ordinal, group in enumerate(groups):
        for seen in group:
            in_frame.setdefault(seen.seq, []).append(ordinal)
    together: list[set[int]] = [set() for _ in groups]
    for ordinals in in_frame.values():
        for ordinal in ordinals:
            together[ordinal].update(ordinals)
    return [sorted(others - {ordinal}) for ordinal, others in enumerate(together)]


def _thinned(group: list[Seen]) -> list[Seen]:
    if len(group) <= KEPT:
        return group
    return [group[i] for i in np.unique(np.linspace(0, len(group) - 1, KEPT).round().astype(int)).tolist()]


def _observation(seen: Seen, pass_id: str, start: datetime, fixes: FixTrack, drive: Drive) -> Observation:
    at = start + timedelta(seconds=seen.time_s)
    lens = drive.camera.lens
    return Observation(
        frame_id=f"{pass_id}:{seen.seq}",
        seq=seen.seq,
        captured_at=at,
        xyxy=seen.xyxy,
        confidence=seen.confidence,
        cue=seen.cue,
        fix=fixes.at(at),
        frame_width_px=lens.width_px,
        frame_height_px=lens.height_px,
        companions=seen.companions,
    )


def _mean_error(reception: Reception, times_s: list[float]) -> tuple[float, float] | None:
    if not times_s:
        return None
    east, north = reception.error_at(np.array(times_s)).mean(axis=0).tolist()
    return east, north


def _touched(reception: Reception, kept: list[Seen]) -> bool:
    if reception.jump_s is None:
        return False
    start, end = reception.jump_s
    return kept[-1].time_s >= start and kept[0].time_s <= end
