"""One pass of one patrol: tracks and fixes as the product gets them, with the truth that it never sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.street_sim.gnss import GnssProfile, Reception, receive
from benchmarks.street_sim.sight import Seen, SightParams, look
from benchmarks.street_sim.vehicle import Ride, RideProfile, ride
from benchmarks.street_sim.world import PLANE, Thing, World
from detector.frame import Fix
from detector.geo.camera import VehicleCamera
from detector.hit import Place
from detector.tracking.live import MAX_OBSERVATIONS
from detector.tracking.tracker import TrackerLimits
from detector.tracks import Observation, Track
from edge.gnss import FixTrack

Array = NDArray[np.float64]

TRACKER = TrackerLimits()
"""The shipped tracker's own limits: when it believes in a thing, and when it gives one up."""


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
        drive: the truth.
        fixes: of the receiver.
        thing_index: row in `World.things` by track id.
        jumped: by track id: a canyon jump, undeclared, touched it.
    """

    pass_id: str
    drive: Drive
    tracks: tuple[Track, ...]
    fixes: tuple[Fix, ...]
    thing_index: Mapping[str, int]
    jumped: Mapping[str, bool]

    @property
    def world(self) -> World:
        """The district."""
        return self.drive.world

    @property
    def camera(self) -> VehicleCamera:
        """As the site knows it."""
        return self.drive.camera

    @property
    def truth(self) -> dict[str, str]:
        """Thing id by track id."""
        return {name: self.world.things[index].thing_id for name, index in self.thing_index.items()}

    def thing(self, track: Track) -> Thing:
        """What the track truly is."""
        return self.world.things[self.thing_index[track.track_id]]

    def ranges_m(self, track: Track) -> Array:
        """(observations,) true ground distance from the vehicle to the thing's middle."""
        return np.hypot(*(self._vehicle_m(track) - self.thing(track).east_north_m).T)

    def fix_errors_m(self, track: Track) -> Array:
        """(observations, 2) error of the fix under each observation, east and north; NaN without a fix."""
        fixes = [(o.fix.lon_deg, o.fix.lat_deg) if o.fix else (np.nan, np.nan) for o in track.observations]
        return PLANE.east_north_m(fixes) - self._vehicle_m(track)

    def off_m(self, track: Track, place: Place) -> Array:
        """(2,) east, north by which a place of the track misses the thing's middle."""
        return PLANE.east_north_m((place.lon_deg, place.lat_deg))[0] - self.thing(track).east_north_m

    def _vehicle_m(self, track: Track) -> Array:
        start = self.world.params.at + pass_start(self.drive.number)
        times = np.array([(seen.captured_at - start).total_seconds() for seen in track.observations])
        return self.drive.ride.at(times)[0]


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
    tilts = _measured_tilts(drive, rng)
    pass_id = f"sim-{world.seed}-{drive.camera.camera_id}-{number}"
    groups = _groups(drive)
    together = _seen_together(groups)
    tracks: list[Track] = []
    index: dict[str, int] = {}
    jumped: dict[str, bool] = {}
    for ordinal, group in enumerate(groups):
        name = f"{pass_id}/0/{ordinal}"
        kept = _thinned(group)
        observations = tuple(_observation(s, pass_id, start, track_of, tilts, drive) for s in kept)
        beside = tuple(f"{pass_id}/0/{other}" for other in together[ordinal])
        tracks.append(Track(name, ordinal, 0, group[0].cue, observations, len(group), beside))
        index[name] = group[0].index
        jumped[name] = _touched(reception, kept)
    return Pass(pass_id, drive, tuple(tracks), reception.fixes, index, jumped)


def _groups(drive: Drive) -> list[list[Seen]]:
    """Sightings of one thing without a long gap, in the order of their first pictures."""
    open_: dict[int, list[Seen]] = {}
    done: list[list[Seen]] = []
    for seen in drive.seen:
        last = open_.get(seen.index)
        if last is not None and seen.time_s - last[-1].time_s > TRACKER.lost_s:
            done.append(last)
            last = None
        if last is None:
            open_[seen.index] = last = []
        last.append(seen)
    done += open_.values()
    confirmed = [group for group in done if _confirmed(group)]
    return sorted(confirmed, key=lambda group: (group[0].seq, group[0].index))


def _confirmed(group: list[Seen]) -> bool:
    """Whether the tracker would believe in it."""
    often = len(group) >= TRACKER.confirm_hits
    return often and sum(seen.confidence for seen in group) >= TRACKER.confirm_confidence


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
    if len(group) <= MAX_OBSERVATIONS:
        return group
    return [group[i] for i in np.unique(np.linspace(0, len(group) - 1, MAX_OBSERVATIONS).round().astype(int)).tolist()]


def _measured_tilts(drive: Drive, rng: np.random.Generator) -> dict[int, tuple[float, float]]:
    """Pitch and roll by picture, as a sensor on the body measures them at that moment; empty without one."""
    if drive.ride.profile.imu_deg is None:
        return {}
    times = {seen.seq: seen.time_s for seen in drive.seen}
    _, _, attitude, _ = drive.ride.at(np.array(list(times.values())))
    measured = attitude[:, 1:] + rng.normal(0.0, drive.ride.profile.imu_deg, (len(times), 2))
    return {seq: (pitch, roll) for seq, (pitch, roll) in zip(times, measured.tolist(), strict=True)}


def _observation(
    seen: Seen, pass_id: str, start: datetime, fixes: FixTrack, tilts: Mapping[int, tuple[float, float]], drive: Drive
) -> Observation:
    at = start + timedelta(seconds=seen.time_s)
    lens = drive.camera.lens
    fix = fixes.at(at)
    if fix is not None and seen.seq in tilts:
        fix = replace(fix, pitch_deg=tilts[seen.seq][0], roll_deg=tilts[seen.seq][1])
    return Observation(
        frame_id=f"{pass_id}:{seen.seq}",
        seq=seen.seq,
        captured_at=at,
        xyxy=seen.xyxy,
        confidence=seen.confidence,
        cue=seen.cue,
        fix=fix,
        frame_width_px=lens.width_px,
        frame_height_px=lens.height_px,
        companions=seen.companions,
    )


def _touched(reception: Reception, kept: list[Seen]) -> bool:
    if reception.jump_s is None:
        return False
    start, end = reception.jump_s
    return kept[-1].time_s >= start and kept[0].time_s <= end
